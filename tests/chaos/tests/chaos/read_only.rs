//! The file system becomes read-only, and then takes writes again.

use blackbox::{Place, wait};
use chaos::{Action, Load, Rule, Scene, Shim};

use crate::mounts::{Mount, move_registry};
use crate::trial::Trial;

/// What the one sentence about a read-only file system says.
const READ_ONLY: &str = "Read-only file system";

/// The shim makes everything read-only from this operation on, once it was sent a signal.
fn read_only_from(scene: &Scene, kind: &'static str, suffix: &'static str, number: usize) -> Shim {
    let rule = Rule { action: Action::ReadOnly, kind, suffix, number };
    Shim::new(&scene.data()).rule(&rule).armed_by_signal()
}

#[test]
fn writes_on_a_read_only_file_system_are_refused_until_it_takes_them() {
    let scene = Scene::new();
    let launch = read_only_from(&scene, "write", "*", 1).under(scene.place.launch());
    let trial = Trial::start("read-only, by the shim", scene, launch);
    trial.survive(10, |server| server.signal("USR1"), |server| server.signal("USR2"));
}

#[test]
fn a_file_system_that_becomes_read_only_within_a_commit_or_a_checkpoint_loses_nothing() {
    for (kind, suffix, number) in
        [("write", "-wal", 60), ("write", "-wal", 61), ("write", "carnelian.db", 40), ("truncate", "carnelian.db", 1)]
    {
        let scene = Scene::new();
        let launch = read_only_from(&scene, kind, suffix, number).under(scene.place.launch());
        let name = format!("read-only from {kind} {number} of {suffix} on");
        let mut trial = Trial::start(&name, scene, launch);
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

/// A kernel that has found an error makes the file system read-only while files are open for writing.
#[test]
fn on_an_ext4_that_the_kernel_made_read_only_reads_go_on_and_nothing_is_lost() {
    let scene = Scene::new();
    let image = scene.place.root().join("image");
    let Some(mount) = move_registry(&scene, |at| Mount::ext4(&image, at)) else { return };
    let launch = scene.place.launch();
    let mut trial = Trial::start("read-only, ext4", scene, launch);
    let load = Load { prefix: "L".to_owned(), workers: 4, requests: 20, large: 10 };
    trial.load(&load, |_, _| {});
    mount.remount("abort");
    trial.must_refuse_and_read();
    trial.end_after(|scene| {
        must_refuse_to_open(&scene.place);
        drop(mount);
        Mount::ext4(&image, &scene.data()).expect("what was mounted can be mounted again")
    });
}

#[test]
fn a_registry_on_a_read_only_file_system_is_refused_in_a_sentence() {
    let scene = Scene::new();
    let Some(mount) = move_registry(&scene, Mount::tmpfs) else { return };
    mount.remount("ro");
    must_refuse_to_open(&scene.place);
    mount.remount("rw");
    scene.place.serve().stop();
}

/// Asserts that neither the server nor a command gets by with what cannot be written, and that they say so.
fn must_refuse_to_open(place: &Place) {
    let says_so = |why: String| assert!(why.contains(READ_ONLY) && why.lines().count() == 1, "{why}");
    says_so(place.launch().run().fails(1));
    says_so(place.cli(&["account", "list"]).fails(1));
    says_so(place.cli(&["account", "create", "Other"]).fails(1));
}
