//! Parses and formats the values of settings.

use crate::seconds::Seconds;
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// The log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for humans.
    Text,
    /// One JSON object per line.
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
    LogFormat;
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

impl Value for Option<PathBuf> {
    fn read(&mut self, text: &str) -> Result<(), ()> {
        self.insert(PathBuf::new()).read(text)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }
}
