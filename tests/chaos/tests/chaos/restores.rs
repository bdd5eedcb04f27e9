//! A restore replaces a registry while the command is killed or the power is cut: the registry is wholly the old or wholly
//! the restored one.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use chaos::checker::Stored;
use chaos::model::Sent;
use chaos::test_registry::Image;
use chaos::{Action, Event, Load, Model, Random, Recording, Rule, Shim, TestRegistry, Unsynced, seed, test_registry};

use crate::backups::{BACKUP, back_up, folder};

/// What everything is named after that came after the backup.
const REPLACED: &str = "Replaced";

/// A registry, and an older backup of it.
struct Past {
    registry: TestRegistry,
    /// What is in the registry, and what is in the backup.
    models: [Model; 2],
}

impl Past {
    fn new(random: &mut Random) -> Self {
        let mut registry = TestRegistry::new();
        let server = registry.test_dir.serve();
        let load = |prefix: &str| Load { prefix: prefix.to_owned(), workers: 3, requests: 40, large: 10 };
        registry.note(load("Kept").run(server.address(), &registry.ada, random, |_| {}));
        assert!(back_up(&registry.test_dir).status().expect("the binary can be run").success());
        let backed_up = Model::of(&registry.histories);
        registry.note(load(REPLACED).run(server.address(), &registry.ada, random, |_| {}));
        server.stop();
        let server = registry.test_dir.serve();
        let last = Load { requests: 2, ..load(&format!("{REPLACED} at last")) };
        registry.note(last.run(server.address(), &registry.ada, random, |_| {}));
        // A log stays behind that has some pages and not others: none of it may come to stand beside what is restored.
        server.kill();
        let models = [Model::of(&registry.histories), backed_up];
        Self { registry, models }
    }

    /// The registry once more.
    fn copy(&self, name: &str) -> PathBuf {
        let data = self.registry.test_dir.root().join(name);
        fs::create_dir(&data).expect("a directory can be made");
        for name in ["carnelian.db", "carnelian.db-wal", "master.key"] {
            fs::copy(self.registry.data().join(name), data.join(name)).expect("a file can be copied");
        }
        data
    }

    /// Restores the backup in the place of a registry, with a shim under the command.
    fn restore(&self, data: &Path, shim: &Shim) -> Output {
        let mut command = self.registry.test_dir.command();
        command
            .arg("restore")
            .arg(folder(&self.registry.test_dir).join(BACKUP))
            .args(["--replace", "--yes"])
            .arg("--data")
            .arg(data);
        shim.under_command(&mut command);
        command.output().expect("the binary can be run")
    }

    /// What was done to a registry to restore the backup in its place, and how many events stand for what was there.
    fn record(&self, name: &str) -> (Recording, usize) {
        let data = self.copy(name);
        let log = self.registry.test_dir.root().join(format!("{name}.recording"));
        let files = Recording::of_files(&data);
        let before = files.events.len();
        let restored = self.restore(&data, &Shim::new(&data).record(&log));
        assert!(restored.status.success(), "{restored:?}");
        (files.then(Recording::read(&log)), before)
    }

    /// Asserts that a registry is the one that was there, or the backup; says whether it is the backup.
    fn must_be_one_of_both(&self, data: &Path, case: &str, random: &mut Random) -> bool {
        let replaced = |stored: Stored| stored.rows.iter().any(|row| row.name.starts_with(REPLACED));
        let is_backup = !replaced(Stored::read(data).expect("the files can be read"));
        let model = &self.models[usize::from(is_backup)];
        let verdict = test_registry::judge(&self.registry.test_dir, data, Some(&self.registry.ada), model, random);
        assert!(verdict.violations.is_empty(), "{case}: {:#?}", verdict.violations);
        let new = verdict.probe.iter().flatten().filter_map(Sent::id);
        let given: HashSet<_> = self.registry.histories.iter().flatten().filter_map(Sent::id).collect();
        new.for_each(|id| assert!(!given.contains(&id), "{case}: {id} was given twice"));
        is_backup
    }
}

#[test]
fn a_killed_restore_leaves_the_old_or_the_restored_registry_and_can_be_repeated() {
    let mut random = Random::of_test("kills while restoring");
    let past = Past::new(&mut random);
    let operations = past.record("counted").0.operations();
    let (mut round, mut kills) = (0, 0);
    while seed::is_another_round(round, 8, kills > 0) {
        let data = past.copy(&format!("killed-{round}"));
        let action = *random.pick(&[Action::KillBefore, Action::KillHalf, Action::KillAfter]);
        let rule = Rule { action, kind: "any", suffix: "*", number: random.within(1..operations) };
        let code = past.restore(&data, &Shim::new(&data).rule(&rule)).status.code();
        assert!(code.is_none_or(|code| code == 0), "round {round}: {rule:?}: the restore was refused with {code:?}");
        kills += usize::from(code.is_none());
        past.must_be_one_of_both(&data, &format!("round {round}: {rule:?}"), &mut random);
        let mut folders = fs::read_dir(&data).expect("can be listed").map(|entry| entry.expect("is listed").path());
        let is_half_built = |path: PathBuf| path.is_dir() && !path.ends_with("jobs");
        assert!(!folders.any(is_half_built), "round {round}: {rule:?}: a half-built registry is left");
        let again = past.restore(&data, &Shim::new(&data));
        assert!(again.status.success(), "round {round}: {rule:?}: {again:?}");
        fs::remove_dir_all(&data).expect("can be removed");
        round += 1;
    }
    eprintln!("{kills} kills");
}

#[test]
fn a_power_cut_while_restoring_leaves_the_old_or_the_restored_registry() {
    let mut random = Random::of_test("power cuts while restoring");
    let past = Past::new(&mut random);
    let (recording, before) = past.record("recorded");
    let end = recording.events.len();
    // The rename that replaces the database.
    let named = recording.indices(|event| matches!(event, Event::Link { name, .. } if name == "carnelian.db"))[0];
    let (images, mut restored) = (seed::rounds(24), 0);
    for image in 0..images {
        // At first what was finished, in each kind of image that can lose it.
        let (cut, unsynced) = match (Unsynced::LOSING.get(image), random.within(0..3)) {
            (Some(unsynced), _) => (end, *unsynced),
            (None, 0) => (random.within(before..end), Unsynced::any(&mut random)),
            (None, _) => (random.within(named..named + 5), Unsynced::any(&mut random)),
        };
        let left = Image::of(&recording, cut, unsynced, &mut random);
        let case = format!("image {image}, cut at {cut} of {end}, {unsynced:?}");
        let is_backup = past.must_be_one_of_both(&left.data, &case, &mut random);
        assert!(is_backup || cut < end, "{case}: what was restored is gone");
        restored += usize::from(is_backup);
    }
    eprintln!("{images} images hold, {restored} of them restored");
}

#[test]
fn each_kind_of_image_detects_a_restore_without_the_sync_of_its_name() {
    let mut random = Random::of_test("a restore without a sync");
    let past = Past::new(&mut random);
    let (recording, before) = past.record("recorded");
    let of_directory = |event: &Event| matches!(event, Event::SyncBegins { name, .. } if name == ".");
    let mut syncs = recording.indices(of_directory);
    syncs.retain(|begins| *begins >= before);
    let without = recording.without_syncs(&syncs);
    for unsynced in Unsynced::LOSING {
        let is_backup = |recording: &Recording, random: &mut Random| {
            let left = Image::of(recording, recording.events.len(), unsynced, random);
            Stored::read(&left.data).is_ok_and(|stored| !stored.rows.iter().any(|row| row.name.starts_with(REPLACED)))
        };
        assert!(is_backup(&recording, &mut random), "{unsynced:?}: what was restored is gone without the fault");
        let lost = (0..20).any(|_| !is_backup(&without, &mut random));
        assert!(lost, "the syncs of the directory were left out, {unsynced:?}, and what was restored was there");
    }
}
