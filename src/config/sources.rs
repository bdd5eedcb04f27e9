//! Reads settings from the configuration file, the environment and the flags.

use super::{
    ENV_PREFIX, SETTINGS, Setting, Settings, ValueOrigin,
    flags::{EveryCommand, Flags, ServeCommand},
};
use crate::{CliError, commands::input::is_dash};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The environment variable that names the configuration file.
pub(crate) const CONFIG_ENV: &str = "CARNELIAN_CONFIG";

/// The environment variable with the API key for the server that commands use. It is a secret, so it is no setting of the table.
pub(crate) const SERVER_KEY_ENV: &str = "CARNELIAN_SERVER_KEY";

/// The sources of settings other than flags.
pub(crate) struct Sources {
    /// The configuration file that `--config` names.
    pub(crate) file: Option<PathBuf>,
    /// The environment variables.
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// The environment variable in which a service manager names the directory of the secrets that it hands over.
const CREDENTIALS_ENV: &str = "CREDENTIALS_DIRECTORY";

impl Settings {
    /// Applies the file, the environment and the flags to the defaults, in this order. An unknown or invalid setting is an
    /// error that names it.
    pub(crate) fn gather(
        defaults: Settings,
        sources: &Sources,
        every: &Flags<EveryCommand>,
        serve: Option<&Flags<ServeCommand>>,
    ) -> Result<Settings, CliError> {
        let mut settings = defaults;
        let (env, env_file) = known_env(&sources.env)?;
        settings.config_file = sources.file.clone().or(env_file);
        if let Some(file) = settings.config_file.clone() {
            settings.read_file(&file)?;
        }
        for (setting, text) in env {
            setting.set(&mut settings, &text, ValueOrigin::Environment)?;
        }
        let given = every.given.iter().chain(serve.into_iter().flat_map(|flags| &flags.given));
        for (key, text) in given {
            if let Some(setting) = find(key) {
                setting.set(&mut settings, text, ValueOrigin::Flag)?;
            }
        }
        let credentials = sources.env.iter().find(|(name, _)| name == CREDENTIALS_ENV);
        settings.credentials = credentials.map(|(_, directory)| directory.into());
        Ok(settings)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), CliError> {
        if is_dash(path) {
            return Err(CliError::usage(
                "the configuration is read from a file, not from stdin; write ./- for a file -",
            ));
        }
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| CliError::usage(format!("{}: {error}", path.display())))?;
        self.read_toml(&text, path)
    }

    /// Applies the text of a configuration file. Accepts any text without panicking.
    pub fn read_toml(&mut self, text: &str, path: &Path) -> Result<(), CliError> {
        let at = |what: &str| format!("{}: {what}", path.display());
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| CliError::usage(at(&error.to_string())))?;
        let mut entries = Vec::new();
        flatten("", &table, &mut entries);
        for (key, value) in entries {
            let setting = find(&key).ok_or_else(|| CliError::usage(at(&format!("unknown setting {key:?}"))))?;
            setting.set(self, &value, ValueOrigin::File(path.to_owned()))?;
        }
        Ok(())
    }
}

fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The settings in the environment, and the configuration file that `CARNELIAN_CONFIG` names.
type KnownEnv = (Vec<(&'static Setting, String)>, Option<PathBuf>);

fn known_env(env: &[(OsString, OsString)]) -> Result<KnownEnv, CliError> {
    let (mut known, mut file) = (Vec::new(), None);
    for (name, value) in env {
        let Some(name) = name.to_str().filter(|name| name.starts_with(ENV_PREFIX)) else { continue };
        if name == CONFIG_ENV {
            file = Some(value.into());
            continue;
        }
        if name == SERVER_KEY_ENV {
            continue;
        }
        let setting = SETTINGS.iter().find(|setting| setting.env() == name);
        if setting.is_none() && is_of_kubernetes(name) {
            continue;
        }
        let setting = setting.ok_or_else(|| CliError::usage(format!("unknown environment variable {name}")))?;
        let value =
            value.to_str().ok_or_else(|| CliError::usage(format!("environment variable {name} is not valid UTF-8")))?;
        known.push((setting, value.to_owned()));
    }
    Ok((known, file))
}

/// Whether Kubernetes makes a variable of this name for a service whose name begins with `carnelian`.
///
/// For a service `carnelian-eu` and its ports, every container of the namespace gets `CARNELIAN_EU_SERVICE_HOST`,
/// `CARNELIAN_EU_SERVICE_PORT`, `CARNELIAN_EU_SERVICE_PORT_HTTP` (for a port that has a name), `CARNELIAN_EU_PORT`,
/// `CARNELIAN_EU_PORT_8080_TCP` and, with a suffix, `…_TCP_PROTO`, `…_TCP_PORT` and `…_TCP_ADDR`.
fn is_of_kubernetes(name: &str) -> bool {
    let ends = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"].iter().any(|end| name.ends_with(end));
    ends || name.contains("_SERVICE_PORT_") || is_port_of_kubernetes(name)
}

/// Whether a name ends like `_PORT_8080_TCP`, or like that with a suffix.
fn is_port_of_kubernetes(name: &str) -> bool {
    let name = ["_PROTO", "_PORT", "_ADDR"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let Some((port, protocol)) = name.rsplit_once("_PORT_").and_then(|(_, port)| port.split_once('_')) else {
        return false;
    };
    port.parse::<u16>().is_ok() && ["TCP", "UDP", "SCTP"].contains(&protocol)
}

/// Flattens nested tables into dotted keys, and lists of strings into the form of flags, with commas.
fn flatten(prefix: &str, table: &toml::Table, entries: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{key}."), inner, entries),
            toml::Value::String(text) => entries.push((key, text.clone())),
            toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                let items: Vec<_> = items.iter().filter_map(toml::Value::as_str).collect();
                entries.push((key, items.join(",")));
            }
            other => entries.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(file: Option<&Path>, env: &[(&str, &str)]) -> Sources {
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Sources { file: file.map(Path::to_owned), env }
    }

    fn gather(file: &str, env: &[(&str, &str)], given: &[(&'static str, &str)]) -> Result<Settings, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.toml");
        std::fs::write(&path, file).expect("writes");
        Settings::gather(Settings::default(), &sources(Some(&path), env), &Flags::new(&[]), Some(&Flags::new(given)))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn flags_override_the_environment_which_overrides_the_file() {
        let (file, env) =
            ("limits.country = 1\nlimits.mobile = 1\n[timeouts]\nbody_seconds = 1\n", "CARNELIAN_LIMITS_MOBILE");
        let settings = gather(file, &[(env, "2"), ("CARNELIAN_LIMITS_COUNTRY", "2")], &[("limits.country", "3")]);
        let settings = settings.expect("good settings");
        assert_eq!((settings.country, settings.mobile, settings.body_seconds), (3, 2, 1));
    }

    #[test]
    fn an_error_names_the_unknown_or_invalid_setting() {
        let named = |result: Result<Settings, String>, name: &str| {
            let message = result.expect_err("an error");
            assert!(message.contains(name), "{message}");
        };
        named(gather("limits.county = 1", &[], &[]), "limits.county");
        named(gather("limits.country = true", &[], &[]), "limits.country");
        named(gather("", &[("CARNELIAN_LISTN", "x")], &[]), "CARNELIAN_LISTN");
        named(gather("", &[("CARNELIAN_LISTEN", "x")], &[]), "CARNELIAN_LISTEN");
        named(gather("", &[], &[("listen", "x")]), "--listen");
        named(gather("", &[], &[("limits.connections", "0")]), "--limits-connections");
        named(gather("", &[], &[("limits.connections", "18446744073709551615")]), "from 1 to 1000000");
        let grace = gather("", &[("CARNELIAN_ERASURE_GRACE", "99999999999d")], &[]);
        named(grace, "such as 90d, or 0, from 0 to 3650d");
        assert!(gather("erasure.grace = \"3650d\"", &[], &[]).is_ok());
        named(gather("erasure.grace = \"3651d\"", &[], &[]), "erasure.grace");
        named(gather("x = ", &[], &[]), "carnelian.toml");
    }

    #[test]
    fn variables_that_kubernetes_makes_for_a_service_are_no_settings() {
        for name in [
            "CARNELIAN_SERVICE_HOST",
            "CARNELIAN_SERVICE_PORT",
            "CARNELIAN_SERVICE_PORT_HTTPS",
            "CARNELIAN_PORT",
            "CARNELIAN_PORT_8080_TCP",
            "CARNELIAN_PORT_8080_TCP_PROTO",
            "CARNELIAN_PORT_53_UDP_PORT",
            "CARNELIAN_PORT_9_SCTP_ADDR",
            "CARNELIAN_EU_1_SERVICE_HOST",
            "CARNELIAN_EU_1_PORT_8080_TCP_ADDR",
        ] {
            let settings = gather("", &[(name, "tcp://10.0.0.1:8080")], &[]).expect("is ignored");
            let values =
                |settings: &Settings| SETTINGS.iter().map(|setting| setting.shown(settings)).collect::<Vec<_>>();
            assert_eq!(values(&settings), values(&Settings::default()), "{name}");
        }
        for name in [
            "CARNELIAN_PORTS",
            "CARNELIAN_SERVICE",
            "CARNELIAN_PORT_8080",
            "CARNELIAN_PORT_80800_TCP",
            "CARNELIAN_PORT_8080_ICMP",
            "CARNELIAN_PORT_8080_TCP_HOST",
            "CARNELIAN_PORT_HTTP_TCP",
        ] {
            assert!(gather("", &[(name, "x")], &[]).is_err_and(|error| error.contains(name)), "{name}");
        }
        assert!(SETTINGS.iter().all(|setting| !is_of_kubernetes(&setting.env())), "no setting looks like one");
    }

    #[test]
    fn every_number_and_duration_has_bounds() {
        for setting in SETTINGS {
            let mut settings = Settings::default();
            if setting.default().is_none() {
                // An optional number is none until it is set.
                let _ = (setting.apply)(&mut settings, "0");
            }
            assert_eq!(setting.bounds().is_some(), (setting.number)(&settings).is_some(), "{}", setting.key);
        }
    }

    #[test]
    fn every_default_parses_as_it_is_shown() {
        for setting in SETTINGS {
            if let Some(default) = setting.default() {
                assert!((setting.apply)(&mut Settings::default(), &default).is_ok(), "{}", setting.key);
            }
        }
    }
}
