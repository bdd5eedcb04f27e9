//! The state of the process and of its machine, which the program provides to the application.

use carnelian_domain::Timestamp;
use std::time::Duration;

/// A certificate that a server presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// Its subject, the holder of the key.
    pub subject: String,
    /// The names and addresses for which it is valid.
    pub names: Vec<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The connections of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// How many are open.
    pub open: usize,
    /// How many may be open.
    pub limit: usize,
    /// How many of them may have one address.
    pub limit_per_address: usize,
}

/// The process and its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// How long the server has been running; `None` for a command.
    pub uptime: Option<Duration>,
    /// How many bytes are free to the registry in the file system of the data directory, if that can be found out.
    pub disk_free: Option<u64>,
    /// The server's certificate and those of its issuers; empty without TLS.
    pub certificates: Vec<CertificateStatus>,
    /// The connections of the server; `None` for a command.
    pub connections: Option<ConnectionStatus>,
}

/// Describes the process and its machine at the time of the call.
pub trait Host: Send + Sync {
    /// Describes them.
    fn status(&self) -> HostStatus;
}
