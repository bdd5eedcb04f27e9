//! The file system becomes read-only, and then takes writes again.

use std::path::{Path, PathBuf};

use blackbox::{Place, wait};
use chaos::{Action, Load, Random, Rule, Scene, Shim, seed};

use crate::mounts::{Mount, move_registry, remount};
use crate::trial::Trial;

/// How large the ext4 is, in MiB.
const EXT4: u64 = 32;

/// What the one sentence about a read-only file system says.
const READ_ONLY: &str = "Read-only file system";

#[test]
fn writes_on_a_read_only_file_system_are_refused_until_it_takes_them() {
    let scene = Scene::new();
    let rule = Rule { action: Action::ReadOnly, kind: "write", suffix: "*", number: 1 };
    let launch = Shim::new(&scene.data()).rule(&rule).armed_by_signal().under(scene.place.launch());
    let name = "read-only, by the shim";
    let trial = Trial::start(name, Random::of_test(name), scene, None, launch);
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
        let scene = Scene::new();
        let rule = Rule { action, kind, suffix, number };
        let launch = Shim::new(&scene.data()).rule(&rule).armed_by_signal().under(scene.place.launch());
        let name = format!("{rule:?}");
        let mut trial = Trial::start(&name, random.branch(), scene, None, launch);
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

/// A registry on an ext4 in a file; a kernel that has found an error there makes it read-only at once.
struct Ext4<'a> {
    trial: Trial<'a>,
    image: PathBuf,
}

impl<'a> Ext4<'a> {
    fn start(name: &'a str, random: Random) -> Option<Self> {
        let scene = Scene::new();
        let image = scene.place.root().join("image");
        let mount = move_registry(&scene, |at| Mount::ext4(EXT4, &image, at))?;
        let launch = scene.place.launch();
        Some(Self { trial: Trial::start(name, random, scene, Some(mount), launch), image })
    }

    /// Asserts that everything is there once the journal has repaired the file system.
    fn must_hold(mut self) {
        drop(self.trial.mount.take());
        self.trial.mount = Mount::ext4(EXT4, &self.image, &self.trial.scene.data());
        assert!(self.trial.mount.is_some(), "the file system cannot be mounted again");
        self.trial.must_hold();
    }
}

/// Makes the kernel find an error.
fn fail(data: &Path) {
    remount(data, "abort");
}

#[test]
fn on_an_ext4_that_the_kernel_made_read_only_reads_go_on_and_nothing_is_lost() {
    let name = "read-only, ext4";
    let Some(mut ext4) = Ext4::start(name, Random::of_test(name)) else { return };
    let load = Load { prefix: "L".to_owned(), workers: 4, requests: 20, large: 10 };
    ext4.trial.load(&load, |_, _| {});
    fail(&ext4.trial.scene.data());
    ext4.trial.must_refuse_and_read();
    assert_eq!(ext4.trial.stop(), 0, "the server did not stop in order");
    must_refuse_to_open(&ext4.trial.scene.place);
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
        let (enough, data) = (random.within(1..400), trial.scene.data());
        trial.load(&load, |_, progress| {
            wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
            fail(&data);
            let refused = || (progress.refused_a_write() || progress.over()).then_some(());
            wait::until("a write is refused", wait::PATIENCE, refused);
            progress.end();
        });
        // A group that was just being synced ends the server, as any sync that fails does.
        let code = trial.stop();
        let log = trial.server.log();
        ext4.must_hold();
        assert!(code == 0 || code == 1 && log.contains("a sync failed"), "{name}: {code}\n{log}");
    }
}

#[test]
fn a_registry_on_a_read_only_file_system_is_refused_in_a_sentence() {
    let scene = Scene::new();
    let Some(_mount) = move_registry(&scene, |at| Mount::tmpfs(24, at)) else { return };
    remount(&scene.data(), "ro");
    must_refuse_to_open(&scene.place);
    remount(&scene.data(), "rw");
    scene.place.serve().stop();
}

/// Asserts that neither the server nor a command gets by with what cannot be written, and that they say so.
fn must_refuse_to_open(place: &Place) {
    let says_so = |why: String| assert!(why.contains(READ_ONLY) && why.lines().count() == 1, "{why}");
    says_so(place.launch().run().fails(1));
    says_so(place.cli(&["account", "list"]).fails(1));
    says_so(place.cli(&["account", "create", "Other"]).fails(1));
}
