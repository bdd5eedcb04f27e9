//! Where a sandbox keeps its registries: a folder with a number for each, of which one counts.
//!
//! A mark in the folder and in every registry says that they belong to a sandbox. Its keys are known to everybody who
//! has read its seed, so no registry of real people may become one, nor the other way round.

use crate::{Refusal, wiring};
use carnelian_store_sqlite::make_directory;
use data_encoding::HEXLOWER;
use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The mark; in the folder of a sandbox it holds the number of the registry that counts.
const MARK: &str = "carnelian.sandbox";

/// What the mark holds in the folder of a registry.
const OF_REGISTRY: &str = "registry";

/// Locked by the server that uses the folder.
const LOCK: &str = "sandbox.lock";

/// How the folders begin that are made for one run of a server.
const PREFIX: &str = "carnelian-sandbox-";

/// Where files are in memory, on systems that have it.
const IN_MEMORY: &str = "/dev/shm";

/// The folder of a sandbox.
pub(super) struct Place {
    root: PathBuf,
    /// The number of the registry that counts; 0 while there is none.
    current: AtomicU64,
    /// The highest number that was given.
    last: AtomicU64,
    _lock: File,
}

/// A folder that lasts as long as the server.
pub(super) struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next sandbox.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of one registry; it is removed once the registry is no longer in use and no longer counts.
pub(super) struct Home {
    place: Arc<Place>,
    number: u64,
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.counts() {
            let _ = fs::remove_dir_all(self.path());
        }
    }
}

impl Home {
    pub(super) fn path(&self) -> PathBuf {
        self.place.path_of(self.number)
    }

    /// Whether this is the registry that counts.
    pub(super) fn counts(&self) -> bool {
        self.place.current.load(Ordering::Relaxed) == self.number
    }

    /// Lets this registry count from now on.
    pub(super) fn settle(&self) -> io::Result<()> {
        let draft = self.place.root.join(format!("{MARK}.draft"));
        fs::write(&draft, self.number.to_string())?;
        fs::rename(draft, self.place.root.join(MARK))?;
        self.place.current.store(self.number, Ordering::Relaxed);
        Ok(())
    }
}

impl Place {
    /// Makes a folder for this run of the server, in memory if there is such a place.
    pub(super) fn temporary() -> io::Result<(Place, Temporary)> {
        let name = format!("{PREFIX}{}", HEXLOWER.encode(&wiring::random_bytes::<8>()));
        let make = |base: &Path| {
            sweep(base);
            let root = base.join(&name);
            DirBuilder::new().mode(0o700).create(&root)?;
            Ok::<_, io::Error>(root)
        };
        let root = make(Path::new(IN_MEMORY)).or_else(|_| make(&std::env::temp_dir()))?;
        let temporary = Temporary(root.clone());
        fs::write(root.join(MARK), "")?;
        Ok((Place::locked(root)?, temporary))
    }

    /// Uses a folder that stays: a sandbox's, or one that is empty or not there.
    pub(super) fn given(root: &Path) -> Result<Place, Refusal> {
        make_directory(root).map_err(Refusal::refused)?;
        let explain = |error: io::Error| Refusal::refused(format!("{}: {error}", root.display()));
        if !is_marked(root) {
            if fs::read_dir(root).map_err(explain)?.next().is_some() {
                let why = "is not empty and no sandbox; --sandbox takes a directory of its own";
                return Err(Refusal::refused(format!("{} {why}", root.display())));
            }
            fs::write(root.join(MARK), "").map_err(explain)?;
        }
        if fs::read_to_string(root.join(MARK)).map_err(explain)? == OF_REGISTRY {
            let why = "is one of the registries of a sandbox; name the folder above it";
            return Err(Refusal::refused(format!("{} {why}", root.display())));
        }
        let place = Place::locked(root.to_owned()).map_err(explain)?;
        place.remove_leftovers().map_err(explain)?;
        Ok(place)
    }

    fn locked(root: PathBuf) -> io::Result<Place> {
        // Under its own name only once it is locked, so that nobody takes this sandbox for one that has ended.
        let draft = root.join(format!("{LOCK}.{}", std::process::id()));
        let path = root.join(LOCK);
        let lock = if path.exists() { File::open(&path)? } else { File::create(&draft)? };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another sandbox works in there")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if !path.exists() {
            fs::rename(draft, path)?;
        }
        let current = current(&root);
        Ok(Place { root, current: current.into(), last: current.into(), _lock: lock })
    }

    /// The registry that an earlier run has left.
    pub(super) fn home(self: &Arc<Place>) -> Option<Home> {
        let number = self.current.load(Ordering::Relaxed);
        (number > 0).then(|| Home { place: self.clone(), number })
    }

    /// A folder for a new registry, which counts once it has settled.
    pub(super) fn new_home(self: &Arc<Place>) -> io::Result<Home> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let home = Home { place: self.clone(), number };
        DirBuilder::new().mode(0o700).create(home.path())?;
        fs::write(home.path().join(MARK), OF_REGISTRY)?;
        Ok(home)
    }

    /// The folder of all registries.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.root.join(number.to_string())
    }

    /// Removes what a server has left that was killed while it made a registry.
    fn remove_leftovers(&self) -> io::Result<()> {
        let current = self.current.load(Ordering::Relaxed);
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            if number.is_some_and(|number| number != current) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether a folder belongs to a sandbox.
pub(crate) fn is_marked(folder: &Path) -> bool {
    folder.join(MARK).exists()
}

/// The registry that a folder stands for: the one that counts, if the folder is that of a sandbox.
pub(crate) fn registry_of(folder: &Path) -> PathBuf {
    match current(folder) {
        0 => folder.to_owned(),
        number => folder.join(number.to_string()),
    }
}

/// The number of the registry that counts; 0 if none does.
fn current(root: &Path) -> u64 {
    fs::read_to_string(root.join(MARK)).ok().and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// Removes what sandboxes have left that were killed: the folders with a lock that nobody holds.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let lock = is_temporary.then(|| File::open(entry.path().join(LOCK)).ok()).flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
