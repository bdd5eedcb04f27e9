//! The clock of an open loop: arrivals fall due at their times, and free connections take them in order.

use std::{
    cell::Cell,
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::{io::unix::AsyncFd, sync::Semaphore, time};

/// Arrivals that are closer than this fall due together, lest the pacer take the machine from the server.
const SHORTEST_TICK: Duration = Duration::from_micros(100);

/// How long the last arrivals may wait for a connection before they are given up.
const GRACE: Duration = Duration::from_millis(500);

/// The arrivals of one thread.
pub struct Pacer {
    start: Instant,
    gap: f64,
    total: u64,
    taken: Cell<u64>,
    due: Semaphore,
}

impl Pacer {
    /// A constant rate from now on.
    pub fn new(rate: f64, length: Duration) -> Self {
        let total = (rate * length.as_secs_f64()).round() as u64;
        Self { start: Instant::now(), gap: rate.recip(), total, taken: Cell::new(0), due: Semaphore::new(0) }
    }

    /// Waits for the next arrival and says when it was due; there is none after the end.
    pub async fn next(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.replace(self.taken.get() + 1);
        Some(self.intended(number))
    }

    /// Lets arrivals fall due, and ends when all are taken or given up.
    pub async fn run(&self) -> io::Result<()> {
        let timer = Timer::every(Duration::from_secs_f64(self.gap).max(SHORTEST_TICK))?;
        let mut released = 0;
        while released < self.total {
            let due = ((self.start.elapsed().as_secs_f64() / self.gap) as u64 + 1).min(self.total);
            self.due.add_permits((due - released) as usize);
            released = due;
            timer.tick().await?;
        }
        let end = Instant::now() + GRACE;
        while self.taken.get() < self.total && Instant::now() < end {
            time::sleep(Duration::from_millis(1)).await;
        }
        self.due.close();
        Ok(())
    }

    /// Due times of the arrivals that no connection took.
    pub fn given_up(&self) -> impl Iterator<Item = Instant> {
        (self.taken.get()..self.total).map(|number| self.intended(number))
    }

    fn intended(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 * self.gap)
    }
}

/// A periodic timer of the kernel; the runtime's own timers are a millisecond coarse.
struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    fn every(period: Duration) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let period = Timespec { tv_sec: period.as_secs() as i64, tv_nsec: period.subsec_nanos().into() };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: period, it_value: period })?;
        #[expect(
            deprecated,
            reason = "its replacement is unsafe, for descriptors that, unlike this, could be closed early"
        )]
        let timer = AsyncFd::new(timer)?;
        Ok(Self(timer))
    }

    async fn tick(&self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
            if let Ok(result) = read {
                return result.map(drop);
            }
        }
    }
}
