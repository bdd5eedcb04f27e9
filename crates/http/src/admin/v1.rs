//! Version 1 of administration.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod erasures;
pub(crate) mod groups;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod settings;
pub(crate) mod shape;
pub(crate) mod status;
pub(crate) mod users;
pub(crate) mod wire;
