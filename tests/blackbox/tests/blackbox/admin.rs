//! Everything below `/admin`.

pub(crate) mod v1;
