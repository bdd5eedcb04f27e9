//! The resources that a process uses, and limits on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use blackbox::{Launch, Server, wait};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long a process is watched to see whether it spins.
const WATCHED: Duration = Duration::from_secs(2);

/// The share of a processor that an idle server may use; a thread that spins uses a whole processor, or what a busy
/// machine leaves of it.
const IDLE_SHARE: f64 = 0.2;

/// Raises this process's limit of open files as far as is needed and permitted; how many it may open.
pub fn allow_open_files(needed: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let permitted = limit.maximum.map_or(needed as u64, |maximum| maximum.min(needed as u64));
    let current = limit.current.unwrap_or(u64::MAX).max(permitted);
    let raised = Rlimit { current: Some(current), ..limit };
    // Without permission the limit stays as it is, and the caller uses fewer files.
    let granted = if setrlimit(Resource::Nofile, raised).is_ok() { current } else { limit.current.unwrap_or(current) };
    usize::try_from(granted).unwrap_or(usize::MAX)
}

/// The processor time that a server has taken so far.
fn processor_time(server: &Server) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.id())).expect("the server runs");
    // The name of the program, in brackets, may hold spaces.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The most memory that a server has ever had resident, in bytes.
pub fn peak_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system reports the peak");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kilobytes");
    kilobytes * 1024
}

/// Asserts that a server that has nothing to do takes next to no processor time, once it is done with what it had to do.
#[track_caller]
pub fn must_not_spin(server: &Server, case: &str) {
    wait::until(&format!("{case}: the server is idle"), wait::PATIENCE, || {
        let share = processor_share(server);
        eprintln!("{case}: the server takes {:.1} % of a processor", share * 100.0);
        (share < IDLE_SHARE).then_some(())
    });
}

/// The share of a processor that a server takes for a while.
fn processor_share(server: &Server) -> f64 {
    let (began, before) = (Instant::now(), processor_time(server));
    wait::until("it has been watched", wait::PATIENCE, || (began.elapsed() >= WATCHED).then_some(()));
    (processor_time(server) - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// A control group that kills a process in it that uses too much memory; removed when dropped.
pub struct Cage(PathBuf);

impl Cage {
    /// Makes one, if that is permitted.
    pub fn of_memory(bytes: u64) -> Option<Self> {
        let parent = memory_group()?;
        let cage = Self(parent.join(format!("carnelian-{}", std::process::id())));
        fs::create_dir(&cage.0).ok()?;
        let limits = ["memory.max", "memory.limit_in_bytes"];
        let limited = limits.iter().any(|limit| fs::write(cage.0.join(limit), bytes.to_string()).is_ok());
        // Without swap, where the system has any.
        let _ = fs::write(cage.0.join("memory.swap.max"), "0");
        limited.then_some(cage)
    }

    /// Starts a server in the group.
    pub fn around(&self, launch: Launch) -> Launch {
        launch.after_shell(&format!("echo $$ > '{}' || exit 1", self.0.join("cgroup.procs").display()))
    }

    /// How many processes were killed in it.
    pub fn kills(&self) -> u64 {
        let read = |name: &str| fs::read_to_string(self.0.join(name)).ok();
        let counters = read("memory.events").or_else(|| read("memory.oom_control")).expect("a group counts its kills");
        let line = counters.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.expect("a group counts its kills").trim().parse().expect("a number")
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Where control groups for memory can be made: within this process's own.
fn memory_group() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = |controller: &str, root: &str| {
        let line = groups.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(controller))?;
        Some(Path::new(root).join(line.strip_prefix(":/")?))
    };
    path("memory", "/sys/fs/cgroup/memory").or_else(|| path("", "/sys/fs/cgroup"))
}
