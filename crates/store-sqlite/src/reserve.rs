//! Space on the disk that is kept for erasures.
//!
//! An erasure frees space in the end, and needs some first: for its entries in the write-ahead log, and for what the log
//! holds already and takes to the database before it can start again. On a full disk there is none. So a file is kept
//! beside the database that only takes up space. When a piece of an erasure finds no room, the file is cut down to its
//! first byte, and the piece is done again. From then on nothing else is written, or customers would take what was given
//! back, until the file has its size again.
//!
//! The file itself tells how things are, so that all processes know, also after a kill: whoever finds its first byte
//! alone knows that the rest was given back. Without a file, or with an empty one, nothing was ever kept: the disk is
//! small, or the file system cannot do it. Then everything is written, and on a full disk an erasure waits like the rest.

use crate::checkpoint::START_PAGES;
use carnelian_store::Clock;
use nix::{
    fcntl::{FallocateFlags, fallocate},
    sys::statvfs::fstatvfs,
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The file's name in the data directory.
const FILE: &str = "carnelian.reserve";

/// How many bytes are kept.
///
/// The log is copied into the database when it has `START_PAGES`. If the database has no room to grow by them, there are
/// fewer pages left than that, so the log gets no more than as long again until the disk is full. All of that may have to
/// go into the database; and an erasure may write as much as `START_PAGES` before the log is copied for it.
const SIZE: u64 = 3 * START_PAGES as u64 * 4096;

/// What is left of it when it was given back.
const MARK: u64 = 1;

/// How long nobody tries to have it again after it was given back, or could not be had.
const PAUSE: Duration = Duration::from_secs(1);

/// The space that is kept beside a database.
pub(crate) struct Reserve {
    path: PathBuf,
    /// Whether it is made where there is none.
    wanted: bool,
    clock: Arc<dyn Clock>,
    /// When it may be tried to have it again.
    again_at: Duration,
}

impl Reserve {
    /// The reserve of a directory, which may have none; it gets one if that is wanted.
    pub(crate) fn new(directory: &Path, wanted: bool, clock: Arc<dyn Clock>) -> Reserve {
        Reserve { path: directory.join(FILE), wanted, clock, again_at: Duration::ZERO }
    }

    /// Makes it at the start of a process, or says why there is none.
    pub(crate) fn prepare(&mut self) {
        let length = self.length();
        if !self.wanted || length >= SIZE {
            return;
        }
        match self.make() {
            Ok(()) => {}
            Err(error) if length < MARK => {
                tracing::warn!(%error, "no space can be kept for erasures: on a full disk they wait like the rest");
            }
            Err(error) => tracing::warn!(%error, "the disk is still full: nothing but erasures is written"),
        }
    }

    /// Whether it was given back and cannot be had again yet, so that nothing but erasures may be written.
    pub(crate) fn is_given_back(&mut self) -> bool {
        let length = self.length();
        let was_made = length >= MARK;
        if length >= SIZE || !(was_made || self.wanted) {
            return false;
        }
        if self.clock.monotonic() >= self.again_at && self.make().is_ok() {
            tracing::info!("space is kept for erasures again");
            return false;
        }
        was_made
    }

    /// Gives it back, for an erasure that finds no room; says whether there was any to be given back.
    pub(crate) fn give_back(&mut self) -> bool {
        if self.length() < SIZE {
            return false;
        }
        self.again_at = self.clock.monotonic() + PAUSE;
        let given = self.cut();
        match &given {
            Ok(()) => {
                tracing::warn!("the disk is full: an erasure goes on in the space that is kept for it, all else waits")
            }
            Err(error) => tracing::warn!(%error, "the space that is kept for erasures could not be given back"),
        }
        given.is_ok()
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    /// Gives the file its size, be it new or not; one that was given back and cannot be had again stays as it is.
    fn make(&mut self) -> io::Result<()> {
        self.again_at = self.clock.monotonic() + PAUSE;
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&self.path)?;
        let length = file.metadata()?.len();
        if length < MARK {
            leave_room(&file)?;
        }
        let made = fallocate(&file, FallocateFlags::empty(), 0, SIZE as i64).map_err(io::Error::from);
        let made = made.and_then(|()| file.sync_data());
        if made.is_err() {
            // Some file systems keep what they could get of it.
            file.set_len(length.min(MARK))?;
        }
        made
    }

    fn cut(&self) -> io::Result<()> {
        let file = File::options().write(true).open(&self.path)?;
        file.set_len(MARK)?;
        // There are file systems that hand out what was freed only once they have noted that it is free.
        file.sync_all()
    }
}

/// Refuses to take more than half of what is left: a small disk is there for customers first.
fn leave_room(file: &File) -> io::Result<()> {
    let disk = fstatvfs(file)?;
    let left = disk.blocks_available().saturating_mul(disk.fragment_size());
    if left < 2 * SIZE { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_domain::Timestamp;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tempfile::TempDir;

    /// A clock that goes as the test wants, in milliseconds.
    #[derive(Default)]
    struct SetClock(AtomicU64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn prepared() -> (TempDir, Arc<SetClock>, Reserve) {
        let (directory, clock) = (tempfile::tempdir().expect("a directory"), Arc::new(SetClock::default()));
        let mut reserve = Reserve::new(directory.path(), true, clock.clone());
        reserve.prepare();
        (directory, clock, reserve)
    }

    /// What the file takes up on the disk.
    fn taken(directory: &TempDir) -> u64 {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(directory.path().join(FILE)).expect("is there").blocks() * 512
    }

    #[test]
    fn it_takes_up_its_space_until_it_is_given_back_once() {
        let (directory, _clock, mut reserve) = prepared();
        assert!(taken(&directory) >= SIZE);
        assert!(!reserve.is_given_back());
        assert!(reserve.give_back());
        assert!(taken(&directory) <= 4096 && reserve.is_given_back());
        assert!(!reserve.give_back(), "there is nothing left");
    }

    #[test]
    fn it_is_had_again_after_a_pause_and_by_anybody() {
        let (directory, clock, mut reserve) = prepared();
        reserve.give_back();
        clock.0.store(999, Ordering::Relaxed);
        assert!(reserve.is_given_back());
        clock.0.store(1000, Ordering::Relaxed);
        assert!(!reserve.is_given_back() && taken(&directory) >= SIZE);
        assert!(reserve.give_back());
        let mut neighbour = Reserve::new(directory.path(), false, clock);
        assert!(!neighbour.is_given_back() && !reserve.is_given_back());
        assert!(taken(&directory) >= SIZE);
    }

    #[test]
    fn where_there_never_was_one_everything_is_written() {
        let (directory, clock) = (tempfile::tempdir().expect("a directory"), Arc::new(SetClock::default()));
        let mut reserve = Reserve::new(directory.path(), false, clock.clone());
        reserve.prepare();
        assert!(!reserve.is_given_back() && !reserve.give_back());
        assert!(!directory.path().join(FILE).exists());
        // A start that was killed has left an empty file.
        fs::write(directory.path().join(FILE), "").expect("is written");
        assert!(!reserve.is_given_back() && !reserve.give_back());
        let mut server = Reserve::new(directory.path(), true, clock);
        server.prepare();
        assert!(taken(&directory) >= SIZE && server.give_back());
    }
}
