//! Read-only file systems: writes fail until the file system is writable again.

use std::path::{Path, PathBuf};

use blackbox::{TestDir, wait};
use chaos::{Action, Load, Random, Rule, Shim, TestRegistry, seed};

use crate::mounts::{Mount, move_registry, remount};
use crate::trial::Trial;

/// The size of the ext4 file system, in MiB.
const EXT4: u64 = 32;

/// The system's error message, which the server and the commands report.
const READ_ONLY: &str = "Read-only file system";

#[test]
fn writes_on_a_read_only_file_system_fail_until_it_is_writable() {
    let registry = TestRegistry::new();
    let rule = Rule { action: Action::ReadOnly, kind: "write", suffix: "*", number: 1 };
    let launch = Shim::new(&registry.data()).rule(&rule).armed_by_signal().under(registry.test_dir.launch());
    let name = "read-only, by the shim";
    let trial = Trial::start(name, Random::of_test(name), registry, None, launch);
    trial.survive(10, |server| server.signal("USR1"), |server| server.signal("USR2"));
}

#[test]
fn a_file_system_that_becomes_read_only_within_a_commit_or_a_checkpoint_loses_nothing() {
    let mut random = Random::of_test("read-only, at a moment");
    for (action, kind, suffix, number) in [
        (Action::ReadOnly, "write", "-wal", 60),
        (Action::ReadOnly, "write", "-wal", 61),
        (Action::JournalEnds, "write", "-wal", 60),
        (Action::ReadOnly, "write", "carnelian.db", 40),
        (Action::JournalEnds, "write", "carnelian.db", 40),
        (Action::ReadOnly, "truncate", "carnelian.db", 1),
    ] {
        let registry = TestRegistry::new();
        let rule = Rule { action, kind, suffix, number };
        let launch = Shim::new(&registry.data()).rule(&rule).armed_by_signal().under(registry.test_dir.launch());
        let name = format!("{rule:?}");
        let mut trial = Trial::start(&name, random.branch(), registry, None, launch);
        trial.server.signal("USR1");
        let load = Load { prefix: "L".to_owned(), workers: 8, requests: usize::MAX, large: 100 };
        trial.load(&load, |_, progress| {
            wait::until("a write is refused", wait::PATIENCE, || progress.refused_a_write().then_some(()));
            progress.end();
        });
        trial.must_refuse_and_read();
        trial.server.signal("USR2");
        trial.must_recover();
        trial.end();
    }
}

/// A registry on an ext4 file system in an image file. The kernel makes it read-only when it finds an error.
struct Ext4<'a> {
    trial: Trial<'a>,
    image: PathBuf,
}

impl<'a> Ext4<'a> {
    fn start(name: &'a str, random: Random) -> Option<Self> {
        let registry = TestRegistry::new();
        let image = registry.test_dir.root().join("image");
        let mount = move_registry(&registry, |at| Mount::ext4(EXT4, &image, at))?;
        let launch = registry.test_dir.launch();
        Some(Self { trial: Trial::start(name, random, registry, Some(mount), launch), image })
    }

    /// Mounts the file system again, which replays its journal, and asserts that nothing is lost.
    fn must_hold(mut self) {
        drop(self.trial.mount.take());
        self.trial.mount = Mount::ext4(EXT4, &self.image, &self.trial.registry.data());
        assert!(self.trial.mount.is_some(), "the file system cannot be mounted again");
        self.trial.must_hold();
    }
}

/// Aborts the journal, as the kernel does when it finds an error.
fn abort_journal(data: &Path) {
    remount(data, "abort");
}

#[test]
fn after_the_kernel_makes_ext4_read_only_reads_continue_and_nothing_is_lost() {
    let name = "read-only, ext4";
    let Some(mut ext4) = Ext4::start(name, Random::of_test(name)) else { return };
    let load = Load { prefix: "L".to_owned(), workers: 4, requests: 20, large: 10 };
    ext4.trial.load(&load, |_, _| {});
    abort_journal(&ext4.trial.registry.data());
    ext4.trial.must_refuse_and_read();
    assert_eq!(ext4.trial.stop(), 0, "the server did not stop in order");
    must_refuse_to_open(&ext4.trial.registry.test_dir);
    ext4.must_hold();
}

#[test]
fn an_ext4_that_the_kernel_makes_read_only_under_load_loses_nothing_acknowledged() {
    let mut random = Random::of_test("read-only, ext4 under load");
    for round in 0..seed::rounds(3) {
        let name = format!("round {round}");
        let Some(mut ext4) = Ext4::start(&name, random.branch()) else { return };
        let trial = &mut ext4.trial;
        let load = Load { prefix: "L".to_owned(), workers: 8, requests: usize::MAX, large: 10 };
        let (enough, data) = (random.within(1..400), trial.registry.data());
        trial.load(&load, |_, progress| {
            wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
            abort_journal(&data);
            let refused = || (progress.refused_a_write() || progress.over()).then_some(());
            wait::until("a write is refused", wait::PATIENCE, refused);
            progress.end();
        });
        // The server stops with code 1 if a sync was running, because a failed sync is fatal.
        let code = trial.stop();
        let log = trial.server.log();
        ext4.must_hold();
        assert!(code == 0 || code == 1 && log.contains("a sync failed"), "{name}: {code}\n{log}");
    }
}

#[test]
fn server_and_commands_report_a_read_only_file_system_in_one_sentence() {
    let registry = TestRegistry::new();
    let Some(_mount) = move_registry(&registry, |at| Mount::tmpfs(24, at)) else { return };
    remount(&registry.data(), "ro");
    must_refuse_to_open(&registry.test_dir);
    remount(&registry.data(), "rw");
    registry.test_dir.serve().stop();
}

/// Asserts that the server and the commands do not start, and report the reason in one line.
fn must_refuse_to_open(test_dir: &TestDir) {
    let reports_read_only = |why: String| assert!(why.contains(READ_ONLY) && why.lines().count() == 1, "{why}");
    reports_read_only(test_dir.launch().run().fails(1));
    reports_read_only(test_dir.cli(&["account", "list"]).fails(1));
    reports_read_only(test_dir.cli(&["account", "create", "Other"]).fails(1));
}
