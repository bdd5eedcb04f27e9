//! Keys and users are worked on while the ground breaks.

use std::ops::Range;

use blackbox::{Place, wait};
use chaos::keys::{Deed, Office, Shift, Told};
use chaos::recording::{Event, Recording};
use chaos::scene::Image;
use chaos::{Action, Random, Rule, Shim, Unsynced, seed};

/// An operation at which something may be killed: what happens there, its kind, the file, and which of them.
type Moment = (Action, &'static str, &'static str, Range<usize>);

/// Where the server is killed.
fn in_server() -> [Moment; 7] {
    use Action::*;
    [
        (KillBefore, "write", "-wal", 5..120),
        (KillHalf, "write", "-wal", 5..120),
        (KillBefore, "sync", "-wal", 3..40),
        (KillAfter, "sync", "-wal", 3..40),
        (KillAfter, "begin", "*", 2..40),
        (KillBefore, "send", "other", 3..60),
        (KillAfter, "send", "other", 3..60),
    ]
}

/// Where a command is killed, unless it is over by then.
fn in_command() -> [Moment; 5] {
    use Action::*;
    [
        (KillAfter, "begin", "*", 1..3),
        (KillHalf, "write", "-wal", 1..8),
        (KillBefore, "sync", "-wal", 1..4),
        (KillAfter, "sync", "-wal", 1..4),
        (KillAfter, "any", "*", 1..30),
    ]
}

fn rule(moments: &[Moment], random: &mut Random) -> Rule {
    let (action, kind, suffix, numbers) = random.pick(moments).clone();
    Rule { action, kind, suffix, number: random.within(numbers) }
}

fn was_done(deed: &Deed) -> bool {
    deed.told == Told::Done
}

#[test]
fn key_work_that_was_acknowledged_outlives_kills_of_server_and_commands() {
    let mut random = Random::of_test("kills while working on keys");
    let place = Place::new();
    let shim = Shim::new(&place.data());
    let office = Office::open(place, &shim);
    let command = |random: &mut Random| {
        if random.percent(50) { shim.clone().rule(&rule(&in_command(), random)) } else { shim.clone() }
    };
    let mut kills = 0;
    for round in 0..seed::rounds(8) {
        let rule = rule(&in_server(), &mut random);
        let alone = Shift { prefix: format!("A{round}"), address: None, deeds: 9, shim: &command, log: None };
        office.work(&alone, &mut random, |_| {});
        if let Some(mut server) = shim.clone().rule(&rule).start_unless_killed(office.place.launch()) {
            let (prefix, address) = (format!("R{round}"), Some(server.address()));
            let shift = Shift { prefix, address, deeds: usize::MAX, shim: &command, log: None };
            office.work(&shift, &mut random, |progress| {
                let over = wait::until("the server is killed, or has done much", wait::PATIENCE, || {
                    let over = !server.is_running();
                    (over || progress.answered() > 300).then_some(over)
                });
                kills += usize::from(over);
                progress.end();
            });
        }
        let faults = office.faults(&office.place.data(), was_done);
        assert!(faults.is_empty(), "round {round}: {rule:?}: {faults:#?}");
    }
    let deeds = office.deeds();
    let unknown = deeds.iter().filter(|deed| deed.told == Told::Nothing).count();
    eprintln!("{kills} kills of the server, {} deeds, {unknown} of them without an answer", deeds.len());
    assert!(kills > 0 && unknown > 0, "nothing was cut short");
}

/// Key work that was recorded from the first command on.
struct Run {
    office: Office,
    recording: Recording,
    /// How much was recorded when the work began.
    prepared: usize,
}

impl Run {
    fn new(random: &mut Random, configure: impl FnOnce(Shim) -> Shim) -> Self {
        let place = Place::new();
        let log = place.root().join("recording");
        let shim = configure(Shim::new(&place.data()).record(&log));
        let office = Office::open(place, &shim);
        let prepared = Recording::read(&log).events.len();
        let command = |_: &mut Random| shim.clone();
        let mut shift = Shift { prefix: "A".to_owned(), address: None, deeds: 12, shim: &command, log: Some(&log) };
        office.work(&shift, random, |_| {});
        let server = shim.under(office.place.launch()).start();
        (shift.prefix, shift.address, shift.deeds) = ("P".to_owned(), Some(server.address()), 30);
        office.work(&shift, random, |_| {});
        server.stop();
        Self { office, recording: Recording::read(&log), prepared }
    }

    /// Where the power may be cut: anywhere in the work, and as often right after an answer.
    fn cut(&self, random: &mut Random) -> usize {
        let mut answers = self.recording.indices(|event| matches!(event, Event::Answer { .. }));
        answers.retain(|answer| *answer >= self.prepared);
        if random.percent(50) {
            random.pick(&answers) + 1
        } else {
            random.within(self.prepared..self.recording.events.len() + 1)
        }
    }

    fn faults(&self, cut: usize, unsynced: Unsynced, random: &mut Random) -> Vec<String> {
        let answered = self.recording.answered_before(cut);
        let image = Image::of(&self.recording, cut, unsynced, random);
        self.office.faults(&image.data, |deed| was_done(deed) && answered.contains(deed.name.as_str()))
    }
}

#[test]
fn a_power_cut_takes_back_no_key_work_that_was_acknowledged() {
    let mut random = Random::of_test("power cuts while working on keys");
    let run = Run::new(&mut random, |shim| shim);
    let done = run.office.deeds().iter().filter(|deed| was_done(deed)).count();
    assert!(done > 30, "too little was done: {done}");
    let images = seed::rounds(24);
    for image in 0..images {
        let (cut, unsynced) = (run.cut(&mut random), Unsynced::any(&mut random));
        let faults = run.faults(cut, unsynced, &mut random);
        assert!(faults.is_empty(), "image {image}, cut at {cut}, {unsynced:?}: {faults:#?}");
    }
    eprintln!("{images} images of {} events and {done} deeds hold", run.recording.events.len());
}

#[test]
fn key_work_whose_syncs_do_nothing_is_caught() {
    let mut random = Random::of_test("key work without syncs");
    let run = Run::new(&mut random, |shim| shim.ignore_sync("-wal"));
    let caught = (0..10).any(|_| {
        let cut = run.cut(&mut random);
        !run.faults(cut, Unsynced::Dropped, &mut random).is_empty()
    });
    assert!(caught, "the syncs were removed and no loss was reported");
}
