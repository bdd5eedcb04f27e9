//! The administration API, for operators.

pub(crate) mod v1;
