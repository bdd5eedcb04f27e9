//! PgBouncer in front of a server of this crate.

use std::{
    path::PathBuf,
    process::{Child, Stdio},
};

/// A pooler; it is killed when it is dropped.
pub struct Pooler {
    child: Child,
    /// The directory of its socket.
    directory: PathBuf,
}

/// Started as the user of the server, as it does not run as root.
const START: &str = "
    mkdir -m 755 \"$1\" && cd \"$1\" || exit
    cat >pgbouncer.ini <<END
[databases]
* = host=$2 user=postgres
[pgbouncer]
pool_mode = $3
auth_type = any
listen_addr =
unix_socket_dir = $1
END
    exec pgbouncer --quiet pgbouncer.ini";

impl Pooler {
    /// Starts one in front of the server with a database of this crate.
    pub fn before(url: &str, mode: &str) -> Pooler {
        let server = super::directory_of(url);
        let directory = PathBuf::from(format!("{server}/pooler-{}-{mode}", super::name_of(url)));
        let mut command = super::shell_as_postgres(server, START);
        command.arg(&directory).args([server, mode]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("a shell runs");
        Pooler { child, directory }
    }

    /// The URL of a database of this crate, by way of the pooler.
    pub fn url(&self, url: &str) -> String {
        format!("postgres:///{}?host={}&user=postgres&port=6432", super::name_of(url), self.directory.display())
    }

    /// Whether it accepts connections. Fails if it has ended.
    pub fn is_up(&mut self, url: &str) -> bool {
        let ended = self.child.try_wait().expect("it is a child of this process");
        assert!(ended.is_none(), "PgBouncer has ended: is pgbouncer installed?");
        super::try_sql(&self.url(url), "SELECT 1").is_ok()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
