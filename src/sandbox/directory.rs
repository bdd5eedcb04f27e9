//! The directory of a sandbox: one numbered subdirectory per registry, one of which is current.
//!
//! ```text
//! carnelian.sandbox   the number of the current registry
//! sandbox.lock        locked by the server that uses the directory
//! 3/                  the current registry
//! 3/carnelian.sandbox the word "registry"
//! ```
//!
//! The marker files keep real registries and sandboxes apart: the keys of a sandbox are in its seed, so a real registry must
//! not be used as one, nor the reverse.

use crate::{CliError, backend, registry_files::is_own, wiring};
use carnelian_app::atomic_file::{Draft, create_private};
use data_encoding::HEXLOWER;
use std::{
    fs::{self, DirBuilder, DirEntry, File, Metadata, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The marker file. In the directory of a sandbox it contains the number of the current registry.
const MARKER: &str = "carnelian.sandbox";

/// The content of the marker file in the directory of a registry.
const REGISTRY: &str = "registry";

/// The file that the server locks.
const LOCK: &str = "sandbox.lock";

/// The prefix of the names of temporary directories.
const PREFIX: &str = "carnelian-sandbox-";

/// A file system in memory, on systems that have it.
const IN_MEMORY: &str = "/dev/shm";

/// The directory of a sandbox, locked.
pub(super) struct SandboxDir {
    root: PathBuf,
    /// The number of the current registry; 0 if there is none.
    current: AtomicU64,
    /// The highest number in use.
    last: AtomicU64,
    lock: File,
}

/// Removes a temporary directory when dropped.
pub(super) struct TemporaryDir(PathBuf);

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next sandbox.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The directory of a registry. Dropping it removes the directory, unless the registry is the current one.
pub(super) struct RegistryDir {
    sandbox: Arc<SandboxDir>,
    number: u64,
}

impl Drop for RegistryDir {
    fn drop(&mut self) {
        if !self.is_current() {
            let _ = fs::remove_dir_all(self.path());
        }
    }
}

impl RegistryDir {
    pub(super) fn path(&self) -> PathBuf {
        self.sandbox.path_of(self.number)
    }

    /// Whether this is the current registry.
    pub(super) fn is_current(&self) -> bool {
        self.sandbox.current.load(Ordering::Relaxed) == self.number
    }

    /// Makes this the current registry.
    pub(super) fn make_current(&self) -> io::Result<()> {
        mark(&self.sandbox.root, &self.number.to_string())?;
        self.sandbox.current.store(self.number, Ordering::Relaxed);
        Ok(())
    }
}

impl SandboxDir {
    /// Creates a temporary directory, in memory if the system has such a file system.
    pub(super) fn temporary() -> io::Result<(SandboxDir, TemporaryDir)> {
        let name = format!("{PREFIX}{}", HEXLOWER.encode(&wiring::random_bytes::<8>()));
        let create = |base: &Path| {
            remove_abandoned(base);
            let root = base.join(&name);
            DirBuilder::new().mode(0o700).create(&root)?;
            Ok::<_, io::Error>(root)
        };
        let root = create(Path::new(IN_MEMORY)).or_else(|_| create(&std::env::temp_dir()))?;
        let temporary = TemporaryDir(root.clone());
        mark(&root, "")?;
        Ok((SandboxDir::lock(root)?, temporary))
    }

    /// Opens the directory of a sandbox, or creates one in an empty or missing directory.
    pub(super) fn open(root: &Path) -> Result<SandboxDir, CliError> {
        backend::make_data_directory(root)?;
        let explain = |error: io::Error| CliError::failed(format!("{}: {error}", root.display()));
        if !is_marked(root) {
            // A start that was killed may have left the draft of its marker.
            let is_foreign = |entry: io::Result<DirEntry>| {
                entry.is_ok_and(|entry| !entry.file_name().as_encoded_bytes().starts_with(MARKER.as_bytes()))
            };
            if fs::read_dir(root).map_err(explain)?.any(is_foreign) {
                let message = "not the directory of a sandbox, and not empty";
                return Err(CliError::failed(format!("{}: {message}", root.display())));
            }
            mark(root, "").map_err(explain)?;
        }
        if fs::read_to_string(root.join(MARKER)).map_err(explain)? == REGISTRY {
            let message = "this is a registry inside a sandbox's directory; use its parent directory";
            return Err(CliError::failed(format!("{}: {message}", root.display())));
        }
        let directory = SandboxDir::lock(root.to_owned()).map_err(explain)?;
        directory.remove_leftovers().map_err(explain)?;
        Ok(directory)
    }

    fn lock(root: PathBuf) -> io::Result<SandboxDir> {
        // Renamed only after it is locked, so that no other process takes this sandbox for an abandoned one.
        let draft = root.join(format!("{LOCK}.{}", HEXLOWER.encode(&wiring::random_bytes::<8>())));
        let path = root.join(LOCK);
        let lock = if path.exists() { File::open(&path)? } else { create_private(&draft)? };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("in use by another sandbox")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if !path.exists() {
            fs::rename(draft, path)?;
        }
        let current = current(&root);
        Ok(SandboxDir { root, current: current.into(), last: current.into(), lock })
    }

    /// Fails with the reason if the lock was lost: its file is removed or another one, so another server can take the lock.
    pub(super) fn check_lock(&self) -> Result<(), String> {
        let path = self.root.join(LOCK);
        let identity = |file: io::Result<Metadata>| file.ok().map(|file| (file.dev(), file.ino()));
        let is_held = identity(fs::metadata(&path)) == identity(self.lock.metadata());
        if is_held { Ok(()) } else { Err(format!("{} was removed or replaced", path.display())) }
    }

    /// The current registry, if there is one.
    pub(super) fn current(self: &Arc<SandboxDir>) -> Option<RegistryDir> {
        let number = self.current.load(Ordering::Relaxed);
        (number > 0).then(|| RegistryDir { sandbox: self.clone(), number })
    }

    /// Creates a directory for a new registry.
    pub(super) fn new_registry(self: &Arc<SandboxDir>) -> io::Result<RegistryDir> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let registry = RegistryDir { sandbox: self.clone(), number };
        DirBuilder::new().mode(0o700).create(registry.path())?;
        mark(&registry.path(), REGISTRY)?;
        Ok(registry)
    }

    /// The directory that contains the registries.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.root.join(number.to_string())
    }

    /// Removes registries other than the current one, which a killed server has left.
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

/// Writes the marker file of a directory.
fn mark(directory: &Path, content: &str) -> io::Result<()> {
    let mut marker = Draft::new(&directory.join(MARKER))?;
    marker.write_all(content.as_bytes())?;
    marker.keep()
}

/// Whether a directory belongs to a sandbox.
pub(crate) fn is_marked(directory: &Path) -> bool {
    directory.join(MARKER).exists()
}

/// The registry of a data directory: the current one if it is a sandbox's directory, else the directory itself.
pub(crate) fn registry_of(directory: &Path) -> PathBuf {
    match current(directory) {
        0 => directory.to_owned(),
        number => directory.join(number.to_string()),
    }
}

/// The number of the current registry; 0 if there is none.
fn current(root: &Path) -> u64 {
    fs::read_to_string(root.join(MARKER)).ok().and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// Removes temporary directories of killed sandboxes: those whose lock is free. What others have made there is left alone.
fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let is_own = is_temporary && is_own(&entry.path());
        let lock = is_own.then(|| File::open(entry.path().join(LOCK)).ok()).flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
