//! The settings in force, for operators.

use super::Admin;
use crate::settings::SettingInForce;

impl Admin<'_> {
    /// All settings of this server.
    pub fn settings(&self) -> &[SettingInForce] {
        &self.app.settings
    }
}
