//! The id of a registry.

use std::{fmt, str::FromStr};

/// The id of a registry: random, made with it, and kept by its backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegistryId(pub [u8; 16]);

impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for RegistryId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<RegistryId, &'static str> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(RegistryId).ok_or("not the id of a registry")
    }
}
