//! Clients race for few names, and their answers must be linearizable.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use blackbox::{Launch, TestDir};
use chaos::checker::{self, Stored};
use chaos::races::served::Session;
use chaos::races::{Answer, CLIENTS, Call, History, Home, Operation, Race, Served, Service};
use chaos::{Action, Random, Rule, Shim, seed};
use test_postgres::run_sql;

/// Every answer that an operation of a race can get.
const ANSWERS: [&str; 8] = ["Written", "Shown", "Done", "NotFound", "Erasing", "NotErasing", "Stale", "Duplicate"];

/// How many races there are at least where every answer must have been given.
const ENOUGH: usize = 30;

/// How long the races of the short form may take after the first [`ENOUGH`].
const BUDGET: Duration = Duration::from_secs(10);

/// How many races there were, and how often each answer was given.
#[derive(Default)]
struct Tally {
    races: usize,
    answers: BTreeMap<String, usize>,
}

impl Tally {
    fn count(&mut self, history: &History) {
        self.races += 1;
        for answer in history.answers() {
            let kind = format!("{answer:?}").split('(').next().unwrap_or_default().to_owned();
            *self.answers.entry(kind).or_default() += 1;
        }
    }

    /// Whether every answer was given.
    fn has_every_answer(&self) -> bool {
        ANSWERS.iter().all(|kind| self.answers.contains_key(*kind))
    }

    /// How many in a hundred calls were not answered.
    fn lost(&self) -> usize {
        100 * self.answers.get("Lost").copied().unwrap_or_default() / self.answers.values().sum::<usize>()
    }
}

/// Runs races, each after a call of `before`, until `is_enough`, and asserts that every history is linearizable.
fn race(
    served: &mut Served<'_>,
    usual: usize,
    random: &mut Random,
    before: impl Fn(&Served<'_>),
    is_enough: impl Fn(&Served<'_>, &Tally) -> bool,
) -> Tally {
    let (started, mut tally) = (Instant::now(), Tally::default());
    loop {
        let usual = if started.elapsed() < BUDGET { usual } else { usual.min(ENOUGH) };
        if !seed::is_another_round(tally.races, usual, is_enough(served, &tally)) {
            break;
        }
        served.next_race(&format!("R{} ", tally.races));
        before(served);
        let race = Race::draw(random);
        let history = race.run(served, random);
        history.must_be_linearizable(&format!("race {}: {race:?}", tally.races));
        tally.count(&history);
    }
    eprintln!("{} races, {} servers were killed: {:?}", tally.races, served.kills(), tally.answers);
    tally
}

#[test]
fn answers_to_racing_clients_are_linearizable() {
    let mut random = Random::of_test("races");
    let test_dir = TestDir::new();
    let mut served = Served::new(&test_dir, || test_dir.launch());
    let tally = race(&mut served, 300, &mut random, |_| {}, |_, tally| tally.has_every_answer());
    assert_eq!(tally.lost(), 0, "calls were refused with 503 and prove nothing");
}

/// The operations around which a server is killed, counted from its first race on.
const KILLS: [(Action, &str, &str, Range<usize>); 7] = [
    (Action::KillBefore, "write", "-wal", 1..40),
    (Action::KillHalf, "write", "-wal", 1..40),
    (Action::KillAfter, "write", "-wal", 1..40),
    (Action::KillBefore, "sync", "-wal", 1..8),
    (Action::KillAfter, "sync", "-wal", 1..8),
    (Action::KillBefore, "send", "*", 1..30),
    (Action::KillAfter, "send", "*", 1..30),
];

#[test]
fn answers_to_racing_clients_are_linearizable_across_kills() {
    let mut random = Random::of_test("races across kills");
    let test_dir = TestDir::new();
    let mut rules = random.branch();
    let mut served = Served::new(&test_dir, || {
        let (action, kind, suffix, numbers) = rules.pick(&KILLS).clone();
        let rule = Rule { action, kind, suffix, number: rules.within(numbers) };
        Shim::new(&test_dir.data()).rule(&rule).armed_by_signal().under(test_dir.launch())
    });
    let is_enough = |served: &Served<'_>, tally: &Tally| tally.has_every_answer() && served.kills() > ENOUGH / 2;
    race(&mut served, 150, &mut random, |served| served.arm(), is_enough);
    drop(served);
    let stored = Stored::read(&test_dir.data()).expect("the files can be read");
    assert_eq!(checker::check_rows(&stored), []);
}

#[test]
fn answers_to_clients_of_two_servers_are_linearizable() {
    let mut random = Random::of_test("races over two servers");
    let one = TestDir::in_database();
    let two = one.beside();
    let mut served = Served::new(&one, || one.launch()).and(|| two.launch());
    let tally = race(&mut served, 300, &mut random, |_| {}, |_, tally| tally.has_every_answer());
    assert!(tally.lost() <= 1, "{} of 100 calls were refused with 503 and prove nothing", tally.lost());
    one.cli(&["audit", "verify"]).done();
}

/// The command of a server that is killed around one of its next answers once it is armed.
fn killed_around_an_answer(test_dir: &TestDir, random: &mut Random) -> Launch {
    let action = *random.pick(&[Action::KillBefore, Action::KillAfter]);
    let rule = Rule { action, kind: "send", suffix: "*", number: random.within(1..30) };
    Shim::new(&test_dir.data()).rule(&rule).armed_by_signal().under(test_dir.launch())
}

/// Ends connections of servers to a database, one after the other, until it is dropped.
struct Terminator {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Terminator {
    fn start(url: String) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
        let over = ends.clone();
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                run_sql(&url, terminate);
                run_sql(&url, "SELECT pg_sleep(0.03)");
            }
        });
        Self { ends, thread: Some(thread) }
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))), "connections were ended to the end");
    }
}

#[test]
fn answers_to_clients_of_two_servers_are_linearizable_across_lost_connections() {
    let mut random = Random::of_test("races over two servers across lost connections");
    let one = TestDir::in_database();
    let two = one.beside();
    let mut served = Served::new(&one, || one.launch()).and(|| two.launch());
    let terminator = Terminator::start(one.database());
    race(&mut served, 15, &mut random, |_| {}, |_, tally| tally.answers.contains_key("Lost"));
    drop(terminator);
    one.cli(&["audit", "verify"]).done();
}

#[test]
fn answers_to_clients_of_two_servers_are_linearizable_across_kills() {
    let mut random = Random::of_test("races over two servers across kills");
    let one = TestDir::in_database();
    let two = one.beside();
    let (mut first, mut second) = (random.branch(), random.branch());
    let mut served = Served::new(&one, || killed_around_an_answer(&one, &mut first))
        .and(|| killed_around_an_answer(&two, &mut second));
    race(&mut served, 15, &mut random, |served| served.arm(), |served, _| served.kills() > 7);
    one.cli(&["audit", "verify"]).done();
}

/// A layer between the clients and the real registry that checks names itself: it stores every customer under a name of
/// its own.
struct Layer<'a, 'b> {
    registry: &'a Served<'b>,
    /// How many names the race has.
    names: usize,
    taken: Mutex<HashSet<Home>>,
    step: Step,
}

/// How a layer checks and inserts.
enum Step {
    /// In one step.
    One(Mutex<()>),
    /// In two steps: the first creates that find a name free wait for each other before they insert.
    Two { waiting: AtomicUsize, gap: Barrier },
}

impl<'a, 'b> Layer<'a, 'b> {
    fn new(registry: &'a Served<'b>, race: &Race, step: Step) -> Self {
        Self { registry, names: race.names, taken: Mutex::default(), step }
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<Home>> {
        self.taken.lock().expect("no client has panicked")
    }

    fn create(&self, session: &mut Session, operation: &Operation, home: Home) -> Answer {
        let _one = match &self.step {
            Step::One(step) => Some(step.lock().expect("no client has panicked")),
            Step::Two { .. } => None,
        };
        if self.taken().contains(&home) {
            return Answer::Duplicate;
        }
        if let Step::Two { waiting, gap } = &self.step
            && waiting.fetch_add(1, Ordering::SeqCst) < CLIENTS
        {
            gap.wait();
        }
        let own = Home { name: home.name + self.names * (operation.number + 1), ..home };
        let answer = self.registry.perform(session, &Operation { call: Call::Create(own), ..*operation });
        if matches!(answer, Answer::Written(..)) {
            self.taken().insert(home);
        }
        answer
    }
}

impl Service for Layer<'_, '_> {
    type Session = Session;

    fn session(&self) -> Session {
        self.registry.session()
    }

    fn perform(&self, session: &mut Session, operation: &Operation) -> Answer {
        if let Call::Create(home) = operation.call {
            return self.create(session, operation, home);
        }
        let mut answer = self.registry.perform(session, operation);
        if let Answer::Shown(customer) = &mut answer {
            customer.home.name %= self.names;
        }
        answer
    }

    fn pause(&self, session: &mut Session) {
        self.registry.pause(session);
    }
}

/// Runs races through a layer; returns for each history whether it is linearizable.
fn race_through_a_layer(name: &str, step: impl Fn() -> Step) -> Vec<bool> {
    let mut random = Random::of_test(name);
    let test_dir = TestDir::new();
    let mut served = Served::new(&test_dir, || test_dir.launch());
    let verdicts = (0..10).map(|number| {
        served.next_race(&format!("R{number} "));
        let race = Race { contested: true, edits: 0, erases: 0, keys: 0, erasers: 0, ..Race::draw(&mut random) };
        let layer = Layer::new(&served, &race, step());
        race.run(&layer, &mut random).is_linearizable()
    });
    verdicts.collect()
}

#[test]
fn a_server_that_checks_and_then_inserts_is_caught() {
    let two_steps = || Step::Two { waiting: AtomicUsize::new(0), gap: Barrier::new(CLIENTS) };
    let verdicts = race_through_a_layer("races for names that are checked and then inserted", two_steps);
    assert_eq!(verdicts, [false; 10]);
}

#[test]
fn a_server_that_checks_and_inserts_in_one_step_is_accepted() {
    let verdicts = race_through_a_layer("races for names of a layer", || Step::One(Mutex::default()));
    assert_eq!(verdicts, [true; 10]);
}
