//! Where the value of a setting comes from.

use super::Setting;
use std::path::PathBuf;

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueOrigin {
    /// It is the default.
    Default,
    /// The configuration file of this name.
    File(PathBuf),
    /// The setting's environment variable.
    Environment,
    /// The setting's flag.
    Flag,
}

impl ValueOrigin {
    /// Its name: of a file, of a variable or of a flag.
    pub(crate) fn name(&self, setting: &Setting) -> String {
        match self {
            ValueOrigin::Default => "default".to_owned(),
            ValueOrigin::File(path) => path.display().to_string(),
            ValueOrigin::Environment => setting.env(),
            ValueOrigin::Flag => format!("--{}", setting.flag()),
        }
    }

    /// Its name in the error message about a value, with the setting's key if it has several settings.
    pub(super) fn in_error(&self, setting: &Setting) -> String {
        match self {
            ValueOrigin::File(path) => format!("{}: {}", path.display(), setting.key),
            _ => self.name(setting),
        }
    }
}
