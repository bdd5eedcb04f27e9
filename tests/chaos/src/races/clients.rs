//! The clients that race, and what they call.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard};
use std::thread;

use super::history::History;
use super::registry::{Answer, Call, Home, Operation};
use crate::seed::Random;

/// How many clients race.
pub const CLIENTS: usize = 8;

/// What clients can call.
pub trait Service: Sync {
    /// What a client keeps from one call to the next.
    type Session;

    /// What a new client has.
    fn session(&self) -> Self::Session;

    /// Has an operation done.
    fn perform(&self, session: &mut Self::Session, operation: &Operation) -> Answer;

    /// Takes a moment, and changes nothing.
    fn pause(&self, session: &mut Self::Session);
}

/// What the clients of a race do.
#[derive(Clone, Debug)]
pub struct Race {
    /// How many accounts there are.
    pub accounts: usize,
    /// How many names.
    pub names: usize,
    /// How often each client calls.
    pub calls: usize,
    /// Whether all begin with a create of one name.
    pub contested: bool,
    /// How many in a hundred calls are edits.
    pub edits: u64,
    /// How many are erasures of customers.
    pub erases: u64,
    /// How many in a hundred creates and edits have an idempotency key, under which clients send them again.
    pub keys: u64,
    /// How many of the clients request and cancel erasures, and do nothing else.
    pub erasers: usize,
    /// How often the others pause before a call, at most: to have an account erased takes much longer than a write.
    pub pauses: usize,
}

impl Race {
    /// A race, drawn at random.
    pub fn draw(random: &mut Random) -> Self {
        Self {
            accounts: random.within(1..3),
            names: random.within(1..4),
            calls: random.within(4..7),
            contested: random.percent(50),
            edits: *random.pick(&[20, 40, 60]),
            erases: *random.pick(&[0, 5, 10]),
            keys: *random.pick(&[0, 50]),
            erasers: random.within(0..3),
            pauses: *random.pick(&[0, 10, 50]),
        }
    }

    /// Lets the clients race to their end, and looks at everything then; returns what they saw.
    pub fn run<S: Service>(&self, service: &S, random: &mut Random) -> History {
        let shared = Shared {
            race: self,
            history: Mutex::default(),
            known: Mutex::default(),
            keyed: Mutex::default(),
            erasers: AtomicUsize::new(self.erasers),
            start: Barrier::new(CLIENTS),
        };
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (shared, random) = (&shared, random.branch());
                scope.spawn(move || Client { number, shared, service, session: service.session(), random }.run());
            }
        });
        let last =
            Client { number: CLIENTS, shared: &shared, service, session: service.session(), random: random.branch() };
        last.look_at_everything();
        shared.history.into_inner().expect("no client has panicked")
    }
}

/// What the clients of a race share.
struct Shared<'a> {
    race: &'a Race,
    history: Mutex<History>,
    /// The last version of each customer whose id a client was told.
    known: Mutex<BTreeMap<u64, u64>>,
    /// The operations that were sent with idempotency keys.
    keyed: Mutex<Vec<Operation>>,
    /// How many clients that have accounts erased are not done yet.
    erasers: AtomicUsize,
    start: Barrier,
}

struct Client<'a, S: Service> {
    number: usize,
    shared: &'a Shared<'a>,
    service: &'a S,
    session: S::Session,
    random: Random,
}

impl<S: Service> Client<'_, S> {
    fn run(mut self) {
        let race = self.shared.race;
        let is_eraser = self.number < race.erasers;
        self.shared.start.wait();
        for turn in 0..race.calls {
            match turn {
                _ if is_eraser => {
                    let call = self.erasure(turn);
                    self.call(call);
                }
                0 if race.contested => {
                    self.call(Call::Create(Home { account: 0, name: 0 }));
                }
                _ => self.write_or_read(),
            }
        }
        if is_eraser {
            self.shared.erasers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Has every account active, reads every customer, and tries every name.
    fn look_at_everything(mut self) {
        let Race { accounts, names, .. } = *self.shared.race;
        for account in 0..accounts {
            // Certainly active, as the next race assumes.
            while self.call(Call::CancelErasure(account)) == Answer::Lost {}
        }
        let known: Vec<u64> = self.known().into_keys().collect();
        for id in known {
            self.call(Call::Get(id));
        }
        for home in (0..accounts).flat_map(|account| (0..names).map(move |name| Home { account, name })) {
            self.call(Call::Create(home));
        }
    }

    fn call(&mut self, call: Call) -> Answer {
        let has_key = matches!(call, Call::Create(_) | Call::Edit(..)) && self.random.percent(self.shared.race.keys);
        let operation = if has_key {
            let operation = self.history().call_with_key(self.number, call);
            self.keyed().push(operation);
            operation
        } else {
            self.history().call(self.number, call)
        };
        self.perform(operation)
    }

    /// Sends again, with its idempotency key, what this client or another one has sent, perhaps just now.
    fn repeat(&mut self, operation: Operation) {
        let operation = self.history().repeat(self.number, operation);
        self.perform(operation);
    }

    fn perform(&mut self, operation: Operation) -> Answer {
        let answer = self.service.perform(&mut self.session, &operation);
        self.history().answer(self.number, answer);
        let call = operation.call;
        let (id, version) = match (call, answer) {
            (_, Answer::Written(id, version)) => (id, version),
            (Call::Get(id), Answer::Shown(customer)) => (id, customer.version),
            _ => return answer,
        };
        self.shared.known.lock().expect("no client has panicked").insert(id, version);
        answer
    }

    /// Mostly requests and cancels in turn, each eraser in an account of its own if there are enough.
    fn erasure(&mut self, turn: usize) -> Call {
        let account = self.number % self.shared.race.accounts;
        let requests = turn.is_multiple_of(2) != self.random.percent(20);
        if requests { Call::RequestErasure(account) } else { Call::CancelErasure(account) }
    }

    fn write_or_read(&mut self) {
        let pauses = self.random.within(0..self.shared.race.pauses + 1);
        for _ in 0..pauses {
            if self.shared.erasers.load(Ordering::Relaxed) > 0 {
                self.service.pause(&mut self.session);
            }
        }
        let keyed: Vec<_> = self.keyed().iter().rev().take(CLIENTS).copied().collect();
        if !keyed.is_empty() && self.random.percent(20) {
            let operation = *self.random.pick(&keyed);
            return self.repeat(operation);
        }
        let call = self.next_call();
        self.call(call);
    }

    fn next_call(&mut self) -> Call {
        let Race { edits, erases, .. } = *self.shared.race;
        let home = self.home();
        let known: Vec<_> = self.known().into_iter().collect();
        let Some(newest) = known.last() else { return Call::Create(home) };
        let (id, version) = *self.random.pick(&known);
        match self.random.number() % 100 {
            percent if percent < edits => Call::Edit(id, home, self.expected(version)),
            percent if percent < edits + erases => Call::Erase(id, self.expected(version)),
            // Perhaps another client is about to create the one after the newest.
            percent if percent >= 95 => Call::Get(newest.0 + 1),
            percent if percent >= 75 => Call::Get(id),
            _ => Call::Create(home),
        }
    }

    /// Mostly nothing, or the version that was seen last, or the one that is to come.
    fn expected(&mut self, seen: u64) -> Option<u64> {
        match self.random.within(0..10) {
            0..5 => None,
            5..9 => Some(seen),
            _ => Some(seen + 1),
        }
    }

    fn home(&mut self) -> Home {
        let Race { accounts, names, .. } = *self.shared.race;
        Home { account: self.random.within(0..accounts), name: self.random.within(0..names) }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.shared.history.lock().expect("no client has panicked")
    }

    fn keyed(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.shared.keyed.lock().expect("no client has panicked")
    }

    fn known(&self) -> BTreeMap<u64, u64> {
        self.shared.known.lock().expect("no client has panicked").clone()
    }
}
