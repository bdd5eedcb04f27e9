//! How many connections the system's limit of open files leaves room for.
//!
//! A registry that has run out of open files can do nothing: not even the store could open what it needs. So there are
//! never more connections than fit beside everything else, and whoever comes after is told to come back.

use crate::wiring;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// What is open besides connections: the database and its log in several hands, the log, signals, the listener.
const OTHERS: u64 = 48;

/// What is open for every processor: connections of the store that read, and what a serving thread waits on.
const OTHERS_PER_PROCESSOR: u64 = 8;

/// Raises the limit of open files as far as needed and permitted; of `wanted` connections, how many there is room for.
pub(crate) fn room_for_connections(wanted: usize) -> usize {
    let others = OTHERS + wiring::cores() as u64 * OTHERS_PER_PROCESSOR;
    let (limit, maximum) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((RLIM_INFINITY, RLIM_INFINITY));
    let raised = raised(limit, maximum, others.saturating_add(wanted as u64));
    let granted = if setrlimit(Resource::RLIMIT_NOFILE, raised, maximum).is_ok() { raised } else { limit };
    room(granted, others, wanted)
}

/// The limit with what is permitted of what is needed; no limit is the largest number.
fn raised(limit: rlim_t, maximum: rlim_t, needed: u64) -> rlim_t {
    limit.max(needed.min(maximum))
}

/// How many connections there is room for beside the others; one at least, or there would be no point in starting.
fn room(limit: rlim_t, others: u64, wanted: usize) -> usize {
    let room = usize::try_from(limit.saturating_sub(others)).unwrap_or(usize::MAX);
    room.clamp(1, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_what_is_needed_and_permitted_and_never_lowered() {
        let raised = |limit, maximum| raised(limit, maximum, 1000);
        assert_eq!(raised(256, 4096), 1000);
        assert_eq!(raised(256, 512), 512);
        assert_eq!(raised(256, RLIM_INFINITY), 1000);
        assert_eq!(raised(2048, 4096), 2048);
        assert_eq!(raised(RLIM_INFINITY, RLIM_INFINITY), RLIM_INFINITY);
    }

    #[test]
    fn connections_get_what_the_others_leave() {
        let room = |limit| room(limit, 50, 1000);
        assert_eq!(room(1050), 1000);
        assert_eq!(room(250), 200);
        assert_eq!(room(20), 1);
        assert_eq!(room(RLIM_INFINITY), 1000);
    }
}
