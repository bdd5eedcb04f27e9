//! A registry of an earlier release is opened by this one while the ground breaks.

use std::path::{Path, PathBuf};

use blackbox::Place;
use chaos::checker::{Row, Stored};
use chaos::old::{self, Schema};
use chaos::scene::Image;
use chaos::{Action, Load, Model, Random, Recording, Rule, Scene, Shim, Story, Unsynced, scene, seed};

/// A command that changes nothing but the schema.
const OPEN: [&str; 2] = ["account", "list"];

/// A registry of this release with all that can be in one, and the registries of earlier releases that are made of it.
struct Past {
    scene: Scene,
    rows: Vec<Row>,
}

impl Past {
    fn new(random: &mut Random) -> Self {
        let mut scene = Scene::new();
        scene.place.account("Leaving");
        let server = scene.place.serve();
        let load = Load { prefix: "Old".to_owned(), workers: 4, requests: 80, large: 10 };
        scene.note(load.run(server.address(), &scene.ada, random, |_| {}));
        scene.place.cli(&["account", "request-erasure", "Leaving"]).done();
        server.stop();
        let rows = Stored::read(&scene.data()).expect("a registry").rows;
        assert!(rows.len() > 50, "too few customers: {}", rows.len());
        Self { scene, rows }
    }

    /// The registry as a release with this version of the schema has left it.
    fn of_version(&self, version: usize, name: &str) -> PathBuf {
        let place = self.scene.place.root().join(name);
        old::make(&self.scene.data(), version, &place);
        place
    }

    fn place(&self) -> &Place {
        &self.scene.place
    }

    /// Has a command open a registry, with a shim under it; says whether it was killed.
    fn open(&self, data: &Path, shim: &Shim) -> bool {
        let mut command = self.place().command();
        command.args(OPEN).arg("--data").arg(data);
        shim.under_command(&mut command);
        let ended = command.output().expect("the binary can be run");
        assert!(ended.status.code().is_none_or(|code| code == 0), "{ended:?}");
        ended.status.code().is_none()
    }

    /// Everything that is wrong with a registry that was of `version`: the schema as the files are, then what this
    /// release makes of it.
    fn faults(&self, data: &Path, version: usize, model: &Model, random: &mut Random) -> Vec<String> {
        let mut faults = Vec::new();
        match Schema::read(data) {
            Ok(found) if found.version != version && found.version != old::newest() => {
                faults.push(format!("version {version} has become {}", found.version));
            }
            Ok(found) if found != Schema::of(found.version) => {
                faults.push(format!("version {} is half another one: {:#?}", found.version, found.statements));
            }
            Ok(_) => {}
            Err(error) => return vec![error.to_string()],
        }
        let run = |command: [&str; 2]| {
            let data = data.to_str().expect("a plain name");
            self.place().bare_cli(&[&command[..], &["--data", data]].concat())
        };
        let (listed, verified) = (run(OPEN), run(["audit", "verify"]));
        if listed.code != 0 || verified.code != 0 {
            faults.push(format!("it is not opened: {listed:?} {verified:?}"));
            return faults;
        }
        if !listed.stdout.lines().any(|line| line.contains("Leaving") && line.contains("ERASURE_IN_PROGRESS")) {
            faults.push(format!("an erasure is forgotten: {}", listed.stdout));
        }
        let verdict = scene::judge_knowing(self.place(), data, Some(&self.scene.ada), model, random, |stored| {
            // Before there was an audit log it told of nobody.
            let missing = |row: &&Row| !stored.log.customers.iter().any(|(id, _)| *id == row.id);
            let missing: Vec<_> = self.rows.iter().filter(missing).map(|row| (row.id, row.account)).collect();
            if version < WITH_AUDIT {
                stored.log.customers.extend(missing);
            }
        });
        faults.extend(verdict.violations.iter().map(|violation| format!("{violation:?}")));
        faults
    }
}

/// The first version that has an audit log.
const WITH_AUDIT: usize = 4;

#[test]
fn a_migration_that_is_killed_at_any_operation_is_done_whole_or_not_at_all() {
    let mut random = Random::of_test("kills while migrating");
    let past = Past::new(&mut random);
    let operations: Vec<_> = (1..old::newest()).map(|version| operations(&past, version)).collect();
    let mut kills = 0;
    for round in 0..seed::rounds(18) {
        let version = 1 + round % operations.len();
        let data = past.of_version(version, &format!("old-{round}"));
        let action = *random.pick(&[Action::KillBefore, Action::KillHalf, Action::KillAfter]);
        let number = random.within(1..operations[version - 1] + 1);
        let rule = Rule { action, kind: "any", suffix: "*", number };
        kills += usize::from(past.open(&data, &Shim::new(&data).rule(&rule)));
        let faults = past.faults(&data, version, &Model::of(&past.scene.stories), &mut random);
        assert!(faults.is_empty(), "round {round}: version {version}, {rule:?}: {faults:#?}");
        std::fs::remove_dir_all(&data).expect("can be removed");
    }
    assert!(kills > 0, "nothing was killed");
    eprintln!("{kills} kills");
}

/// How many operations it takes to open a registry of a version.
fn operations(past: &Past, version: usize) -> usize {
    let data = past.of_version(version, &format!("counted-{version}"));
    let log = past.place().root().join(format!("counted-{version}.recording"));
    assert!(!past.open(&data, &Shim::new(&data).record(&log)));
    let operations = Recording::read(&log).operations();
    assert!(operations > 30, "too little was recorded of version {version}: {operations}");
    operations
}

/// A migration by a server that then serves, recorded.
struct Run {
    version: usize,
    stories: Vec<Story>,
    recording: Recording,
    /// How many events stand for what was there before.
    before: usize,
}

impl Run {
    fn new(past: &Past, version: usize, random: &mut Random, configure: impl FnOnce(Shim) -> Shim) -> Self {
        let data = past.of_version(version, &format!("recorded-{version}"));
        let log = past.place().root().join(format!("recorded-{version}.recording"));
        let files = Recording::of_files(&data);
        let shim = configure(Shim::new(&data).record(&log));
        let server = shim.under(scene::launch(past.place(), &data)).start();
        let load = Load { prefix: format!("New {version}"), workers: 2, requests: 8, large: 0 };
        let stories = load.run(server.address(), &past.scene.ada, random, |_| {}).stories;
        server.stop();
        let before = files.events.len();
        Self { version, stories, recording: files.then(Recording::read(&log)), before }
    }

    fn faults(&self, past: &Past, cut: usize, unsynced: Unsynced, random: &mut Random) -> Vec<String> {
        let image = Image::of(&self.recording, cut, unsynced, random);
        let acknowledged = self.recording.acknowledged_before(cut);
        let mut model = Model::of(&past.scene.stories);
        let new = Model::at(&self.stories, |sent| acknowledged.contains(sent.request.as_str()));
        model.customers.extend(new.customers);
        model.refused.extend(new.refused);
        model.erased.extend(new.erased);
        past.faults(&image.data, self.version, &model, random)
    }
}

#[test]
fn a_power_cut_while_migrating_leaves_all_of_the_old_registry_or_all_of_the_new_one() {
    let mut random = Random::of_test("power cuts while migrating");
    let past = Past::new(&mut random);
    let images = seed::rounds(18);
    let runs: Vec<_> = (1..old::newest()).map(|version| Run::new(&past, version, &mut random, |shim| shim)).collect();
    for image in 0..images {
        let run = &runs[image % runs.len()];
        let (cut, unsynced) = (random.within(run.before..run.recording.events.len() + 1), Unsynced::any(&mut random));
        let faults = run.faults(&past, cut, unsynced, &mut random);
        assert!(faults.is_empty(), "image {image}: version {}, cut at {cut}, {unsynced:?}: {faults:#?}", run.version);
    }
    eprintln!("{images} images hold");
}

#[test]
fn a_migration_whose_syncs_do_nothing_is_caught() {
    let mut random = Random::of_test("a migration without syncs");
    let past = Past::new(&mut random);
    let run = Run::new(&past, 1, &mut random, |shim| shim.ignore_sync("carnelian.db"));
    let end = run.recording.events.len();
    let caught = !run.faults(&past, end, Unsynced::Dropped, &mut random).is_empty();
    assert!(caught, "the syncs were removed and no loss was reported");
}
