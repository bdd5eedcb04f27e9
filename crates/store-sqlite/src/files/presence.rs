//! Whether the files that a process has open are still those in the directory.
//!
//! If a file is removed or replaced, the process keeps writing to an unlinked file: the data is lost when the process ends, and a
//! lock on the file excludes no other process. SQLite detects neither. So the names are looked up again
//!
//! - within each transaction that writes, before its commit: no other server can have begun to serve the registry before it,
//!   since that waits for the transaction,
//! - after the sync of each commit, before its replies: nothing is acknowledged that is in no directory any more,
//! - once a second.
//!
//! Removing or replacing a name changes the times of the directory. If they are those of a directory in which the names were
//! looked up later than a tick of the system's clock after its last change, a commit need not look them up again: that takes 1
//! instead of 15 µs.

use carnelian_store::Clock;
use parking_lot::Mutex;
use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How long after a change of the directory another one may have the same time; file systems use a clock that ticks up to
/// every 10 ms.
const TICK: Duration = Duration::from_millis(100);

/// The files of a directory that a process has open, and which they were.
pub(crate) struct Presence {
    directory: File,
    clock: Arc<dyn Clock>,
    files: Vec<(PathBuf, (u64, u64))>,
    seen: Mutex<Seen>,
}

/// What was seen of the directory.
struct Seen {
    times: Times,
    /// When these times were seen first.
    at: Duration,
    /// Whether the names were looked up when no further change could have had the same times.
    is_settled: bool,
}

/// When a directory was changed last.
type Times = [i64; 4];

impl Presence {
    /// No files of a directory.
    pub(crate) fn new(directory: &Path, clock: Arc<dyn Clock>) -> io::Result<Presence> {
        let directory = File::open(directory)?;
        let seen = Mutex::new(Seen { times: times(&directory)?, at: clock.monotonic(), is_settled: false });
        Ok(Presence { directory, clock, files: Vec::new(), seen })
    }

    /// Adds a file that is open.
    pub(crate) fn add(&mut self, path: &Path, file: &File) -> io::Result<()> {
        self.files.push((path.to_owned(), identity(&file.metadata()?)));
        Ok(())
    }

    /// Adds the file that a path names.
    pub(crate) fn add_named(&mut self, path: PathBuf) -> io::Result<()> {
        let identity = identity(&fs::metadata(&path)?);
        self.files.push((path, identity));
        Ok(())
    }

    /// Fails with the reason if a name in the directory has become that of another file, or of none.
    pub(crate) fn check(&self) -> Result<(), String> {
        let now = self.clock.monotonic();
        let found = times(&self.directory).map_err(|error| error.to_string())?;
        let mut seen = self.seen.lock();
        if seen.times != found {
            *seen = Seen { times: found, at: now, is_settled: false };
        }
        if !seen.is_settled {
            self.look_up()?;
            seen.is_settled = now > seen.at + TICK;
        }
        Ok(())
    }

    /// The same, also if the directory itself was moved.
    pub(crate) fn look_up(&self) -> Result<(), String> {
        self.files.iter().try_for_each(|(path, opened)| match fs::metadata(path) {
            Ok(found) if identity(&found) == *opened => Ok(()),
            Ok(_) => Err(format!("{} was replaced by another file", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("{} was removed", path.display())),
            Err(error) => Err(format!("{}: {error}", path.display())),
        })
    }
}

fn times(directory: &File) -> io::Result<Times> {
    let found = directory.metadata()?;
    Ok([found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()])
}

/// The identity of a file.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_domain::Timestamp;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A clock that is set by hand.
    #[derive(Default)]
    struct SetClock(AtomicU64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_file_that_is_removed_moved_or_replaced_is_noticed_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, other) = (directory.path().join("file"), directory.path().join("other"));
        let changes: [fn(&Path, &Path) -> io::Result<()>; 3] = [
            |path, _| fs::remove_file(path),
            |path, other| fs::rename(path, other),
            |path, other| fs::write(other, "").and_then(|()| fs::rename(other, path)),
        ];
        // Right after the directory was changed, and when that was long ago.
        for (change, age) in changes.into_iter().flat_map(|change| [(change, 0), (change, 10_000)]) {
            let file = File::create(&path).expect("is made");
            let clock = Arc::new(SetClock::default());
            let mut presence = Presence::new(directory.path(), clock.clone()).expect("there is a directory");
            presence.add(&path, &file).expect("is there");
            presence.add_named(path.clone()).expect("is there");
            fs::write(&path, "more").expect("is written");
            clock.0.store(age, Ordering::SeqCst);
            assert_eq!(presence.check(), Ok(()));
            assert_eq!(presence.look_up(), Ok(()));
            let before = times(&presence.directory).expect("is there");
            change(&path, &other).expect("is changed");
            while age > 0 && times(&presence.directory).expect("is there") == before {
                // The system's clock has not ticked since the file was made.
                fs::write(directory.path().join("more"), "")
                    .and_then(|()| fs::remove_file(directory.path().join("more")))
                    .expect("is changed");
            }
            clock.0.store(20_000, Ordering::SeqCst);
            presence.check().expect_err("it is another file, or none");
            presence.look_up().expect_err("it is another file, or none");
        }
    }
}
