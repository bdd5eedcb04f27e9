//! What a run was measured on.

use std::{fs, io, path::Path, process::Command};

use serde::{Deserialize, Serialize};

/// A machine, and the server binary that is measured on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub name: String,
    pub date: String,
    pub cores: usize,
    pub processor: String,
    pub kernel: String,
    pub server: String,
    pub binary_bytes: u64,
}

/// Describes this machine and the binary.
pub fn describe(name: Option<&str>, date: &str, server: &Path) -> io::Result<Machine> {
    let version = Command::new(server).arg("--version").env_clear().output()?;
    Ok(Machine {
        name: name.map_or_else(|| line_of("/proc/sys/kernel/hostname"), str::to_owned),
        date: date.to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        processor: processor(),
        kernel: line_of("/proc/sys/kernel/osrelease"),
        server: String::from_utf8_lossy(&version.stdout).trim().to_owned(),
        binary_bytes: fs::metadata(server)?.len(),
    })
}

/// The one-minute load average: what else the machine had to do.
pub fn load_average() -> f64 {
    line_of("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned())
}

fn line_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
