//! The `rws` REST API.

pub(crate) mod v1;
