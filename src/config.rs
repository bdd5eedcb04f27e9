//! All settings, in one table. The flag, the environment variable, the key in the configuration file and the line in the
//! reference of a setting are derived from its row.
//!
//! Flags override environment variables, which override the configuration file, which overrides the defaults.
//!
//! * [`flags`]: settings as command-line flags
//! * [`origin`]: where the value of a setting comes from
//! * [`sources`]: reads the configuration file, the environment and the flags
//! * [`values`]: parses and formats values

mod flags;
mod origin;
mod sources;
mod values;

pub(crate) use flags::{EveryCommand, Flags, GLOBAL_OPTIONS, ServeCommand};
pub(crate) use origin::ValueOrigin;
pub(crate) use sources::{CONFIG_ENV, SERVER_KEY_ENV, Sources};
pub(crate) use values::{DatabaseUrl, Durability, LogFormat, LogLevel};

use crate::{CliError, seconds::Seconds};
use carnelian_app::{
    jobs::JobSettings,
    settings::{MAX_GRACE, SettingInForce},
};
use carnelian_domain::{AddressRange, Problem, Rules};
use carnelian_http::{ProxyHeader, TrustedProxies, openapi::PublishedSetting};
use std::{collections::BTreeMap, net::SocketAddr, ops::RangeInclusive, path::PathBuf};
use values::Value;

/// The prefix of all environment variables.
const ENV_PREFIX: &str = "CARNELIAN_";

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) database_url: Option<DatabaseUrl>,
    pub(crate) database_password_file: Option<PathBuf>,
    pub(crate) database_ca_file: Option<PathBuf>,
    pub(crate) database_durability: Durability,
    pub(crate) server_url: Option<String>,
    pub(crate) server_user: Option<String>,
    pub(crate) server_key_file: Option<PathBuf>,
    pub(crate) server_ca_file: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) insecure_http: bool,
    pub(crate) proxy_trusted: Vec<AddressRange>,
    pub(crate) proxy_header: ProxyHeader,
    pub(crate) log: LogFormat,
    pub(crate) log_level: LogLevel,
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) requests_per_second: u32,
    pub(crate) requests_per_second_per_account: u32,
    pub(crate) requests_per_second_per_address: u32,
    pub(crate) country: usize,
    pub(crate) mobile: usize,
    pub(crate) header_seconds: u64,
    pub(crate) body_seconds: u64,
    pub(crate) require_shipping_address: bool,
    pub(crate) erasure_grace: Option<Seconds>,
    pub(crate) erasure_copies_kept: Option<Seconds>,
    pub(crate) backup_every: Seconds,
    pub(crate) backup_keep: usize,
    pub(crate) jobs_upload_bytes: u64,
    pub(crate) jobs_keep: Seconds,
    pub(crate) strict_upstream: bool,
    pub(crate) audits_answers: bool,
    /// The configuration file that was read.
    pub(crate) config_file: Option<PathBuf>,
    /// Where the service manager hands over secrets. It alone sets that, so it is no setting of the table.
    pub(crate) credentials: Option<PathBuf>,
    /// Where the values come from that are no defaults, by key.
    pub(crate) origins: BTreeMap<&'static str, ValueOrigin>,
}

impl Default for Settings {
    fn default() -> Settings {
        let rules = Rules::default();
        Settings {
            data: "./carnelian-data".into(),
            master_key_file: None,
            database_url: None,
            database_password_file: None,
            database_ca_file: None,
            database_durability: Durability::Local,
            server_url: None,
            server_user: None,
            server_key_file: None,
            server_ca_file: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: None,
            tls_key: None,
            insecure_http: false,
            proxy_trusted: Vec::new(),
            proxy_header: ProxyHeader::XForwardedFor,
            log: LogFormat::Text,
            log_level: LogLevel::Info,
            body_bytes: 64 * 1024,
            connections: 10_000,
            connections_per_address: 9_000,
            requests_per_second: 0,
            requests_per_second_per_account: 0,
            requests_per_second_per_address: 0,
            country: rules.max_of(Problem::InvalidCountry),
            mobile: rules.max_of(Problem::InvalidContactMobile),
            header_seconds: 10,
            body_seconds: 10,
            require_shipping_address: rules.require_shipping_address,
            erasure_grace: None,
            erasure_copies_kept: None,
            backup_every: Seconds(0),
            backup_keep: 7,
            jobs_upload_bytes: 4 << 30,
            jobs_keep: Seconds(24 * 60 * 60),
            strict_upstream: false,
            audits_answers: false,
            config_file: None,
            credentials: None,
            origins: BTreeMap::new(),
        }
    }
}

/// The commands that a setting applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All commands. The flag can precede or follow the command.
    Every,
    /// Only `serve`.
    Serve,
}

/// The range of a value that is not a number, or is not restricted.
const ANY: RangeInclusive<u64> = 0..=u64::MAX;

/// A row of the table.
pub struct Setting {
    /// The key in the configuration file, with dots between tables.
    pub key: &'static str,
    /// The placeholder for the value in help texts; `None` for a boolean.
    pub(crate) value_name: Option<&'static str>,
    /// The commands that it applies to.
    pub(crate) scope: Scope,
    /// What the setting does.
    pub(crate) help: &'static str,
    /// The expected form of a value, for error messages.
    expected: &'static str,
    /// The allowed numbers, if the value is a number, or seconds, if it is a duration.
    range: RangeInclusive<u64>,
    apply: fn(&mut Settings, &str) -> Result<(), ()>,
    show: fn(&Settings) -> Option<String>,
    number: fn(&Settings) -> Option<u64>,
}

macro_rules! settings {
    ($($key:literal, $field:ident, $value_name:expr, $scope:ident, $expected:literal, $range:expr, $help:literal;)*) => {
        /// All settings.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            value_name: $value_name,
            scope: Scope::$scope,
            help: $help,
            expected: $expected,
            range: $range,
            apply: |settings, text| settings.$field.read(text),
            show: |settings| settings.$field.show(),
            number: |settings| settings.$field.number(),
        },)*];
    };
}

settings! {
    "data", data, Some("DIR"), Every, "a directory", ANY,
        "The data directory of the registry; created if missing";
    "master_key_file", master_key_file, Some("FILE"), Every, "a file", ANY,
        "The master key file; by default `master.key` in the data directory, created on the first start";
    "database.url", database_url, Some("URL"), Every, "a URL such as postgres://user@host/name", ANY,
        "The PostgreSQL database of the registry, instead of the data directory, which then holds the master key only";
    "database.password_file", database_password_file, Some("FILE"), Every, "a file", ANY,
        "The file with the database password, if it is neither in the URL nor in PGPASSWORD";
    "database.ca_file", database_ca_file, Some("FILE"), Every, "a file", ANY,
        "The certificates of authorities, in PEM, for the TLS certificate of the database; by default those of the system";
    "database.durability", database_durability, Some("LEVEL"), Every, "local or replicated", ANY,
        "What a write is stored on before it is acknowledged: the disk of the database (local), or that of a synchronous \
         standby as well (replicated)";
    "server.url", server_url, Some("URL"), Every, "a URL such as https://registry.example.com", ANY,
        "The server that administration commands use, over HTTP, instead of opening the registry";
    "server.user", server_user, Some("NAME"), Every, "a user name", ANY,
        "The operator who signs in to that server";
    "server.key_file", server_key_file, Some("FILE"), Every, "a file", ANY,
        "The file with the operator's API key, if it is not in CARNELIAN_SERVER_KEY";
    "server.ca_file", server_ca_file, Some("FILE"), Every, "a file", ANY,
        "The certificates of authorities, in PEM, for the TLS certificate of that server; by default those of the system";
    "listen", listen, Some("ADDRESS"), Serve, "an IP address and a port, such as 127.0.0.1:8080", ANY,
        "The address to listen on; port 0 selects a free port";
    "tls.cert", tls_cert, Some("FILE"), Serve, "a file", ANY,
        "The TLS certificate chain, in PEM; reloaded on SIGHUP";
    "tls.key", tls_key, Some("FILE"), Serve, "a file", ANY,
        "The private key of the TLS certificate, in PEM; reloaded on SIGHUP";
    "insecure_http", insecure_http, None, Serve, "true or false", ANY,
        "Allow plain HTTP on addresses other than loopback, for use behind a TLS-terminating proxy";
    "proxy.trusted", proxy_trusted, Some("RANGES"), Serve, "address ranges such as 10.0.0.0/8, separated by commas", ANY,
        "The addresses of proxies that pass on the addresses of clients: ranges, separated by commas";
    "proxy.header", proxy_header, Some("HEADER"), Serve, "x-forwarded-for, forwarded or proxy-v2", ANY,
        "How trusted proxies pass on the address of a client: the header X-Forwarded-For, the header Forwarded, or version 2 \
         of the PROXY protocol";
    "log", log, Some("FORMAT"), Serve, "text or json", ANY,
        "The log format: text or json";
    "log_level", log_level, Some("LEVEL"), Serve, "error, warn or info", ANY,
        "The least severe messages to log: error, warn or info. The line of each request and the links of the audit log are info";
    "limits.body_bytes", body_bytes, Some("BYTES"), Serve, "a number of bytes", 1..=1 << 30,
        "The maximum size of a request body";
    "limits.connections", connections, Some("COUNT"), Serve, "a number of connections", 1..=1_000_000,
        "The maximum number of concurrent connections";
    "limits.connections_per_address", connections_per_address, Some("COUNT"), Serve, "a number of connections",
        1..=1_000_000,
        "The maximum number of concurrent connections of one client address, or of one IPv6 network (/64)";
    "limits.requests_per_second", requests_per_second, Some("COUNT"), Serve, "a number of requests", 0..=1_000_000,
        "The maximum number of requests per second and user; 0 for no limit";
    "limits.requests_per_second_per_account", requests_per_second_per_account, Some("COUNT"), Serve,
        "a number of requests", 0..=1_000_000,
        "The maximum number of requests per second of all users of an account together; 0 for no limit";
    "limits.requests_per_second_per_address", requests_per_second_per_address, Some("COUNT"), Serve,
        "a number of requests", 0..=1_000_000,
        "The maximum number of requests per second from one client address, or from one IPv6 network (/64); 0 for no limit";
    "limits.country", country, Some("CHARACTERS"), Serve, "a number of characters", 0..=65_536,
        "The maximum length of an address's country";
    "limits.mobile", mobile, Some("CHARACTERS"), Serve, "a number of characters", 0..=65_536,
        "The maximum length of a contact's mobile number";
    "timeouts.header_seconds", header_seconds, Some("SECONDS"), Serve, "a number of seconds", 1..=86_400,
        "The timeout for receiving a request's header section, and for idle connections";
    "timeouts.body_seconds", body_seconds, Some("SECONDS"), Serve, "a number of seconds", 1..=86_400,
        "The timeout for receiving a request's body";
    "compat.require_shipping_address", require_shipping_address, None, Serve, "true or false", ANY,
        "Require a shipping address for customers that do not ship to the billing address";
    "audit.security_answers", audits_answers, None, Serve, "true or false", ANY,
        "Record in the audit log who reads the security answer of a customer; such a read waits for the disk as a write does";
    "erasure.grace", erasure_grace, Some("DURATION"), Serve, "a number followed by s, m, h or d, such as 90d, or 0", 0..=MAX_GRACE,
        "The time between the request for an erasure and the erasure; 0 for none. The registry keeps it; 30d until it is set";
    "erasure.copies_kept", erasure_copies_kept, Some("DURATION"), Serve,
        "a number followed by s, m, h or d, such as 90d, or 0", 0..=MAX_GRACE,
        "How long copies of the database are kept that Carnelian does not make, such as snapshots, base backups and \
         write-ahead logs; receipts of erasures then say when they expire";
    "backup.every", backup_every, Some("DURATION"), Serve, "a number followed by s, m, h or d, such as 1d, or 0", 0..=MAX_GRACE,
        "The time between two backups that the server writes by itself into the folder `jobs` of the data directory; 0 for none";
    "backup.keep", backup_keep, Some("COUNT"), Serve, "a number of backups", 1..=10_000,
        "How many of these backups are kept";
    "jobs.upload_bytes", jobs_upload_bytes, Some("BYTES"), Serve, "a number of bytes", 1..=1 << 50,
        "The maximum size of a file that is sent to be imported";
    "jobs.keep", jobs_keep, Some("DURATION"), Serve, "a number followed by s, m, h or d, such as 7d, or 0", 0..=MAX_GRACE,
        "For how long a job that has ended is kept with its result";
    "compat.strict_upstream", strict_upstream, None, Serve, "true or false", ANY,
        "Enforce the limits of the original service for each user: 5 requests per second, one at a time";
}

impl Setting {
    /// The command-line flag, without the leading dashes.
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// The environment variable.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Whether it affects responses of the API.
    fn affects_callers(&self) -> bool {
        ["limits.", "compat."].iter().any(|table| self.key.starts_with(table))
    }

    /// The value in the given settings, formatted; `None` if it is not set.
    pub fn shown(&self, settings: &Settings) -> Option<String> {
        (self.show)(settings)
    }

    /// The default value, formatted; `None` if there is none.
    pub(crate) fn default(&self) -> Option<String> {
        self.shown(&Settings::default())
    }

    /// Parses and sets a value.
    fn set(&'static self, settings: &mut Settings, text: &str, origin: ValueOrigin) -> Result<(), CliError> {
        let bounds = self.bounds().map(|bounds| format!(", from {bounds}")).unwrap_or_default();
        let named = origin.in_error(self);
        let invalid =
            || CliError::usage(format!("{named}: invalid value {text:?}, expected {}{bounds}", self.expected));
        (self.apply)(settings, text).map_err(|()| invalid())?;
        if (self.number)(settings).is_some_and(|number| !self.range.contains(&number)) {
            return Err(invalid());
        }
        settings.origins.insert(self.key, origin);
        Ok(())
    }

    /// Where the value in the given settings comes from.
    pub(crate) fn origin<'a>(&self, settings: &'a Settings) -> &'a ValueOrigin {
        settings.origins.get(self.key).unwrap_or(&ValueOrigin::Default)
    }

    /// The smallest and the largest value, formatted; `None` if any value is allowed.
    pub(crate) fn bounds(&self) -> Option<String> {
        let is_duration = self.value_name == Some("DURATION");
        let shown = |number: &u64| if is_duration { Seconds(*number).to_string() } else { number.to_string() };
        (self.range != ANY).then(|| format!("{} to {}", shown(self.range.start()), shown(self.range.end())))
    }
}

impl Settings {
    /// The settings that the published interface shows, with their values.
    pub(crate) fn published(&self) -> Vec<PublishedSetting> {
        let published = |setting: &'static Setting| {
            let value = setting.shown(self)?;
            Some(PublishedSetting { key: setting.key, value, help: setting.help })
        };
        SETTINGS.iter().filter(|setting| setting.affects_callers()).filter_map(published).collect()
    }

    /// The proxies in front of the server.
    pub(crate) fn proxies(&self) -> TrustedProxies {
        TrustedProxies::new(&self.proxy_trusted, self.proxy_header)
    }

    /// How jobs are run and kept.
    pub(crate) fn jobs(&self) -> JobSettings {
        JobSettings {
            data: self.data.clone(),
            upload_bytes: self.jobs_upload_bytes,
            keep: self.jobs_keep.0,
            backup_every: Some(self.backup_every.0).filter(|seconds| *seconds > 0),
            backup_keep: self.backup_keep,
        }
    }

    /// Where the registry is.
    pub(crate) fn place(&self) -> String {
        match &self.database_url {
            Some(url) => url.to_string(),
            None => self.data.display().to_string(),
        }
    }

    /// All settings with their values.
    pub(crate) fn in_force(&self) -> Vec<SettingInForce> {
        let in_force = |setting: &'static Setting| SettingInForce {
            name: setting.key,
            value: setting.shown(self),
            default: setting.default(),
            origin: setting.origin(self).name(setting),
        };
        SETTINGS.iter().map(in_force).collect()
    }
}
