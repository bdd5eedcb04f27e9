//! The `rws` REST API, for applications.

pub(crate) mod v1;
