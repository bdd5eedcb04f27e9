//! How many connections the system's limit of open files leaves room for.
//!
//! A registry that has run out of open files can do nothing: not even the store could open what it needs. So there are
//! never more connections than fit beside everything else, and whoever comes after is told to come back.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::thread::available_parallelism;

/// What is open besides connections: the database and its log in several hands, the log, signals, the listener.
const OTHERS: u64 = 48;

/// What is open for every processor: connections of the store that read, and what a serving thread waits on.
const OTHERS_PER_PROCESSOR: u64 = 8;

/// Raises the limit of open files as far as needed and permitted; of `wanted` connections, how many there is room for.
pub(crate) fn room_for_connections(wanted: usize) -> usize {
    let processors = available_parallelism().map_or(1, |count| count.get() as u64);
    let others = OTHERS + processors * OTHERS_PER_PROCESSOR;
    let limit = getrlimit(Resource::Nofile);
    let raised = raised(limit, others.saturating_add(wanted as u64));
    let granted = if setrlimit(Resource::Nofile, raised).is_ok() { raised } else { limit };
    room(granted, others, wanted)
}

/// The limit with what is permitted of what is needed.
fn raised(limit: Rlimit, needed: u64) -> Rlimit {
    let permitted = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    Rlimit { current: limit.current.map(|current| current.max(permitted)), ..limit }
}

/// How many connections there is room for beside the others; one at least, or there would be no point in starting.
fn room(limit: Rlimit, others: u64, wanted: usize) -> usize {
    let Some(limit) = limit.current else { return wanted };
    let room = usize::try_from(limit.saturating_sub(others)).unwrap_or(usize::MAX);
    room.clamp(1, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(current: Option<u64>, maximum: Option<u64>) -> Rlimit {
        Rlimit { current, maximum }
    }

    #[test]
    fn the_limit_is_raised_to_what_is_needed_and_permitted_and_never_lowered() {
        let raised = |current, maximum| raised(limit(current, maximum), 1000).current;
        assert_eq!(raised(Some(256), Some(4096)), Some(1000));
        assert_eq!(raised(Some(256), Some(512)), Some(512));
        assert_eq!(raised(Some(256), None), Some(1000));
        assert_eq!(raised(Some(2048), Some(4096)), Some(2048));
        assert_eq!(raised(None, None), None);
    }

    #[test]
    fn connections_get_what_the_others_leave() {
        let room = |current, wanted| room(limit(current, None), 50, wanted);
        assert_eq!(room(Some(1050), 1000), 1000);
        assert_eq!(room(Some(250), 1000), 200);
        assert_eq!(room(Some(20), 1000), 1);
        assert_eq!(room(None, 1000), 1000);
    }
}
