//! Everything below `/admin`.

mod v1;
