//! One thread of the generator: its connections, their requests and what it counts.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Barrier,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    task::{JoinSet, LocalSet},
    time,
};

use super::{
    Pace, Plan, Until,
    connection::Connection,
    pacer::Pacer,
    requests::{Expected, Requests},
    tally::Tally,
};

/// Without any answer for so long, what is in flight counts as broken.
const PATIENCE: Duration = Duration::from_secs(10);

struct Lane {
    requests: RefCell<Requests>,
    tally: RefCell<Tally>,
    keep_ids: bool,
    start: Instant,
    until: Until,
    sent: Cell<u64>,
    in_flight: Cell<u64>,
}

/// Carries out one thread's share of a plan.
pub fn run(plan: &Plan, requests: Requests, barrier: &Barrier) -> io::Result<Tally> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let connections = connect(plan).await;
        // Every thread arrives here, connected or not, or the others would wait for ever.
        barrier.wait();
        drive(plan, requests, connections?).await
    })
}

async fn connect(plan: &Plan) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(plan.connections);
    for address in plan.work.target.addresses.iter().cycle().take(plan.connections) {
        connections.push(Connection::open(*address).await?);
    }
    Ok(connections)
}

async fn drive(plan: &Plan, requests: Requests, connections: Vec<Connection>) -> io::Result<Tally> {
    let lane = Rc::new(Lane {
        requests: RefCell::new(requests),
        tally: RefCell::new(Tally::new()),
        keep_ids: plan.keep_ids,
        start: Instant::now(),
        until: plan.until,
        sent: Cell::new(0),
        in_flight: Cell::new(0),
    });
    let mut tasks = JoinSet::new();
    let pacer = match (plan.pace, plan.until) {
        (Pace::Open(rate), Until::Elapsed(length)) => Some(Rc::new(Pacer::new(rate, length))),
        _ => None,
    };
    for connection in connections {
        match &pacer {
            None => tasks.spawn_local(closed(Rc::clone(&lane), connection)),
            Some(pacer) => tasks.spawn_local(open(Rc::clone(&lane), Rc::clone(pacer), connection)),
        };
    }
    if let Some(pacer) = &pacer {
        pacer.run().await?;
    }
    tokio::select! {
        () = async { while tasks.join_next().await.is_some() {} } => {}
        () = lane.stalled() => {}
    }
    tasks.shutdown().await;
    let mut tally = lane.tally.replace(Tally::new());
    tally.elapsed = lane.start.elapsed();
    tally.broken += lane.in_flight.get();
    tally.names.push(lane.requests.borrow().names());
    for intended in pacer.iter().flat_map(|pacer| pacer.given_up()) {
        tally.unserved += 1;
        // The least that it would have waited: leaving it out would flatter an overloaded server.
        tally.latency(intended.elapsed());
    }
    Ok(tally)
}

async fn closed(lane: Rc<Lane>, mut connection: Connection) {
    let mut now = Instant::now();
    while lane.goes_on(now) {
        match lane.exchange(&mut connection, now).await {
            Some(answered) => now = answered,
            None => return,
        }
    }
}

async fn open(lane: Rc<Lane>, pacer: Rc<Pacer>, mut connection: Connection) {
    while let Some(intended) = pacer.next().await {
        if lane.exchange(&mut connection, intended).await.is_none() {
            return;
        }
    }
}

impl Lane {
    fn goes_on(&self, now: Instant) -> bool {
        match self.until {
            Until::Elapsed(time) => now < self.start + time,
            Until::Requests(count) => self.sent.get() < count,
        }
    }

    /// Makes one request and counts it; says when the answer was there, or nothing if the connection is lost.
    async fn exchange(&self, connection: &mut Connection, intended: Instant) -> Option<Instant> {
        let expected = self.requests.borrow_mut().render(&mut connection.outbox);
        self.sent.set(self.sent.get() + 1);
        self.in_flight.set(self.in_flight.get() + 1);
        let answer = connection.exchange().await;
        let now = Instant::now();
        self.in_flight.set(self.in_flight.get() - 1);
        let mut tally = self.tally.borrow_mut();
        match answer {
            Ok(answer) if expected.is_met_by(answer) => {
                tally.latency(now - intended);
                tally.answers += 1;
                if matches!(expected, Expected::Created) {
                    tally.created += 1;
                    if self.keep_ids {
                        tally.ids.extend(Expected::created_id(answer));
                    }
                }
            }
            Ok(answer) => {
                tally.unexpected += 1;
                tally
                    .sample(|| format!("{expected:?}, but {} {}", answer.status, String::from_utf8_lossy(answer.body)));
            }
            Err(error) => {
                tally.broken += 1;
                tally.sample(|| format!("{expected:?}, but {error}"));
                return None;
            }
        }
        Some(now)
    }

    /// Ends when no answer has come for a long time.
    async fn stalled(&self) {
        let mut before = u64::MAX;
        loop {
            let answers = self.tally.borrow().latencies.len();
            if answers == before {
                return;
            }
            before = answers;
            time::sleep(PATIENCE).await;
        }
    }
}
