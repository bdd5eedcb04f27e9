//! Whether reads find what they look for in memory, or wait for the disk.

use carnelian_store::Clock;
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A read that took less has not waited for any disk; to ask the system about every one would cost too much.
const QUICK: Duration = Duration::from_micros(50);

/// How many reads in a row find all in memory before the next one is believed to.
const PATIENCE: u32 = 32;

/// How long no read must have waited before what those who wait need is given up. To give it up and get it again time
/// after time scatters it over ever more of the process's memory.
pub(crate) const CALM: Duration = Duration::from_secs(600);

/// Whose reading is asked about; where the system cannot tell threads apart, some are taken to have waited that have not.
#[cfg(target_os = "linux")]
const READER: UsageWho = UsageWho::RUSAGE_THREAD;
#[cfg(not(target_os = "linux"))]
const READER: UsageWho = UsageWho::RUSAGE_SELF;

thread_local! {
    /// What this thread had read from disks when the system was asked last.
    static SEEN: Cell<i64> = const { Cell::new(0) };
}

/// Watches reads, and foretells from the last ones whether the next will wait for the disk.
pub(crate) struct DiskWaits {
    clock: Arc<dyn Clock>,
    /// What the current thread has read from disks so far, in whatever unit.
    read_by_thread: fn() -> i64,
    /// How many reads must still find all in memory.
    doubt: AtomicU32,
    /// When the last one had waited, in milliseconds on the clock; 0 if there was a calm since.
    last_ms: AtomicU64,
}

impl DiskWaits {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> DiskWaits {
        DiskWaits { clock, read_by_thread, doubt: AtomicU32::new(0), last_ms: AtomicU64::new(0) }
    }

    /// Whether the next read is likely to wait.
    pub(crate) fn are_likely(&self) -> bool {
        self.doubt.load(Ordering::Relaxed) > 0
    }

    /// Whether one has waited not long ago, so that others may again.
    pub(crate) fn were_recent(&self) -> bool {
        self.last_ms.load(Ordering::Relaxed) > 0
    }

    /// Runs a read, and learns from it.
    pub(crate) fn watch<T>(&self, read: impl FnOnce() -> T) -> T {
        let begun = self.clock.monotonic();
        let result = read();
        let ended = self.clock.monotonic();
        if ended.saturating_sub(begun) >= QUICK && self.has_read_from_disk() {
            self.doubt.store(PATIENCE, Ordering::Relaxed);
            self.last_ms.store(millis(ended).max(1), Ordering::Relaxed);
        } else if self.are_likely() {
            // Two threads at once may count one read for two, or none at all: either way it is about as many.
            let less = |doubt: u32| doubt.checked_sub(1);
            let _ = self.doubt.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        } else if self.were_recent() {
            // Another thread may just have waited: then there was no calm.
            let over = |last: u64| (last < millis(ended.saturating_sub(CALM))).then_some(0);
            let _ = self.last_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, over);
        }
        result
    }

    /// Whether this thread has read from a disk since it was asked last.
    fn has_read_from_disk(&self) -> bool {
        let so_far = (self.read_by_thread)();
        SEEN.replace(so_far) < so_far
    }
}

fn millis(moment: Duration) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(u64::MAX)
}

/// Blocks that were read for this thread, and pages of mapped files that it waited for.
fn read_by_thread() -> i64 {
    getrusage(READER).map_or(0, |usage| usage.block_reads() + usage.major_page_faults())
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_domain::Timestamp;
    use std::sync::atomic::AtomicU64;

    /// Each look at the clock finds it later by as much as is set.
    #[derive(Default)]
    struct Paced {
        pace_micros: AtomicU64,
        now_micros: AtomicU64,
    }

    impl Clock for Paced {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn monotonic(&self) -> Duration {
            let pace = self.pace_micros.load(Ordering::Relaxed);
            Duration::from_micros(self.now_micros.fetch_add(pace, Ordering::Relaxed))
        }
    }

    thread_local! {
        static READ: Cell<i64> = const { Cell::new(0) };
    }

    struct Scene {
        clock: Arc<Paced>,
        waits: DiskWaits,
    }

    impl Scene {
        fn new() -> Scene {
            let clock = Arc::new(Paced::default());
            let waits = DiskWaits { read_by_thread: || READ.get(), ..DiskWaits::new(clock.clone()) };
            Scene { clock, waits }
        }

        fn read(&self, micros: u64, blocks: i64) {
            self.clock.pace_micros.store(micros, Ordering::Relaxed);
            self.waits.watch(|| READ.set(READ.get() + blocks));
        }
    }

    #[test]
    fn only_a_read_that_took_long_and_read_from_the_disk_has_waited_for_it() {
        let scene = Scene::new();
        scene.read(3, 0);
        // The thread had to wait for a processor.
        scene.read(4_000, 0);
        assert!(!scene.waits.are_likely());
        scene.read(300, 8);
        assert!(scene.waits.are_likely());
    }

    #[test]
    fn reads_are_trusted_again_once_enough_in_a_row_found_all_in_memory() {
        let scene = Scene::new();
        scene.read(300, 8);
        for _ in 1..PATIENCE {
            scene.read(3, 0);
        }
        scene.read(300, 8);
        for left in (0..PATIENCE).rev() {
            assert!(scene.waits.are_likely());
            scene.read(3, 0);
            assert_eq!(scene.waits.are_likely(), left > 0);
        }
    }

    #[test]
    fn a_read_that_waited_is_recent_for_as_long_as_there_was_no_calm() {
        let scene = Scene::new();
        let pass = |time: Duration| scene.clock.now_micros.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
        let trust = || (0..=PATIENCE).for_each(|_| scene.read(3, 0));
        assert!(!scene.waits.were_recent());
        scene.read(300, 8);
        pass(CALM / 2);
        scene.read(300, 8);
        pass(CALM * 3 / 4);
        trust();
        assert!(scene.waits.were_recent() && !scene.waits.are_likely());
        pass(CALM / 2);
        trust();
        assert!(!scene.waits.were_recent());
    }

    #[test]
    fn each_thread_is_asked_for_what_it_has_read_itself() {
        let scene = Scene::new();
        let trust = || (0..PATIENCE).for_each(|_| scene.read(3, 0));
        scene.read(300, 8);
        trust();
        // Less than this thread has read, and the first of that one.
        std::thread::scope(|scope| scope.spawn(|| scene.read(300, 2)).join()).expect("reads");
        assert!(scene.waits.are_likely());
        trust();
        scene.read(300, 0);
        assert!(!scene.waits.are_likely());
    }
}
