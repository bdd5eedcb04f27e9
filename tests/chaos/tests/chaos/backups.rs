//! A backup is made while the ground breaks: it is there whole, or not at all.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use blackbox::{Outcome, Server, TestDir, wait};
use chaos::checker::open_copy;
use chaos::load::Report;
use chaos::model::{self, Sent};
use chaos::test_registry::Image;
use chaos::{Action, Load, Model, Random, Recording, Rule, Shim, TestRegistry, Unsynced, seed, test_registry};

/// What a backup is called here.
pub(crate) const BACKUP: &str = "backup";

/// Where backups go: not among the files of the registry.
pub(crate) fn folder(test_dir: &TestDir) -> PathBuf {
    let folder = test_dir.root().join("backups");
    fs::create_dir_all(&folder).expect("a directory can be made");
    folder
}

/// The command that makes a backup, also in the place of an older one.
pub(crate) fn back_up(test_dir: &TestDir) -> Command {
    let mut command = test_dir.command();
    command.arg("backup").arg(folder(test_dir).join(BACKUP)).arg("--replace").arg("--data").arg(test_dir.data());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// Restores the backup in a folder into a directory, in which there may be a registry.
fn restore(test_dir: &TestDir, folder: &Path, into: &Path) -> Outcome {
    let plain = |path: &Path| path.to_str().expect("a plain path").to_owned();
    test_dir.bare_cli(&["restore", &plain(&folder.join(BACKUP)), "--replace", "--yes", "--data", &plain(into)])
}

/// A new directory with a registry's master key.
fn with_key(test_dir: &TestDir, name: &str) -> PathBuf {
    let data = test_dir.root().join(name);
    fs::create_dir(&data).expect("a directory can be made");
    fs::copy(test_dir.data().join("master.key"), data.join("master.key")).expect("a file can be copied");
    data
}

/// The customers that a restored registry knows as erased: those of the ledger are left out, whatever the audit log in the
/// backup tells.
fn erased_in(data: &Path) -> HashSet<u64> {
    let (database, _copy) = open_copy(data).expect("opens");
    let mut select = database.prepare("SELECT id FROM erased_customer").expect("there is a table");
    let ids = select.query_map([], |row| row.get::<_, i64>(0)).expect("is read");
    ids.map(|id| id.expect("is read").cast_unsigned()).collect()
}

/// Everything that is wrong with the backup in a folder, if it must hold what a model says.
fn faults(registry: &TestRegistry, folder: &Path, model: &Model, random: &mut Random) -> Vec<String> {
    let data = with_key(&registry.test_dir, &format!("restored-{:x}", random.number()));
    let restored = restore(&registry.test_dir, folder, &data);
    if restored.code != 0 {
        return vec![format!("it is not taken: {restored:?}")];
    }
    let verified = registry.test_dir.bare_cli(&["audit", "verify", "--data", data.to_str().expect("a plain path")]);
    let erased = erased_in(&data);
    let verdict =
        test_registry::judge_knowing(&registry.test_dir, &data, Some(&registry.ada), model, random, |stored| {
            stored.log.customers.retain(|(id, _)| !erased.contains(id));
        });
    fs::remove_dir_all(&data).expect("can be removed");
    let mut faults: Vec<_> = verdict.violations.iter().map(|violation| format!("{violation:?}")).collect();
    if verified.code != 0 {
        faults.push(format!("{verified:?}"));
    }
    faults
}

/// The draft of the backup, while there is one.
fn draft_of(test_dir: &TestDir) -> Option<PathBuf> {
    let entries = fs::read_dir(folder(test_dir)).into_iter().flatten();
    entries.map_while(Result::ok).map(|entry| entry.path()).find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(&format!("{BACKUP}.")) && name.ends_with(".part") && !name.contains("ledger")
    })
}

/// What breaks while a backup is made.
#[derive(Clone, Debug)]
enum Fault {
    /// The command is killed at an operation on its own files, unless it is over by then.
    AtOperation(Rule),
    /// The command is killed when it has written so much, unless it is over by then.
    Command(u64),
    /// The server is killed when the command has written so much.
    Server(u64),
}

impl Fault {
    fn any(random: &mut Random) -> Self {
        use Action::*;
        let kinds = [
            (KillHalf, "write", ".part", 1..60),
            (KillBefore, "sync", "*", 1..5),
            (KillAfter, "sync", "*", 1..5),
            (KillBefore, "rename", "*", 1..3),
            (KillAfter, "rename", "*", 1..3),
        ];
        let (action, kind, suffix, numbers) = random.pick(&kinds).clone();
        let rule = Rule { action, kind, suffix, number: random.within(numbers) };
        let written = random.within(1..400_000) as u64;
        random.pick(&[Self::AtOperation(rule), Self::Command(written), Self::Server(written)]).clone()
    }

    /// Makes a backup beside a server, which may be gone then; whether that succeeded, as the command says.
    fn strike(&self, test_dir: &TestDir, server: Server) -> bool {
        let mut command = back_up(test_dir);
        if let Self::AtOperation(rule) = self {
            Shim::new(&folder(test_dir)).rule(rule).under_command(&mut command);
        }
        let mut child = command.spawn().expect("the binary can be run");
        let mut wait_for = |written: u64| {
            wait::until("much is written, or the backup is made", wait::PATIENCE, || {
                let ended = child.try_wait().expect("a child can be waited for").is_some();
                (ended || draft_of(test_dir).is_some_and(|draft| length(&draft) >= written)).then_some(())
            });
        };
        match self {
            Self::AtOperation(_) => {}
            Self::Command(written) => {
                wait_for(*written);
                child.kill().expect("a child can be killed");
            }
            Self::Server(written) => {
                wait_for(*written);
                server.kill();
            }
        }
        let code = child.wait().expect("a child can be waited for").code();
        assert!(code.is_none_or(|code| code == 0), "{self:?}: the backup was refused with {code:?}");
        assert!(code.is_some() || !matches!(self, Self::Server(_)), "the backup ended with the server");
        code.is_some()
    }
}

/// What must and may be in a backup that began at the mark of a load.
fn model_at_mark(registry: &TestRegistry, report: &Report) -> Model {
    let early: HashSet<&str> = report.acknowledged_early.iter().map(String::as_str).collect();
    let before = registry.histories.iter().flatten().map(|sent| sent.request.as_str()).collect::<HashSet<_>>();
    Model::at(registry.histories.iter().chain(&report.histories), |sent: &Sent| {
        let acknowledged = matches!(sent.outcome, model::Outcome::Acknowledged(_));
        acknowledged && (before.contains(sent.request.as_str()) || early.contains(sent.request.as_str()))
    })
}

#[test]
fn a_backup_that_is_cut_short_is_whole_or_not_there_and_leaves_the_older_one_alone() {
    let mut random = Random::of_test("kills while backing up");
    let mut registry = TestRegistry::new();
    let (mut made, mut unmade) = (0, 0);
    while seed::is_another_round(made + unmade, 12, made > 0 && unmade > 0) {
        let round = made + unmade;
        let backup = folder(&registry.test_dir).join(BACKUP);
        let (server, fault) = (registry.test_dir.serve(), Fault::any(&mut random));
        let (address, enough) = (server.address(), random.within(100..300));
        let load = Load { prefix: format!("B{round}"), workers: 3, requests: usize::MAX, large: 10 };
        let (before, mut succeeded) = (fs::read(&backup).ok(), false);
        let report = load.run(address, &registry.ada, &mut random, |progress| {
            wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
            progress.mark();
            succeeded = fault.strike(&registry.test_dir, server);
            progress.end();
        });
        let (case, after) = (format!("round {round}: {fault:?}"), fs::read(&backup).ok());
        if after != before {
            let model = model_at_mark(&registry, &report);
            let faults = faults(&registry, &folder(&registry.test_dir), &model, &mut random);
            assert!(faults.is_empty(), "{case}: {faults:#?}");
            made += 1;
        } else {
            assert!(!succeeded, "{case}: the backup was made, and is not there");
            unmade += 1;
            if after.is_some() {
                let data = with_key(&registry.test_dir, &format!("older-{round}"));
                restore(&registry.test_dir, &folder(&registry.test_dir), &data).done();
            }
        }
        registry.note(report);
    }
    eprintln!("{made} backups were made, {unmade} were not");
}

/// Two backups of a registry under one name, recorded, and what a disk must hold of them.
struct Run {
    registry: TestRegistry,
    recording: Recording,
    /// What the command wrote each time, and how much was recorded when it had succeeded.
    backups: Vec<(Vec<u8>, usize)>,
}

impl Run {
    fn new(random: &mut Random, configure: impl FnOnce(Shim) -> Shim) -> Self {
        let mut registry = TestRegistry::new();
        let (folder, log) = (folder(&registry.test_dir), registry.test_dir.root().join("recording"));
        let shim = configure(Shim::new(&folder).record(&log));
        let server = registry.test_dir.serve();
        let mut backups = Vec::new();
        for turn in 0..2 {
            let load = Load { prefix: format!("T{turn}"), workers: 3, requests: 30, large: 10 };
            registry.note(load.run(server.address(), &registry.ada, random, |_| {}));
            let mut command = back_up(&registry.test_dir);
            shim.under_command(&mut command);
            assert!(command.status().expect("the binary can be run").success());
            let written = fs::read(folder.join(BACKUP)).expect("there is a backup");
            backups.push((written, Recording::read(&log).events.len()));
        }
        server.stop();
        Self { registry, recording: Recording::read(&log), backups }
    }

    /// Where the power may be cut: anywhere, and as often when a backup was just made, or is about to be.
    fn cut(&self, random: &mut Random) -> usize {
        let (_, made) = random.pick(&self.backups);
        match random.within(0..4) {
            0 => *made,
            1 => made - random.within(0..12),
            _ => random.within(0..self.recording.events.len() + 1),
        }
    }

    fn faults(&self, cut: usize, unsynced: Unsynced, random: &mut Random) -> Vec<String> {
        let image = Image::of(&self.recording, cut, unsynced, random);
        let found = fs::read(image.data.join(BACKUP)).ok();
        let which = self.backups.iter().position(|(written, _)| found.as_ref() == Some(written));
        let made = self.backups.iter().rposition(|(_, made)| cut >= *made);
        match (found, which) {
            (None, _) if made.is_none() => Vec::new(),
            (None, _) => vec!["the backup is not there".to_owned()],
            (Some(found), None) => vec![format!("{} bytes are no backup", found.len())],
            (Some(_), which) if which < made => vec!["the older backup is there".to_owned()],
            (Some(_), _) => {
                let data = with_key(&self.registry.test_dir, &format!("of-image-{:x}", random.number()));
                let restored = restore(&self.registry.test_dir, &image.data, &data);
                fs::remove_dir_all(&data).expect("can be removed");
                if restored.code == 0 { Vec::new() } else { vec![format!("it is not taken: {restored:?}")] }
            }
        }
    }
}

#[test]
fn a_power_cut_leaves_a_backup_whole_or_not_there_and_one_that_was_made_is_there() {
    let mut random = Random::of_test("power cuts while backing up");
    let run = Run::new(&mut random, |shim| shim);
    let images = seed::rounds(60);
    let finished = run.backups.iter().flat_map(|(_, made)| Unsynced::LOSING.map(|unsynced| (*made, unsynced)));
    let mut finished = finished.collect::<Vec<_>>().into_iter();
    for image in 0..images {
        // At first each backup right after it was made, in each kind of image that can lose it.
        let any = |random: &mut Random| (run.cut(random), Unsynced::any(random));
        let (cut, unsynced) = finished.next().unwrap_or_else(|| any(&mut random));
        let faults = run.faults(cut, unsynced, &mut random);
        assert!(faults.is_empty(), "image {image}, cut at {cut}, {unsynced:?}: {faults:#?}");
    }
    let model = Model::of(&run.registry.histories);
    let image = Image::of(&run.recording, run.recording.events.len(), Unsynced::Dropped, &mut random);
    let faults = faults(&run.registry, &image.data, &model, &mut random);
    assert!(faults.is_empty(), "{faults:#?}");
    eprintln!("{images} images of {} events hold", run.recording.events.len());
}

#[test]
fn a_backup_that_is_named_before_it_is_synced_is_caught() {
    let mut random = Random::of_test("backups without syncs");
    let run = Run::new(&mut random, |shim| shim.ignore_sync(".part"));
    let end = run.recording.events.len();
    for unsynced in Unsynced::LOSING {
        assert!(!run.faults(end, unsynced, &mut random).is_empty(), "{unsynced:?}: no loss was reported");
    }
}
