//! Every setting, in one table: its flag, its environment variable, its key in the configuration file and its line in
//! the reference are projections of its row.
//!
//! A flag wins over the environment, the environment over the file, the file over the default.
//!
//! * [`flags`]: settings on the command line
//! * [`sources`]: where settings come from
//! * [`values`]: how values are written

mod flags;
mod sources;
mod values;

pub(crate) use flags::{EveryCommand, Flags, ServeCommand};
pub(crate) use sources::{CONFIG_ENV, Sources};
pub(crate) use values::LogFormat;

use crate::{Refusal, seconds::Seconds};
use carnelian_app::settings::SettingInForce;
use carnelian_domain::{Problem, Rules};
use carnelian_http::openapi::PublishedSetting;
use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf};
use values::Value;

/// How every environment variable of ours begins.
const ENV_PREFIX: &str = "CARNELIAN_";

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

    /// Takes over a value, which came from a source.
    fn set(&self, settings: &mut Settings, text: &str, source: &str) -> Result<(), Refusal> {
        let (fewest, most) = (self.range.start(), self.range.end());
        let bounds = if self.range == ANY { String::new() } else { format!(" from {fewest} to {most}") };
        let bad = || Refusal::usage(format!("{source} is {text:?}, and must be {}{bounds}", self.expected));
        if text.parse().is_ok_and(|number| !self.range.contains(&number)) {
            return Err(bad());
        }
        (self.apply)(settings, text).map_err(|()| bad())
    }
}

impl Settings {
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
}
