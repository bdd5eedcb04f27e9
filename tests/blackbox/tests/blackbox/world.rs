//! A fixture with accounts inside and outside a group, some of them being erased, and a user of each role.

use blackbox::{Client, Launch, Login, Place, Server};

/// The accounts `Acme`, `Acme East` and `Leaving` in the group `West`, `Rival` and `Rival Leaving` outside it; the two
/// that are leaving are being erased.
pub struct World {
    /// The running server; declared first so that it stops before its directory is removed.
    pub server: Server,
    /// The directory of the test.
    pub place: Place,
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

impl World {
    /// Creates the accounts and users, and starts the server.
    pub fn start() -> Self {
        Self::start_with(|launch| launch)
    }

    /// Like [`World::start`], with a server command changed by `configure`.
    pub fn start_with(configure: impl FnOnce(Launch) -> Launch) -> Self {
        let place = Place::new();
        for account in ["Acme", "Acme East", "Leaving", "Rival", "Rival Leaving"] {
            place.account(account);
        }
        place.group("West", &["Acme", "Acme East", "Leaving"]);
        for account in ["Leaving", "Rival Leaving"] {
            place.cli(&["account", "request-erasure", account]).done();
        }
        let ada = place.user("ada", "Acme", &["--group", "West"]);
        let solo = place.user("solo", "Acme", &[]);
        let rita = place.user("rita", "Acme", &["--group", "West", "--role", "ACCOUNTREADONLY"]);
        let opal = place.user("opal", "Acme", &["--role", "OPERATOR"]);
        let rex = place.user("rex", "Rival", &[]);
        let server = configure(place.launch()).start();
        Self { server, place, ada, solo, rita, opal, rex }
    }

    /// A client signed in as `login`.
    pub fn client(&self, login: &Login) -> Client {
        self.server.client_of(login)
    }
}
