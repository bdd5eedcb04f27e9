//! Failed syncs of the data directory: a power cut can then take the names of files, and their content with them.

use std::path::Path;
use std::process::Output;

use blackbox::{Server, TestDir, sample};
use chaos::recording::Recording;
use chaos::shim::EIO;
use chaos::{Action, Disk, Random, Rule, Shim, Unsynced, test_registry};

use crate::power_cuts::prepare;

/// Calls `run` with a rule for each sync of the directory, until it returns that the rule did not apply.
fn for_each_sync_of_the_directory(mut run: impl FnMut(&Rule) -> bool) {
    for action in [Action::Fail(EIO), Action::FailFromThenOn(EIO)] {
        let rule = |number| Rule { action, kind: "sync", suffix: ".", number };
        let tried = (1..).take_while(|number| run(&rule(*number))).count();
        assert!(tried > 1, "{action:?}: the directory was synced {tried} times");
    }
}

/// Whether the operation of the rule has happened.
fn fired(log: &Path) -> bool {
    Recording::read(log).fired().is_some()
}

/// Cuts the power, so that only synced data is left, and returns the data directory of the image.
fn cut_power(test_dir: &TestDir, log: &Path) -> std::path::PathBuf {
    let data = test_dir.root().join("image");
    std::fs::create_dir(&data).expect("a directory can be made");
    let recording = Recording::read(log);
    Disk::after(&recording, recording.events.len()).write_image(&data, Unsynced::Dropped, &mut Random::new(0));
    data
}

#[test]
fn the_first_account_survives_a_power_cut_after_a_failed_sync_of_the_directory() {
    for_each_sync_of_the_directory(|rule| {
        let test_dir = TestDir::new();
        let log = test_dir.root().join("recording");
        let create = |shim: Shim| -> Output {
            let mut command = test_dir.command();
            command.args(["account", "create", "Acme", "--data"]).arg(test_dir.data());
            shim.record(&log).under_command(&mut command);
            command.output().expect("the binary can be run")
        };
        let first = create(Shim::new(&test_dir.data()).rule(rule));
        if !first.status.success() {
            // A command that has failed can be repeated.
            let again = create(Shim::new(&test_dir.data()));
            assert!(again.status.success(), "{rule:?}: {again:?}");
            return fired(&log);
        }
        let image = cut_power(&test_dir, &log);
        let listed = test_dir.bare_cli(&["account", "list", "--data", image.to_str().expect("a plain path")]);
        assert!(listed.stdout.contains("Acme"), "{rule:?}: a power cut has taken the account: {listed:?}");
        fired(&log)
    });
}

#[test]
fn a_customer_survives_a_power_cut_after_a_failed_sync_of_the_directory() {
    for_each_sync_of_the_directory(|rule| {
        let (test_dir, log, ada) = prepare();
        let shim = || Shim::new(&test_dir.data()).record(&log);
        let served = shim().rule(rule).under(test_dir.launch()).try_start();
        let server: Server = served.unwrap_or_else(|_| shim().under(test_dir.launch()).start());
        let id = server.client_of(&ada).create(&sample::minimal("Customer", "Acme")).customer_id();
        server.kill();
        let image = cut_power(&test_dir, &log);
        let server = test_registry::launch(&test_dir, &image).start();
        let left = server.client_of(&ada).read(id);
        assert_eq!(left.status, 200, "{rule:?}: a power cut has taken the customer: {}", left.text());
        fired(&log)
    });
}
