//! Power cuts: synced data is kept, and any part of the rest may be lost.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use blackbox::{Login, Server, TestDir, wait};
use chaos::again::{self, Again};
use chaos::checker::Stored;
use chaos::model::Sent;
use chaos::recording::{Event, Recording};
use chaos::test_registry::Image;
use chaos::{
    Action, CustomerHistory, Load, Model, Outcome, Progress, Random, Rule, Shim, Unsynced, Violation, seed,
    test_registry,
};

/// A registry from its first command to the end of its server, and all operations on its files.
struct Run {
    test_dir: TestDir,
    ada: Login,
    histories: Vec<CustomerHistory>,
    recording: Recording,
    /// How many events were recorded when the user's key was issued.
    prepared: usize,
}

/// A registry whose operations were recorded from its first command: its directory, the recording and its user.
pub(crate) fn prepare() -> (TestDir, PathBuf, Login) {
    let test_dir = TestDir::new();
    let log = test_dir.root().join("recording");
    let shim = Shim::new(&test_dir.data()).record(&log);
    shim.cli(&test_dir, &["account", "create", "Acme"]);
    let ada = shim.user(&test_dir, "ada", "Acme");
    shim.under(test_dir.launch()).start().stop();
    (test_dir, log, ada)
}

/// Records a run under `load`; `configure` changes the shim of the server.
fn run(load: &Load, random: &mut Random, configure: impl FnOnce(Shim) -> Shim) -> Run {
    run_until(load, random, configure, |_, _, _| {})
}

/// Like [`run`]; `meanwhile` runs concurrently with the load, which it may end.
fn run_until(
    load: &Load,
    random: &mut Random,
    configure: impl FnOnce(Shim) -> Shim,
    meanwhile: impl FnOnce(&Progress, &Server, &Path),
) -> Run {
    let (test_dir, log, ada) = prepare();
    let prepared = Recording::read(&log).events.len();
    let configured = configure(Shim::new(&test_dir.data()).record(&log));
    let mut server = configured.under(test_dir.launch()).start();
    let report = load.run(server.address(), &ada, random, |progress| meanwhile(progress, &server, &log));
    server.signal("TERM");
    let code = server.wait();
    let has_failed = configured.has_rule() && server.log().contains("the store has failed");
    assert_eq!(code, i32::from(has_failed), "the server did not stop in order");
    let recording = Recording::read(&log);
    Run { test_dir, ada, histories: report.histories, recording, prepared }
}

/// Like [`run`], but the server is killed before or after writes and syncs of the log and started again, a few times.
fn run_with_kills(load: &Load, random: &mut Random) -> Run {
    let (test_dir, log, ada) = prepare();
    let prepared = Recording::read(&log).events.len();
    let mut histories: Vec<CustomerHistory> = Vec::new();
    let mut servers = 0;
    // A server that is killed soon acknowledges little, and the images need something to judge.
    while servers < 4 || acknowledged_in(&histories) <= 40 {
        let action = *random.pick(&[Action::KillBefore, Action::KillAfter]);
        let (kind, numbers) = random.pick(&[("write", 9..150), ("sync", 4..40)]).clone();
        let rule = Rule { action, kind, suffix: "-wal", number: random.within(numbers) };
        let shim = Shim::new(&test_dir.data()).record(&log).rule(&rule);
        let Some(server) = shim.start_unless_killed(test_dir.launch()) else { continue };
        let load = Load { prefix: format!("L{servers}"), requests: usize::MAX, ..load.clone() };
        servers += 1;
        histories.extend(load.run(server.address(), &ada, random, |_| {}).histories);
    }
    Run { test_dir, ada, histories, recording: Recording::read(&log), prepared }
}

/// How many requests of these histories were acknowledged.
fn acknowledged_in(histories: &[CustomerHistory]) -> usize {
    histories.iter().flatten().filter(|sent| matches!(sent.outcome, Outcome::Acknowledged(_))).count()
}

impl Run {
    /// Builds the image of a cut and checks it. The image is removed when it is dropped.
    fn violations(&self, cut: usize, unsynced: Unsynced, random: &mut Random) -> (Vec<Violation>, Image) {
        let image = Image::of(&self.recording, cut, unsynced, random);
        let acknowledged = self.recording.acknowledged_before(cut);
        let model = Model::at(&self.histories, |sent| acknowledged.contains(sent.request.as_str()));
        let login = (cut >= self.prepared).then_some(&self.ada);
        (test_registry::judge(&self.test_dir, &image.data, login, &model, random).violations, image)
    }

    /// What the clients know at a cut: the requests answered by then, and the one that each client waits for.
    fn known(&self, cut: usize) -> Vec<CustomerHistory> {
        let answered = self.recording.answered_before(cut);
        let is_answered = |sent: &Sent| answered.contains(sent.request.as_str());
        let unanswered = self.histories.iter().flatten().filter(|sent| !is_answered(sent));
        let mut waiting: Vec<_> = unanswered.map(client_and_number).collect();
        waiting.sort_unstable();
        waiting.dedup_by_key(|(client, _)| *client);
        let known = self.histories.iter().map(|history| {
            let sent = history.iter().filter(|sent| is_answered(sent) || waiting.contains(&client_and_number(sent)));
            let known = sent.map(|sent| match sent.outcome {
                Outcome::Acknowledged(_) if !is_answered(sent) => Sent { outcome: Outcome::Unknown, ..sent.clone() },
                _ => sent.clone(),
            });
            known.collect::<CustomerHistory>()
        });
        known.filter(|history| !history.is_empty()).collect()
    }

    /// Starts a server on the image of a cut, and sends the requests of unknown outcome again.
    fn send_again(&self, cut: usize, image: &Image) -> Again {
        let server = test_registry::launch(&self.test_dir, &image.data).start();
        again::send_again(&server.client_of(&self.ada), &mut self.known(cut))
    }

    /// Chooses where the power is cut: right after an acknowledgement, during a checkpoint, or anywhere.
    fn cut(&self, random: &mut Random) -> usize {
        let acknowledgements = self.recording.indices(Event::is_acknowledgement);
        let of_database = |event: &Event| matches!(event, Event::SyncBegins { name, .. } if name == "carnelian.db");
        let checkpoints = self.recording.indices(of_database);
        match random.within(0..10) {
            0..5 => random.pick(&acknowledgements) + 1,
            5..7 => random.pick(&checkpoints).saturating_sub(random.within(0..40)),
            _ => random.within(0..self.recording.events.len() + 1),
        }
    }

    /// Checks every group, and then many images on two threads; sends the requests without an answer again to each of them.
    fn check(&self, images: usize, random: &mut Random) {
        let lost = lost_groups(&self.recording, &Unsynced::LOSING, random);
        assert!(lost.is_empty(), "{} groups are lost, for example {}", lost.len(), lost[0]);
        let tally = Mutex::new(Tally::default());
        let tally = || tally.lock().unwrap_or_else(PoisonError::into_inner);
        let seed = random.number();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let Some(image) = tally().next_image(images) else { break };
                        // Seeded per image, so that it does not depend on the thread.
                        let mut random = Random::new(seed ^ image as u64);
                        let (cut, unsynced) = (self.cut(&mut random), Unsynced::any(&mut random));
                        let (violations, left) = self.violations(cut, unsynced, &mut random);
                        if !violations.is_empty() {
                            eprintln!("image {image} stays in {}", left.keep().display());
                            let wrong = format!("image {image}, cut at {cut}, {unsynced:?}: {violations:#?}");
                            tally().wrong.push(wrong);
                        } else if cut >= self.prepared {
                            let sent_again = self.send_again(cut, &left);
                            tally().again += sent_again;
                        }
                    }
                });
            }
        });
        let Tally { images, wrong, again } = &*tally();
        assert!(wrong.is_empty(), "{} of {images} images are wrong, for example {}", wrong.len(), wrong[0]);
        eprintln!("{images} images of {} events hold; sent again: {again:?}", self.recording.events.len());
    }
}

/// What was found out about images so far.
#[derive(Default)]
struct Tally {
    images: usize,
    /// Those that are wrong, and how.
    wrong: Vec<String>,
    /// The requests without an answer that were sent again.
    again: Again,
}

impl Tally {
    /// The number of the next image, until there were `usual` of them and both creates and edits were sent again.
    fn next_image(&mut self, usual: usize) -> Option<usize> {
        let is_enough = !self.wrong.is_empty() || self.again.has_both();
        let image = self.images;
        let is_another = seed::is_another_round(image, usual, is_enough);
        self.images += usize::from(is_another);
        is_another.then_some(image)
    }
}

/// What is missing right after the last acknowledgement of each group: the audit log must have an entry of every
/// acknowledged request. What becomes of unsynced writes is one of `kinds`.
///
/// This reads the files only, so that every group of a recording can be checked.
fn lost_groups(recording: &Recording, kinds: &[Unsynced], random: &mut Random) -> Vec<String> {
    let lost = |cut: usize| {
        let unsynced = *random.pick(kinds);
        let image = Image::of(recording, cut, unsynced, random);
        let logged = match Stored::read(&image.data) {
            Ok(stored) => stored.log.requests,
            Err(error) => return Some(format!("cut at {cut}, {unsynced:?}: {error}")),
        };
        let acknowledged = recording.acknowledged_before(cut);
        let lost: Vec<_> = acknowledged.into_iter().filter(|request| !logged.contains(*request)).collect();
        (!lost.is_empty()).then(|| format!("cut at {cut}, {unsynced:?}: {lost:?}"))
    };
    recording.ends_of_groups(Event::is_acknowledgement).into_iter().filter_map(lost).collect()
}

/// The client that has sent a request, and the client's number of it.
fn client_and_number(sent: &Sent) -> (&str, usize) {
    let (client, number) = sent.request.rsplit_once('-').expect("a request is named after its client");
    (client, number.parse().expect("a client numbers its requests"))
}

fn small_load() -> Load {
    Load { prefix: "P".to_owned(), workers: 4, requests: 40, large: 5 }
}

#[test]
fn a_power_cut_in_a_small_registry_loses_nothing_acknowledged() {
    let mut random = Random::of_test("power cuts, small");
    let run = run(&small_load(), &mut random, |shim| shim);
    let acknowledged = run.recording.acknowledged_before(run.recording.events.len()).len();
    assert!(acknowledged > 60, "too little was recorded: {acknowledged}");
    run.check(120, &mut random);
}

#[test]
fn a_power_cut_after_kills_and_restarts_loses_nothing_acknowledged() {
    let mut random = Random::of_test("power cuts after kills");
    let run = run_with_kills(&small_load(), &mut random);
    run.check(40, &mut random);
}

#[test]
fn a_power_cut_around_a_checkpoint_loses_nothing_acknowledged() {
    let mut random = Random::of_test("power cuts, checkpoint");
    let load = Load { prefix: "P".to_owned(), workers: 8, requests: usize::MAX, large: 100 };
    let run = run_until(
        &load,
        &mut random,
        |shim| shim,
        |progress, _, log| {
            let prepared = Recording::read(log).events.len();
            wait::until("there is a checkpoint under load", wait::PATIENCE, || {
                let recording = Recording::read(log);
                let mut events = recording.events.iter().skip(prepared);
                let synced = |event: &Event| matches!(event, Event::SyncBegins { name, .. } if name == "carnelian.db");
                events.find(|event| synced(event))?;
                events.find(|event| matches!(event, Event::Answer { .. })).map(drop)
            });
            progress.end();
        },
    );
    run.check(40, &mut random);
}

#[test]
fn a_power_cut_after_the_disk_refused_writes_for_a_while_loses_nothing_acknowledged() {
    let mut random = Random::of_test("power cuts, read-only");
    let rule = Rule { action: Action::ReadOnly, kind: "write", suffix: "-wal", number: random.within(1..9) };
    let load = Load { requests: usize::MAX, ..small_load() };
    let run = run_until(
        &load,
        &mut random,
        |shim| shim.rule(&rule).armed_by_signal(),
        |progress, server, _| {
            // A write that fails just before the file system becomes writable again looks like a failed disk, so the
            // server stops. Its acknowledged writes must be stored all the same.
            let has_ended = || TcpStream::connect(server.address()).is_err();
            let await_answers = |number| {
                let enough = progress.answered() + number;
                let is_enough = || (progress.answered() >= enough || has_ended()).then_some(());
                wait::until("there are answers", wait::PATIENCE, is_enough);
            };
            for _ in 0..4 {
                await_answers(30);
                server.signal("USR1");
                await_answers(10);
                server.signal("USR2");
            }
            await_answers(30);
            progress.end();
        },
    );
    run.check(40, &mut random);
}

/// Whether an image taken right after an acknowledgement, with all unsynced data dropped, has lost a write.
fn loses(run: &Run, random: &mut Random) -> bool {
    let acknowledgements = run.recording.indices(Event::is_acknowledgement);
    let cuts = (0..10).map(|_| *random.pick(&acknowledgements) + 1).collect::<Vec<_>>();
    cuts.into_iter().any(|cut| {
        let (violations, _image) = run.violations(cut, Unsynced::Dropped, random);
        violations.iter().any(|violation| matches!(violation, Violation::Lost(_)))
    })
}

#[test]
fn the_check_detects_a_server_that_does_not_sync() {
    let mut random = Random::of_test("power cuts without syncs");
    let run = run(&small_load(), &mut random, |shim| shim.ignore_sync("-wal"));
    assert!(loses(&run, &mut random), "the syncs were removed and no loss was reported");
}

#[test]
fn the_check_detects_a_server_whose_syncs_return_early() {
    let mut random = Random::of_test("power cuts with late syncs");
    // With one client no sync begins, which ends the one before, until an answer is sent.
    let run = run(&Load { workers: 1, ..small_load() }, &mut random, |shim| shim.late_sync("-wal"));
    assert!(loses(&run, &mut random), "the syncs were not awaited and no loss was reported");
}

#[test]
fn the_check_detects_a_server_that_answers_before_the_sync() {
    let mut random = Random::of_test("power cuts with early answers");
    let mut run = run(&small_load(), &mut random, |shim| shim);
    assert!(!loses(&run, &mut random), "there is a loss even without the fault");
    answer_early(&mut run.recording);
    assert!(loses(&run, &mut random), "the answers were moved before the sync and no loss was reported");
}

#[test]
fn each_kind_of_image_detects_one_group_in_a_hundred_without_its_sync() {
    let mut random = Random::of_test("power cuts with one sync left out");
    let load = Load { prefix: "P".to_owned(), workers: 1, requests: usize::MAX, large: 5 };
    let recording = run_until(
        &load,
        &mut random,
        |shim| shim,
        |progress, _, log| {
            let is_enough = || Recording::read(log).syncs_of_answers(Event::is_acknowledgement).len() > 100;
            wait::until("there are a hundred groups", wait::PATIENCE, || is_enough().then_some(()));
            progress.end();
        },
    );
    let recording = recording.recording;
    let groups = recording.syncs_of_answers(Event::is_acknowledgement);
    let lost = lost_groups(&recording, &Unsynced::LOSING, &mut random);
    assert!(lost.is_empty(), "there is a loss even without the fault: {lost:?}");
    for unsynced in Unsynced::LOSING {
        for _ in 0..2 {
            let syncs = random.pick(&groups).clone();
            let without = recording.without_syncs(&syncs);
            let lost = test_registry::first_loss(|| lost_groups(&without, &[unsynced], &mut random));
            assert_eq!(lost.len(), 1, "the syncs at {syncs:?} were left out, {unsynced:?}: {lost:?}");
        }
    }
    // An image with everything that was written is the same with and without syncs.
    let lost = lost_groups(&recording.without_syncs(&groups[50]), &[Unsynced::Kept], &mut random);
    assert!(lost.is_empty(), "{lost:?}");
}

/// Moves each acknowledgement before the sync of the log that precedes it.
fn answer_early(recording: &mut Recording) {
    for at in recording.indices(Event::is_acknowledgement) {
        let is_sync = |event: &Event| matches!(event, Event::SyncBegins { name, .. } if name.ends_with("-wal"));
        if let Some(sync) = recording.events[..at].iter().rposition(is_sync) {
            recording.events[sync..=at].rotate_right(1);
        }
    }
}
