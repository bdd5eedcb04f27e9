//! Whether the system can keep a database in its page cache.
//!
//! The memory of a process is the smallest of the machine's memory (`/proc/meminfo`) and the limits of the control groups
//! (version 2) that the process belongs to. A database counts as cached while it takes up at most half of that: the other
//! half is left to the index of names, the write-ahead log and other processes.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The largest part of the memory that a cached database takes up, as a divisor.
const CACHE_SHARE: u64 = 2;

/// Whether the database file is small enough to stay in the page cache; `false` if the system does not say.
pub(crate) fn can_cache(database: &Path) -> bool {
    let size = fs::metadata(database).map(|file| file.len());
    matches!((size, memory_bytes()), (Ok(size), Some(memory)) if size <= memory / CACHE_SHARE)
}

/// The memory that this process can use, in bytes.
fn memory_bytes() -> Option<u64> {
    let machine = machine_memory(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = control_group(&groups).into_iter().flat_map(limits_upwards);
    Some(limits.fold(machine, u64::min))
}

/// The line `MemTotal: 24684084 kB` of `/proc/meminfo`, in bytes.
fn machine_memory(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The folder of the process's control group, from the line `0::/path` of `/proc/self/cgroup`.
fn control_group(groups: &str) -> Option<PathBuf> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new("/sys/fs/cgroup").join(path))
}

/// The limits of a control group and those that contain it; a group without a limit says `max`.
fn limits_upwards(group: PathBuf) -> Vec<u64> {
    let limit = |folder: &Path| fs::read_to_string(folder.join("memory.max")).ok()?.trim().parse().ok();
    group.ancestors().take_while(|folder| folder.starts_with("/sys/fs/cgroup")).filter_map(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_control_group_are_read_as_the_kernel_writes_them() {
        let meminfo = "MemTotal:       24684084 kB\nMemFree:        17039856 kB\n";
        assert_eq!(machine_memory(meminfo), Some(24_684_084 * 1024));
        assert_eq!(machine_memory("MemFree: 5 kB\n"), None);
        let groups = "4:memory:/old\n0::/system.slice/carnelian.service\n";
        assert_eq!(control_group(groups), Some("/sys/fs/cgroup/system.slice/carnelian.service".into()));
        assert_eq!(control_group("0::/\n"), Some("/sys/fs/cgroup/".into()));
    }
}
