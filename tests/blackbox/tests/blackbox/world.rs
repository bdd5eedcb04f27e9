//! A larger world: accounts in a group and outside it, being erased or not, and a user of each kind.

use blackbox::{Client, Launch, Login, Place, Server};

/// The accounts `Acme`, `Acme East` and `Leaving` in the group `West`, `Rival` and `Rival Leaving` outside it; the two
/// that are leaving are being erased.
pub struct World {
    /// The running server; declared first so that it stops before its directory is removed.
    pub server: Server,
    /// The directory that it works on.
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
    /// Prepares the world and starts the server.
    pub fn start() -> Self {
        Self::start_with(|launch| launch)
    }

    /// The same, with what `configure` adds to the server's command.
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
