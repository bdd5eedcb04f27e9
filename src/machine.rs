//! What the machine offers and is asked for: no core dumps, processors, free space, and open files with the number of connections that they allow.
//!
//! A server without free file descriptors cannot open its own files. It therefore accepts only as many connections as the
//! limit leaves after the descriptors that the server itself needs, and answers further clients with 503.

use nix::sys::{
    resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit},
    statvfs::statvfs,
};
use std::{path::Path, thread::available_parallelism};

/// File descriptors of the server itself: the database and its log, stderr, signals, the listener.
const RESERVED: u64 = 48;

/// File descriptors per processor: the store's read connections, and the event queue of a serving thread.
const RESERVED_PER_PROCESSOR: u64 = 8;

/// Forbids core dumps, which would hold keys and personal data, and keeps other processes of the same user from reading the
/// memory of this one.
pub(crate) fn forbid_core_dumps() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // A program that collects core dumps does not ask for the limit.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

/// Number of processors that the process may use.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(2, usize::from)
}

/// Raises the soft limit of open files as far as needed and permitted, and returns how many of `wanted` connections it
/// allows.
pub(crate) fn room_for_connections(wanted: usize) -> usize {
    let reserved = RESERVED + cores() as u64 * RESERVED_PER_PROCESSOR;
    let (limit, maximum) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((RLIM_INFINITY, RLIM_INFINITY));
    let raised = raised(limit, maximum, reserved.saturating_add(wanted as u64));
    let granted = if setrlimit(Resource::RLIMIT_NOFILE, raised, maximum).is_ok() { raised } else { limit };
    room(granted, reserved, wanted)
}

/// How many bytes are free to this process in the file system of a path, or of the first directory above it that exists.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let found = path.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let statistics = found.filter(|path| path.exists()).find_map(|path| statvfs(path).ok())?;
    #[allow(clippy::useless_conversion, reason = "the sizes of these types depend on the system")]
    let (blocks, size) = (u64::from(statistics.blocks_available()), u64::from(statistics.fragment_size()));
    Some(blocks.saturating_mul(size))
}

/// Where the data of a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// On this machine.
    Local,
    /// In its memory.
    Memory,
    /// On another machine; with the name of the file system.
    Network(&'static str),
}

/// The file system of a path. One that is not known is taken to be local.
#[cfg(target_os = "linux")]
pub(crate) fn file_system(path: &Path) -> FileSystem {
    use nix::sys::statfs;
    let networks = [
        (statfs::NFS_SUPER_MAGIC, "NFS"),
        (statfs::SMB_SUPER_MAGIC, "SMB"),
        (statfs::FsType(0xff53_4d42), "CIFS"),
        (statfs::FsType(0xfe53_4d42), "SMB"),
        (statfs::FsType(0x0102_1997), "9P"),
        (statfs::FsType(0x00c3_6400), "Ceph"),
    ];
    let Ok(kind) = statfs::statfs(path).map(|found| found.filesystem_type()) else { return FileSystem::Local };
    match networks.into_iter().find(|(network, _)| *network == kind) {
        Some((_, name)) => FileSystem::Network(name),
        None if kind == statfs::TMPFS_MAGIC => FileSystem::Memory,
        None => FileSystem::Local,
    }
}

/// The file system of a path, which is taken to be local.
#[cfg(not(target_os = "linux"))]
pub(crate) fn file_system(_: &Path) -> FileSystem {
    FileSystem::Local
}

/// The new soft limit. `RLIM_INFINITY` is the largest number.
fn raised(limit: rlim_t, maximum: rlim_t, needed: u64) -> rlim_t {
    limit.max(needed.min(maximum))
}

/// How many connections a limit allows; at least one, since a server without any is of no use.
fn room(limit: rlim_t, reserved: u64, wanted: usize) -> usize {
    let room = usize::try_from(limit.saturating_sub(reserved)).unwrap_or(usize::MAX);
    room.clamp(1, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_as_needed_and_permitted_and_never_lowered() {
        let raised = |limit, maximum| raised(limit, maximum, 1000);
        assert_eq!(raised(256, 4096), 1000);
        assert_eq!(raised(256, 512), 512);
        assert_eq!(raised(256, RLIM_INFINITY), 1000);
        assert_eq!(raised(2048, 4096), 2048);
        assert_eq!(raised(RLIM_INFINITY, RLIM_INFINITY), RLIM_INFINITY);
    }

    #[test]
    fn connections_get_what_the_server_does_not_reserve() {
        let room = |limit| room(limit, 50, 1000);
        assert_eq!(room(1050), 1000);
        assert_eq!(room(250), 200);
        assert_eq!(room(20), 1);
        assert_eq!(room(RLIM_INFINITY), 1000);
    }
}
