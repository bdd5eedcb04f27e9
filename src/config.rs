//! Every setting, in one table: its flag, its environment variable, its key in the configuration file and its line in
//! the reference are projections of its row.
//!
//! A flag wins over the environment, the environment over the file, the file over the default.

use crate::{Refusal, seconds::Seconds};
use carnelian_app::settings::SettingInForce;
use carnelian_domain::{Problem, Rules};
use carnelian_http::openapi::PublishedSetting;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::{
    ffi::OsString,
    fmt,
    marker::PhantomData,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The environment variable that names the configuration file.
pub(crate) const CONFIG_ENV: &str = "CARNELIAN_CONFIG";

/// How every environment variable of ours begins.
const ENV_PREFIX: &str = "CARNELIAN_";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<LogFormat, ()> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(()),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) insecure_http: bool,
    pub(crate) log: LogFormat,
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    pub(crate) requests_per_second: u32,
    pub(crate) country: usize,
    pub(crate) mobile: usize,
    pub(crate) header_seconds: u64,
    pub(crate) body_seconds: u64,
    pub(crate) require_shipping_address: bool,
    pub(crate) erasure_grace: Seconds,
    pub(crate) strict_upstream: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        let rules = Rules::default();
        Settings {
            data: "./carnelian-data".into(),
            master_key_file: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: None,
            tls_key: None,
            insecure_http: false,
            log: LogFormat::Text,
            body_bytes: 64 * 1024,
            connections: 10_000,
            requests_per_second: 0,
            country: rules.max_of(Problem::InvalidCountry),
            mobile: rules.max_of(Problem::InvalidContactMobile),
            header_seconds: 10,
            body_seconds: 10,
            require_shipping_address: rules.require_shipping_address,
            erasure_grace: Seconds(30 * 24 * 60 * 60),
            strict_upstream: false,
        }
    }
}

/// Which commands a setting concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every command; the flag can stand before or after it.
    Every,
    /// `serve` alone.
    Serve,
}

/// The range of a value that is no number, or may be any.
const ANY: RangeInclusive<u64> = 0..=u64::MAX;

/// One row of the table.
pub struct Setting {
    /// The key in the configuration file, with dots between tables; flag and variable derive from it.
    pub key: &'static str,
    /// What stands for the value in help texts; none for a switch.
    pub(crate) value_name: Option<&'static str>,
    /// The commands that it concerns.
    pub(crate) scope: Scope,
    /// What the setting does.
    pub(crate) help: &'static str,
    /// What a value must be.
    expected: &'static str,
    /// Which numbers a value may be, if it is one.
    range: RangeInclusive<u64>,
    apply: fn(&mut Settings, &str) -> Result<(), ()>,
    show: fn(&Settings) -> Option<String>,
}

macro_rules! settings {
    ($($key:literal, $field:ident, $value_name:expr, $scope:ident, $expected:literal, $range:expr, $help:literal;)*) => {
        /// Every setting.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            value_name: $value_name,
            scope: Scope::$scope,
            help: $help,
            expected: $expected,
            range: $range,
            apply: |settings, text| settings.$field.read(text),
            show: |settings| settings.$field.show(),
        },)*];
    };
}

settings! {
    "data", data, Some("DIR"), Every, "a directory", ANY,
        "The directory that holds the registry; made if missing";
    "master_key_file", master_key_file, Some("FILE"), Every, "a file", ANY,
        "The file that holds the master key; without it `master.key` in the data directory, made at first start";
    "listen", listen, Some("ADDRESS"), Serve, "an IP address and a port, as in 127.0.0.1:8080", ANY,
        "Where to listen; port 0 takes a free one";
    "tls.cert", tls_cert, Some("FILE"), Serve, "a file", ANY,
        "The certificate chain in PEM form; read again on SIGHUP";
    "tls.key", tls_key, Some("FILE"), Serve, "a file", ANY,
        "The certificate's private key in PEM form; read again on SIGHUP";
    "insecure_http", insecure_http, None, Serve, "true or false", ANY,
        "Listen on any address without TLS, because something in front of the server does it";
    "log", log, Some("FORMAT"), Serve, "text or json", ANY,
        "How log lines look: text or json";
    "limits.body_bytes", body_bytes, Some("BYTES"), Serve, "a number of bytes", 1..=1 << 30,
        "The largest request body";
    "limits.connections", connections, Some("COUNT"), Serve, "a number of connections", 1..=1_000_000,
        "How many connections are served at once";
    "limits.requests_per_second", requests_per_second, Some("COUNT"), Serve, "a number of requests", 0..=1_000_000,
        "How many requests a second a user may make; 0 for any number";
    "limits.country", country, Some("CHARACTERS"), Serve, "a number of characters", 0..=65_536,
        "The longest country of an address";
    "limits.mobile", mobile, Some("CHARACTERS"), Serve, "a number of characters", 0..=65_536,
        "The longest mobile number of a contact";
    "timeouts.header_seconds", header_seconds, Some("SECONDS"), Serve, "a number of seconds", 1..=86_400,
        "How long a request's header may take to arrive, and how long a connection may be idle";
    "timeouts.body_seconds", body_seconds, Some("SECONDS"), Serve, "a number of seconds", 1..=86_400,
        "How long a request's body may take to arrive";
    "compat.require_shipping_address", require_shipping_address, None, Serve, "true or false", ANY,
        "Refuse a customer without a shipping address unless it ships to the billing address";
    "erasure.grace", erasure_grace, Some("DURATION"), Every, "a number and s, m, h or d, as in 90d, or 0", ANY,
        "How long after it was asked for an account is erased; 0 for at once";
    "compat.strict_upstream", strict_upstream, None, Serve, "true or false", ANY,
        "Hold users to the limits of the original service: 5 calls a second, and one at a time";
}

/// A value that can be read from a text and shown as one.
trait Value {
    fn read(&mut self, text: &str) -> Result<(), ()>;
    fn show(&self) -> Option<String>;
}

macro_rules! values {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn read(&mut self, text: &str) -> Result<(), ()> {
                *self = text.parse().map_err(drop)?;
                Ok(())
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

values!(bool, usize, u32, u64, SocketAddr, LogFormat, Seconds);

impl Value for PathBuf {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        if text.is_empty() {
            return Err(());
        }
        *self = text.into();
        Ok(())
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for Option<PathBuf> {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        self.insert(PathBuf::new()).read(text)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }
}

impl Setting {
    /// The command-line flag, without its dashes.
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// The environment variable.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Whether it changes what a caller of the API is answered.
    fn concerns_callers(&self) -> bool {
        ["limits.", "compat."].iter().any(|table| self.key.starts_with(table))
    }

    /// The value in some settings, as it would be written; none if there is none.
    pub fn shown(&self, settings: &Settings) -> Option<String> {
        (self.show)(settings)
    }

    /// The value without any other, as it would be written.
    pub(crate) fn default(&self) -> Option<String> {
        self.shown(&Settings::default())
    }

    fn set(&self, settings: &mut Settings, text: &str, source: &str) -> Result<(), Refusal> {
        let (fewest, most) = (self.range.start(), self.range.end());
        let bounds = if self.range == ANY { String::new() } else { format!(" from {fewest} to {most}") };
        let bad = || Refusal::usage(format!("{source} is {text:?}, and must be {}{bounds}", self.expected));
        if text.parse().is_ok_and(|number| !self.range.contains(&number)) {
            return Err(bad());
        }
        (self.apply)(settings, text).map_err(|()| bad())
    }

    fn arg(&self) -> Arg {
        let arg = Arg::new(self.key).long(self.flag()).help(self.arg_help()).global(self.scope == Scope::Every);
        // What the original service does is often asked for by hand.
        let arg = match self.key.strip_prefix("compat.") {
            Some(short) => arg.visible_alias(short.replace('_', "-")),
            None => arg,
        };
        match self.value_name {
            Some(name) => arg.value_name(name),
            None => arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL"),
        }
    }

    fn arg_help(&self) -> String {
        let default = self.default().map(|default| format!(", default: {default}")).unwrap_or_default();
        format!("{} [env: {}{default}]", self.help, self.env())
    }
}

/// The flags of one scope as they were given on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Flags<S> {
    given: Vec<(&'static str, String)>,
    scope: PhantomData<S>,
}

/// Names a [`Scope`] as a type.
pub(crate) trait InScope {
    /// The scope.
    const SCOPE: Scope;
}

/// [`Scope::Every`].
#[derive(Clone, Debug)]
pub(crate) struct EveryCommand;

/// [`Scope::Serve`].
#[derive(Clone, Debug)]
pub(crate) struct ServeCommand;

impl InScope for EveryCommand {
    const SCOPE: Scope = Scope::Every;
}

impl InScope for ServeCommand {
    const SCOPE: Scope = Scope::Serve;
}

fn in_scope<S: InScope>() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.scope == S::SCOPE)
}

impl<S: InScope> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags<S>, clap::Error> {
        let given = |setting: &'static Setting| {
            let value = matches.get_one::<String>(setting.key);
            value.map(|value| (setting.key, value.clone()))
        };
        Ok(Flags { given: in_scope::<S>().filter_map(given).collect(), scope: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<S: InScope> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        command.args(in_scope::<S>().map(Setting::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Where settings come from besides the flags.
pub(crate) struct Sources {
    /// The configuration file, if a flag names one.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) env: Vec<(OsString, OsString)>,
}

impl Settings {
    /// Lays file, environment and flags over the defaults; an unknown or bad setting is an error that names it.
    pub(crate) fn gather(
        defaults: Settings,
        sources: &Sources,
        every: &Flags<EveryCommand>,
        serve: Option<&Flags<ServeCommand>>,
    ) -> Result<Settings, Refusal> {
        let mut settings = defaults;
        let (env, env_file) = known_env(&sources.env)?;
        if let Some(file) = sources.file.as_deref().or(env_file.as_deref()) {
            settings.read_file(file)?;
        }
        for (setting, text) in env {
            setting.set(&mut settings, &text, &setting.env())?;
        }
        let given = every.given.iter().chain(serve.into_iter().flat_map(|flags| &flags.given));
        for (key, text) in given {
            if let Some(setting) = find(key) {
                setting.set(&mut settings, text, &format!("--{}", setting.flag()))?;
            }
        }
        Ok(settings)
    }

    /// The settings that the published interface shows, with their values in force.
    pub(crate) fn published(&self) -> Vec<PublishedSetting> {
        let published = |setting: &'static Setting| {
            let value = setting.shown(self)?;
            Some(PublishedSetting { key: setting.key, value, help: setting.help })
        };
        SETTINGS.iter().filter(|setting| setting.concerns_callers()).filter_map(published).collect()
    }

    /// Every setting, with its value in force.
    pub(crate) fn in_force(&self) -> Vec<SettingInForce> {
        let in_force = |setting: &'static Setting| SettingInForce {
            name: setting.key,
            value: setting.shown(self),
            default: setting.default(),
        };
        SETTINGS.iter().map(in_force).collect()
    }

    fn read_file(&mut self, path: &Path) -> Result<(), Refusal> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Refusal::usage(format!("{}: {error}", path.display())))?;
        self.read_toml(&text, path)
    }

    /// Takes over what the text of a configuration file sets; total for any text.
    pub fn read_toml(&mut self, text: &str, path: &Path) -> Result<(), Refusal> {
        let at = |what: &str| format!("{}: {what}", path.display());
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| Refusal::usage(at(&error.to_string())))?;
        let mut entries = Vec::new();
        flatten("", &table, &mut entries);
        for (key, value) in entries {
            let setting = find(&key).ok_or_else(|| Refusal::usage(at(&format!("unknown setting {key:?}"))))?;
            setting.set(self, &value, &at(&key))?;
        }
        Ok(())
    }
}

fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The settings in the environment, and the configuration file that it names.
type KnownEnv = (Vec<(&'static Setting, String)>, Option<PathBuf>);

fn known_env(env: &[(OsString, OsString)]) -> Result<KnownEnv, Refusal> {
    let (mut known, mut file) = (Vec::new(), None);
    for (name, value) in env {
        let Some(name) = name.to_str().filter(|name| name.starts_with(ENV_PREFIX)) else { continue };
        if name == CONFIG_ENV {
            file = Some(value.into());
            continue;
        }
        let setting = SETTINGS.iter().find(|setting| setting.env() == name);
        let setting = setting.ok_or_else(|| Refusal::usage(format!("unknown setting {name} in the environment")))?;
        let value = value.to_str().ok_or_else(|| Refusal::usage(format!("{name} is not UTF-8")))?;
        known.push((setting, value.to_owned()));
    }
    Ok((known, file))
}

/// The values of nested tables under dotted keys.
fn flatten(prefix: &str, table: &toml::Table, entries: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let key = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{key}."), inner, entries),
            toml::Value::String(text) => entries.push((key, text.clone())),
            other => entries.push((key, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags<S: InScope>(given: &[(&'static str, &str)]) -> Flags<S> {
        let given = given.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Flags { given, scope: PhantomData }
    }

    fn sources(file: Option<&Path>, env: &[(&str, &str)]) -> Sources {
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Sources { file: file.map(Path::to_owned), env }
    }

    fn gather(file: &str, env: &[(&str, &str)], given: &[(&'static str, &str)]) -> Result<Settings, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.toml");
        std::fs::write(&path, file).expect("writes");
        Settings::gather(Settings::default(), &sources(Some(&path), env), &flags(&[]), Some(&flags(given))).map_err(
            |refusal| match refusal {
                Refusal::Usage(why) | Refusal::Refused(why) => why,
            },
        )
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let (file, env) =
            ("limits.country = 1\nlimits.mobile = 1\n[timeouts]\nbody_seconds = 1\n", "CARNELIAN_LIMITS_MOBILE");
        let settings = gather(file, &[(env, "2"), ("CARNELIAN_LIMITS_COUNTRY", "2")], &[("limits.country", "3")]);
        let settings = settings.expect("good settings");
        assert_eq!((settings.country, settings.mobile, settings.body_seconds), (3, 2, 1));
    }

    #[test]
    fn an_unknown_or_bad_setting_is_named() {
        let named = |result: Result<Settings, String>, name: &str| {
            let why = result.expect_err("a refusal");
            assert!(why.contains(name), "{why}");
        };
        named(gather("limits.county = 1", &[], &[]), "limits.county");
        named(gather("limits.country = true", &[], &[]), "limits.country");
        named(gather("", &[("CARNELIAN_LISTN", "x")], &[]), "CARNELIAN_LISTN");
        named(gather("", &[("CARNELIAN_LISTEN", "x")], &[]), "CARNELIAN_LISTEN");
        named(gather("", &[], &[("listen", "x")]), "--listen");
        named(gather("", &[], &[("limits.connections", "0")]), "--limits-connections");
        named(gather("", &[], &[("limits.connections", "18446744073709551615")]), "from 1 to 1000000");
        named(gather("x = ", &[], &[]), "carnelian.toml");
    }

    #[test]
    fn every_default_can_be_written_as_it_is_shown() {
        for setting in SETTINGS {
            if let Some(default) = setting.default() {
                assert!((setting.apply)(&mut Settings::default(), &default).is_ok(), "{}", setting.key);
            }
        }
    }
}
