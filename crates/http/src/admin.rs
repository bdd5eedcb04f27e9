//! Administration: the registry itself, for operators.

pub(crate) mod v1;
