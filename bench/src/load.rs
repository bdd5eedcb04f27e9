//! The load generator: keep-alive connections on at most two threads, in a closed or an open loop.

pub mod answer;
mod connection;
mod lane;
mod pacer;
pub mod requests;
pub mod tally;
#[cfg(test)]
mod tests;

use std::{
    io,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use requests::{Requests, Work};
use tally::Tally;

/// More threads than this would take the machine from the server.
const THREADS: usize = 2;

/// When the next request is sent.
#[derive(Clone, Copy)]
pub enum Pace {
    /// When the answer to the last one is there.
    Closed,
    /// At its time, whatever the server does: this many a second in all.
    Open(f64),
}

/// When a run ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// After a time.
    Elapsed(Duration),
    /// After a number of requests; only for a closed loop.
    Requests(u64),
}

/// One run of load.
#[derive(Clone)]
pub struct Plan {
    /// Server and requests.
    pub work: Arc<Work>,
    /// Makes the names of this run different from those of any other.
    pub run: u32,
    /// How many connections share the load.
    pub connections: usize,
    /// When requests are sent.
    pub pace: Pace,
    /// When it ends.
    pub until: Until,
    /// Whether the ids of new customers are worth keeping.
    pub keep_ids: bool,
}

impl Plan {
    /// Runs to the end; every request that was sent has been answered or counted as broken.
    pub fn run(&self) -> io::Result<Tally> {
        let lanes = THREADS.min(self.connections);
        let barrier = Barrier::new(lanes);
        let mut total = Tally::new();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..lanes)
                .map(|index| {
                    let (plan, barrier) = (self.share(index, lanes), &barrier);
                    let requests = Requests::new(&self.work, self.run, index);
                    scope.spawn(move || lane::run(&plan, requests, barrier))
                })
                .collect();
            for thread in threads {
                total.merge(thread.join().expect("a lane does not panic")?);
            }
            Ok(total)
        })
    }

    /// The part of the plan that one of several threads carries out.
    fn share(&self, index: usize, lanes: usize) -> Self {
        let part = |whole: u64| whole / lanes as u64 + u64::from((index as u64) < whole % lanes as u64);
        let mut plan = self.clone();
        plan.connections = part(self.connections as u64) as usize;
        plan.pace = match self.pace {
            Pace::Closed => Pace::Closed,
            Pace::Open(rate) => Pace::Open(rate / lanes as f64),
        };
        plan.until = match self.until {
            Until::Elapsed(time) => Until::Elapsed(time),
            Until::Requests(count) => Until::Requests(part(count)),
        };
        plan
    }
}
