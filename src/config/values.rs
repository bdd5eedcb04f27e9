//! Parses and formats the values of settings.

use crate::seconds::Seconds;
use carnelian_domain::AddressRange;
use carnelian_http::ProxyHeader;
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// Declares a value that is one of some words.
macro_rules! words {
    ($(#[doc = $doc:literal] $name:ident { $(#[doc = $variant_doc:literal] $variant:ident = $word:literal,)* })*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $(#[doc = $variant_doc] $variant,)*
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<$name, ()> {
                match text {
                    $($word => Ok($name::$variant),)*
                    _ => Err(()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($name::$variant => $word,)*
                })
            }
        }
    )*};
}

words! {
    /// The log format.
    LogFormat {
        /// Lines for humans.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }

    /// The least severe messages that are logged.
    LogLevel {
        /// Failures.
        Error = "error",
        /// What an operator should look at, too.
        Warn = "warn",
        /// Everything, with a line for each request.
        Info = "info",
    }

    /// What a write is stored on before it is acknowledged.
    Durability {
        /// The disk of the database.
        Local = "local",
        /// The disk of a synchronous standby as well.
        Replicated = "replicated",
    }
}

/// The URL of a database. It is shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL, with its password.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, parameters) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
        match rest.rsplit_once('@') {
            Some((user, host)) => write!(f, "{scheme}://{}@{host}", user.split(':').next().unwrap_or_default())?,
            None => write!(f, "{scheme}://{rest}")?,
        }
        let shown =
            parameters.split('&').filter(|parameter| !parameter.is_empty() && !parameter.starts_with("password"));
        for (number, parameter) in shown.enumerate() {
            write!(f, "{}{parameter}", if number == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for Option<DatabaseUrl> {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        let is_known = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        *self = Some(DatabaseUrl(text.to_owned())).filter(|_| is_known);
        self.as_ref().map(drop).ok_or(())
    }

    fn show(&self) -> Option<String> {
        self.as_ref().map(ToString::to_string)
    }
}

/// A value that can be parsed from a text and formatted as one.
pub(super) trait Value {
    fn read(&mut self, text: &str) -> Result<(), ()>;
    fn show(&self) -> Option<String>;

    /// The number to which bounds apply: of a duration, the seconds.
    fn number(&self) -> Option<u64> {
        None
    }
}

macro_rules! values {
    ($($type:ty $(, $number:expr)?;)*) => {$(
        impl Value for $type {
            fn read(&mut self, text: &str) -> Result<(), ()> {
                *self = text.parse().map_err(drop)?;
                Ok(())
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }

            $(fn number(&self) -> Option<u64> {
                $number(*self)
            })?
        }
    )*};
}

values! {
    bool;
    SocketAddr;
    Durability;
    LogFormat;
    LogLevel;
    ProxyHeader;
    usize, |number| u64::try_from(number).ok();
    u32, |number| Some(u64::from(number));
    u64, Some;
    Seconds, |Seconds(seconds)| Some(seconds);
}

impl Value for PathBuf {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        // What a setting names is opened again later, so it cannot be stdin.
        if text.is_empty() || text == "-" {
            return Err(());
        }
        *self = text.into();
        Ok(())
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

impl Value for Vec<AddressRange> {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        *self = ranges.map(str::parse).collect::<Result<_, _>>().map_err(drop)?;
        Ok(())
    }

    fn show(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

impl Value for Option<Seconds> {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        self.insert(Seconds(0)).read(text)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }

    fn number(&self) -> Option<u64> {
        self.as_ref().and_then(Value::number)
    }
}

impl Value for Option<String> {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        *self = Some(text.to_owned()).filter(|text| !text.is_empty());
        self.as_ref().map(drop).ok_or(())
    }

    fn show(&self) -> Option<String> {
        self.clone()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://ann:secret@db.example/registry", "postgres://ann@db.example/registry"),
            ("postgres://ann:se@cret@db/registry?sslmode=require", "postgres://ann@db/registry?sslmode=require"),
            ("postgresql:///registry?password=secret&host=/run&user=ann", "postgresql:///registry?host=/run&user=ann"),
            ("postgres://db/registry", "postgres://db/registry"),
        ] {
            let mut setting: Option<DatabaseUrl> = None;
            setting.read(url).expect("is read");
            assert_eq!(setting.show().as_deref(), Some(shown));
            assert!(!format!("{setting:?}").contains("cret"), "{setting:?}");
        }
        assert!(None::<DatabaseUrl>.read("mysql://db/registry").is_err());
    }
}
