//! A server's process: its start, what it costs, and its end.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than any start, with any number of customers.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A running server; it is killed when dropped.
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start until it answered that it is ready.
    pub ready_after: Duration,
    /// Held open, because a server that cannot print may end.
    _stdout: BufReader<ChildStdout>,
}

/// What a process has used so far.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Processor time, in user and kernel.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

impl Process {
    /// Starts a server that prints `Listening on http://ADDRESS`, and waits until it is ready.
    pub fn start(mut command: Command, log: &Path) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let started = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let address = listening(&mut stdout);
        // A process from here on, so that it is killed if what follows fails.
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let ready_after = Duration::ZERO;
        let mut process = Self { child, address: unknown, ready_after, _stdout: stdout };
        process.address = address?;
        while !is_ready(process.address).unwrap_or(false) {
            if started.elapsed() > READY_WITHIN {
                return Err(io::Error::other("the server does not become ready"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        process.ready_after = started.elapsed();
        Ok(process)
    }

    /// What it has used so far.
    pub fn usage(&self) -> io::Result<Usage> {
        usage(&self.child.id().to_string())
    }

    /// Waits until it has finished all earlier work.
    pub fn settle(&self) -> io::Result<()> {
        const PERIOD: Duration = Duration::from_millis(100);
        let mut before = self.usage()?.cpu;
        for _ in 0..50 {
            thread::sleep(PERIOD);
            let now = self.usage()?.cpu;
            if now - before <= PERIOD / 10 {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) -> io::Result<()> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM)?;
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end; gives how long it took, and the most memory that was ever resident.
pub fn run(mut command: Command) -> io::Result<(Duration, u64)> {
    const LOOK_EVERY: Duration = Duration::from_millis(2);
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            let took = started.elapsed();
            return if status.success() {
                Ok((took, peak))
            } else {
                Err(io::Error::other(format!("{command:?} failed")))
            };
        }
        // What has ended in between has no memory any more.
        peak = peak.max(usage(&child.id().to_string()).map_or(0, |usage| usage.peak));
        thread::sleep(LOOK_EVERY);
    }
}

/// What this process has used so far.
pub fn own_usage() -> io::Result<Usage> {
    usage("self")
}

fn usage(process: &str) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    // The name of the program, in brackets, may hold spaces.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Ok(Usage {
        cpu: Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64),
        resident: kilobytes("VmRSS:").unwrap_or(0) * 1024,
        peak: kilobytes("VmHWM:").unwrap_or(0) * 1024,
    })
}

fn listening(stdout: &mut impl BufRead) -> io::Result<SocketAddr> {
    for line in stdout.lines() {
        if let Some(address) = line?.strip_prefix("Listening on http://") {
            return address.parse().map_err(io::Error::other);
        }
    }
    Err(io::Error::other("the server ended before it listened; its log says why"))
}

fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}
