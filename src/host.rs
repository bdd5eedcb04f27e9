//! What a process reports about itself and its machine.

use crate::{config::Settings, machine, tls_files, wiring};
use carnelian_app::{
    Clock,
    host::{Host, HostStatus},
};
use carnelian_http::{ConnectionLimits, tls::Tls};
use std::{path::PathBuf, sync::Arc};

/// A process of this program.
pub(crate) struct ProcessHost {
    data: PathBuf,
    role: Role,
}

/// What the process does.
enum Role {
    /// It serves, since the start of the clock.
    Server { clock: Arc<dyn Clock>, tls: Option<Tls>, connections: ConnectionLimits },
    /// It runs a command, or a sandbox.
    Command(Box<Settings>),
}

impl ProcessHost {
    /// A server that starts.
    pub(crate) fn of_server(settings: &Settings, tls: Option<Tls>, connections: ConnectionLimits) -> ProcessHost {
        let role = Role::Server { clock: wiring::system_clock(), tls, connections };
        ProcessHost { data: settings.data.clone(), role }
    }

    /// A command.
    pub(crate) fn of_command(settings: &Settings) -> ProcessHost {
        ProcessHost { data: settings.data.clone(), role: Role::Command(Box::new(settings.clone())) }
    }
}

impl Host for ProcessHost {
    fn status(&self) -> HostStatus {
        let disk_free = machine::free_space(&self.data);
        match &self.role {
            Role::Server { clock, tls, connections } => HostStatus {
                uptime: Some(clock.monotonic()),
                disk_free,
                certificates: tls.as_ref().map(Tls::chain).unwrap_or_default(),
                connections: Some(connections.status()),
            },
            Role::Command(settings) => {
                // Files that cannot be used are the concern of `doctor`.
                let files = tls_files::load(settings).ok().flatten();
                let certificates = files.map(|files| files.tls.chain()).unwrap_or_default();
                HostStatus { disk_free, certificates, ..HostStatus::default() }
            }
        }
    }
}
