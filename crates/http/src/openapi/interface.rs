//! The input of the published interface.

use carnelian_domain::Rules;

/// A setting of the server that affects its callers.
#[derive(Clone, Debug)]
pub struct PublishedSetting {
    /// Its key in the configuration file.
    pub key: &'static str,
    /// Its value in force.
    pub value: String,
    /// What it does.
    pub help: &'static str,
}

/// What the document shows of a server.
#[derive(Clone, Copy, Debug)]
pub struct Interface<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// The settings that affect callers.
    pub settings: &'a [PublishedSetting],
}
