//! A server that ends during a sync is started again, and then the power is cut.

use blackbox::{CUSTOMERS, Login, Request, Server, TestDir, sample};
use chaos::recording::Recording;
use chaos::shim::EIO;
use chaos::{Action, Disk, Random, Rule, Shim, Unsynced, test_registry};

use crate::power_cuts::prepare;

/// A registry whose server has ended during the sync of an edit, and was started again.
struct Restarted {
    test_dir: TestDir,
    log: std::path::PathBuf,
    ada: Login,
    server: Server,
    id: u64,
}

impl Restarted {
    /// Creates a customer, applies `action` to the sync of an edit, and starts the server again.
    fn after(action: Action) -> Self {
        let (test_dir, log, ada) = prepare();
        let recorded = || Shim::new(&test_dir.data()).record(&log);
        let server = recorded().under(test_dir.launch()).start();
        let id = server.client_of(&ada).create(&sample::full("Customer", "Acme")).customer_id();
        server.kill();
        let rule = Rule { action, kind: "sync", suffix: "-wal", number: 1 };
        let mut server = recorded().rule(&rule).armed_by_signal().under(test_dir.launch()).start();
        // The first commit of a log syncs the header of the log too, so it must not be the edit.
        server.client_of(&ada).create(&sample::full("First of the log", "Acme")).must_succeed("a first commit");
        server.signal("USR1");
        let edit = Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json(&sample::full("Edited", "Acme"));
        let reply = server.client_of(&ada).try_send(edit);
        assert!(reply.as_ref().is_ok_and(|reply| reply.status == 503) || reply.is_err(), "{reply:?}");
        server.wait();
        drop(server);
        let server = recorded().under(test_dir.launch()).start();
        Self { test_dir, log, ada, server, id }
    }

    /// Cuts the power, so that only synced data is left, and starts a server on that.
    fn cut_power(self) -> (Server, TestDir, Login) {
        self.server.kill();
        let recording = Recording::read(&self.log);
        let data = self.test_dir.root().join("image");
        std::fs::create_dir(&data).expect("a directory can be made");
        Disk::after(&recording, recording.events.len()).write_image(&data, Unsynced::Dropped, &mut Random::new(0));
        (test_registry::launch(&self.test_dir, &data).start(), self.test_dir, self.ada)
    }

    /// Asserts that data which the restarted server has shown survives a power cut.
    fn must_keep_shown_data(self) {
        let id = self.id;
        let shown = self.server.client_of(&self.ada).read(id).json();
        assert_eq!(shown["name"], "Edited", "the edit was not in the log when the server ended");
        let (server, _place, ada) = self.cut_power();
        let left = server.client_of(&ada).read(id).json();
        assert_eq!(left["name"], shown["name"], "a power cut has undone an edit that was shown");
    }

    /// Asserts that a write which the restarted server has acknowledged survives a power cut.
    fn must_keep_acknowledged_writes(self) {
        let body = sample::full("Acknowledged", "Acme");
        let id = self.server.client_of(&self.ada).create(&body).customer_id();
        let (server, _place, ada) = self.cut_power();
        let left = server.client_of(&ada).read(id);
        assert_eq!(left.status, 200, "a power cut has taken an acknowledged customer: {}", left.text());
        sample::assert_shows(&left.json(), &body, id);
    }
}

#[test]
fn data_shown_after_a_kill_survives_a_power_cut() {
    Restarted::after(Action::KillBefore).must_keep_shown_data();
}

#[test]
fn writes_acknowledged_after_a_kill_survive_a_power_cut() {
    Restarted::after(Action::KillBefore).must_keep_acknowledged_writes();
}

#[test]
fn writes_acknowledged_after_a_failed_sync_survive_a_power_cut() {
    Restarted::after(Action::Fail(EIO)).must_keep_acknowledged_writes();
}

#[test]
fn data_shown_after_a_failed_sync_survives_a_power_cut() {
    Restarted::after(Action::Fail(EIO)).must_keep_shown_data();
}

#[test]
fn writes_acknowledged_after_permanent_sync_failures_survive_a_power_cut() {
    Restarted::after(Action::FailFromThenOn(EIO)).must_keep_acknowledged_writes();
}
