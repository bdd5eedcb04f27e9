//! A fixture with accounts inside and outside a group, some of them being erased, and a user of each role.

use blackbox::{Client, Launch, Login, Server, TestDir};

/// The accounts `Acme`, `Acme East` and `Leaving` in the group `West`, `Rival` and `Rival Leaving` outside it; the two
/// that are leaving are being erased.
pub struct TenantFixture {
    /// The running server; declared first so that it stops before its directory is removed.
    pub server: Server,
    /// The directory of the test.
    pub test_dir: TestDir,
    /// An administrator of `Acme`, member of the group.
    pub ada: Login,
    /// An administrator of `Acme` without a group.
    pub solo: Login,
    /// A reader of `Acme`, member of the group.
    pub rita: Login,
    /// An operator.
    pub opal: Login,
    /// An administrator of `Rival`.
    pub rex: Login,
}

impl TenantFixture {
    /// Creates the accounts and users, and starts the server.
    pub fn start() -> Self {
        Self::start_with(|launch| launch)
    }

    /// Like [`TenantFixture::start`], with a server command changed by `configure`.
    pub fn start_with(configure: impl FnOnce(Launch) -> Launch) -> Self {
        Self::start_in(TestDir::new(), configure)
    }

    /// Like [`TenantFixture::start`], in this directory.
    pub fn start_in(test_dir: TestDir, configure: impl FnOnce(Launch) -> Launch) -> Self {
        for account in ["Acme", "Acme East", "Leaving", "Rival", "Rival Leaving"] {
            test_dir.account(account);
        }
        test_dir.group("West", &["Acme", "Acme East", "Leaving"]);
        for account in ["Leaving", "Rival Leaving"] {
            test_dir.cli(&["account", "request-erasure", "--yes", account]).done();
        }
        let ada = test_dir.user("ada", "Acme", &["--group", "West"]);
        let solo = test_dir.user("solo", "Acme", &[]);
        let rita = test_dir.user("rita", "Acme", &["--group", "West", "--role", "ACCOUNTREADONLY"]);
        let opal = test_dir.user("opal", "Acme", &["--role", "OPERATOR"]);
        let rex = test_dir.user("rex", "Rival", &[]);
        let server = configure(test_dir.launch()).start();
        Self { server, test_dir, ada, solo, rita, opal, rex }
    }

    /// A client signed in as `login`.
    pub fn client(&self, login: &Login) -> Client {
        self.server.client_of(login)
    }
}
