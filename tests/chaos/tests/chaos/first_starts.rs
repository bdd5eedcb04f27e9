//! A registry is made while the ground breaks: the master key is there before anything that needs it.

use std::fs;
use std::path::Path;

use blackbox::TestDir;
use chaos::test_registry::Image;
use chaos::{Action, Event, Random, Recording, Rule, Shim, Unsynced, seed};

/// What makes a registry, or finds that it is there.
const FIRST: [&str; 3] = ["account", "create", "Acme"];

/// The first operations of a first start: all that has to do with the key, and the database's first ones.
const OF_THE_KEY: usize = 14;

/// Makes a registry in two goes, the first of which is killed at an operation.
fn record(rule: &Rule) -> (TestDir, Recording) {
    let test_dir = TestDir::new();
    let log = test_dir.root().join("recording");
    let shim = Shim::new(&test_dir.data()).record(&log);
    let killed = shim.clone().rule(rule).run(&test_dir, &FIRST);
    assert_eq!(killed.status.code(), None, "{rule:?}: the command was not killed: {killed:?}");
    shim.cli(&test_dir, &FIRST);
    (test_dir, Recording::read(&log))
}

/// Whether the directory holds no registry, or one with the key.
fn has_its_key(data: &Path, key: &[u8]) -> bool {
    !data.join("carnelian.db").exists() || fs::read(data.join("master.key")).is_ok_and(|found| found == key)
}

/// Asserts that the first start can be repeated, with what is there.
fn must_go_on(test_dir: &TestDir, data: &Path, case: &str) {
    let data = data.to_str().expect("a plain name");
    let again = test_dir.bare_cli(&[&FIRST[..], &["--data", data]].concat());
    assert!(again.code == 0 || again.stderr.contains("taken"), "{case}: {again:?}");
    let listed = test_dir.bare_cli(&["account", "list", "--data", data]).done();
    assert!(listed.contains("Acme"), "{case}: {listed}");
}

/// Whether the account is in the registry that a power cut after the last event leaves: its creation was acknowledged.
fn has_account(test_dir: &TestDir, recording: &Recording, unsynced: Unsynced, random: &mut Random) -> bool {
    let image = Image::of(recording, recording.events.len(), unsynced, random);
    let data = image.data.to_str().expect("a plain name");
    test_dir.bare_cli(&["account", "list", "--data", data]).stdout.contains("Acme")
}

#[test]
fn no_power_cut_leaves_a_registry_without_its_master_key() {
    let mut random = Random::of_test("power cuts at the first start");
    let mut images = 0;
    for round in 0..seed::rounds(12) {
        let action = *random.pick(&[Action::KillBefore, Action::KillHalf, Action::KillAfter]);
        let rule = Rule { action, kind: "any", suffix: "*", number: random.within(1..OF_THE_KEY) };
        let (test_dir, recording) = record(&rule);
        let key = fs::read(test_dir.data().join("master.key")).expect("there is a key");
        for cut in 0..recording.events.len() + 1 {
            let unsynced = Unsynced::any(&mut random);
            let image = Image::of(&recording, cut, unsynced, &mut random);
            let case = format!("round {round}: {rule:?}, cut at {cut}, {unsynced:?}");
            assert!(has_its_key(&image.data, &key), "{case}: there is a registry, and its key is not");
            if random.percent(4) {
                must_go_on(&test_dir, &image.data, &case);
            }
            images += 1;
        }
        let unsynced = Unsynced::any(&mut random);
        assert!(has_account(&test_dir, &recording, unsynced, &mut random), "round {round}: {rule:?}: {unsynced:?}");
    }
    eprintln!("{images} images hold");
}

#[test]
fn each_kind_of_image_detects_a_first_start_without_its_last_syncs() {
    let mut random = Random::of_test("a first start without syncs");
    let rule = Rule { action: Action::KillAfter, kind: "any", suffix: "*", number: 5 };
    let (test_dir, recording) = record(&rule);
    for name in ["carnelian.db", "."] {
        let of_file = |event: &Event| matches!(event, Event::SyncBegins { name: synced, .. } if synced == name);
        let without = recording.without_syncs(&recording.indices(of_file));
        for unsynced in Unsynced::LOSING {
            assert!(has_account(&test_dir, &recording, unsynced, &mut random), "{unsynced:?}: lost without the fault");
            let lost = (0..20).any(|_| !has_account(&test_dir, &without, unsynced, &mut random));
            assert!(lost, "the syncs of {name} were left out, {unsynced:?}, and nothing was lost");
        }
    }
}
