//! A sync of the directory fails: what is at stake are the names of files, and everything that is found by them.

use std::path::Path;
use std::process::Output;

use blackbox::{Place, Server, sample};
use chaos::recording::Recording;
use chaos::shim::EIO;
use chaos::{Action, Disk, Random, Rule, Shim, Unsynced, scene};

use crate::power_cuts::prepare;

/// Calls `run` with a rule for each sync of the directory, until it says that the rule did not apply any more.
fn for_each_sync_of_the_directory(mut run: impl FnMut(&Rule) -> bool) {
    for action in [Action::Fail(EIO), Action::FailFromThenOn(EIO)] {
        let rule = |number| Rule { action, kind: "sync", suffix: ".", number };
        let tried = (1..).take_while(|number| run(&rule(*number))).count();
        assert!(tried > 1, "{action:?}: the directory was synced {tried} times");
    }
}

/// Whether the rule has applied.
fn fired(log: &Path) -> bool {
    Recording::read(log).fired().is_some()
}

/// Cuts the power, so that nothing is left but what was synced; returns the image's data directory.
fn cut_power(place: &Place, log: &Path) -> std::path::PathBuf {
    let data = place.root().join("image");
    std::fs::create_dir(&data).expect("a directory can be made");
    let recording = Recording::read(log);
    Disk::after(&recording, recording.events.len()).write_image(&data, Unsynced::Dropped, &mut Random::new(0));
    data
}

#[test]
fn an_account_of_the_first_command_needs_no_sync_of_the_directory_that_failed() {
    for_each_sync_of_the_directory(|rule| {
        let place = Place::new();
        let log = place.root().join("recording");
        let create = |shim: Shim| -> Output {
            let mut command = place.command();
            command.args(["account", "create", "Acme", "--data"]).arg(place.data());
            shim.record(&log).under_command(&mut command);
            command.output().expect("the binary can be run")
        };
        let first = create(Shim::new(&place.data()).rule(rule));
        if !first.status.success() {
            // Nothing was promised, and it can be tried again.
            let again = create(Shim::new(&place.data()));
            assert!(again.status.success(), "{rule:?}: {again:?}");
            return fired(&log);
        }
        let image = cut_power(&place, &log);
        let listed = place.bare_cli(&["account", "list", "--data", image.to_str().expect("a plain path")]);
        assert!(listed.stdout.contains("Acme"), "{rule:?}: a power cut has taken the account: {listed:?}");
        fired(&log)
    });
}

#[test]
fn a_customer_needs_no_sync_of_the_directory_that_failed() {
    for_each_sync_of_the_directory(|rule| {
        let (place, log, ada) = prepare();
        let shim = || Shim::new(&place.data()).record(&log);
        let served = shim().rule(rule).under(place.launch()).try_start();
        let server: Server = served.unwrap_or_else(|_| shim().under(place.launch()).start());
        let id = server.client_of(&ada).create(&sample::minimal("Customer", "Acme")).customer_id();
        server.kill();
        let image = cut_power(&place, &log);
        let server = scene::launch(&place, &image).start();
        let left = server.client_of(&ada).read(id);
        assert_eq!(left.status, 200, "{rule:?}: a power cut has taken the customer: {}", left.text());
        fired(&log)
    });
}
