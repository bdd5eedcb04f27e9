//! The id of a request, in its response and in the log.

use carnelian_app::Entropy;
use hyper::{HeaderMap, header::HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering};

/// The header with the id.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// The longest id that is accepted from a client, in bytes.
pub(crate) const MAX_LENGTH: usize = 128;

/// An odd number: multiplication by it maps different numbers to different numbers, and spreads consecutive ones.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Generates request ids, unique within a process and very likely between processes.
///
/// Ids are not secret, so a counter with a random start suffices and costs nearly nothing.
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Starts the counter at a random number.
    pub(crate) fn new(entropy: &dyn Entropy) -> RequestIds {
        let mut start = [0; 8];
        entropy.fill(&mut start);
        RequestIds { next: AtomicU64::new(u64::from_be_bytes(start)) }
    }

    /// The client's id for the request if it is safe to log, or a new one.
    pub(crate) fn for_request(&self, headers: &HeaderMap) -> HeaderValue {
        let given = headers.get(REQUEST_ID).filter(|id| is_safe(id.as_bytes())).cloned();
        given.unwrap_or_else(|| HeaderValue::try_from(self.generate()).expect("hexadecimal digits"))
    }

    /// A new id.
    pub(crate) fn generate(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        data_encoding::HEXLOWER.encode(&number.wrapping_mul(SPREAD).to_be_bytes())
    }
}

fn is_safe(id: &[u8]) -> bool {
    let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:/+=@".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Highest;

    impl Entropy for Highest {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(u8::MAX);
        }
    }

    #[test]
    fn ids_are_unique_also_when_the_counter_wraps_around() {
        let ids = RequestIds::new(&Highest);
        let made: std::collections::HashSet<_> = (0..1_000).map(|_| ids.generate()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.len() == 16));
    }

    #[test]
    fn a_client_s_id_is_accepted_only_if_it_is_safe_to_log() {
        let ids = RequestIds::new(&Highest);
        let of = |id: &str| {
            ids.for_request(&HeaderMap::from_iter([(
                hyper::header::HeaderName::from_static(REQUEST_ID),
                id.parse().expect("a value"),
            )]))
        };
        let longest = "a".repeat(MAX_LENGTH);
        for good in ["a", "0-9._:/+=@Z", longest.as_str()] {
            assert_eq!(of(good), good);
        }
        for bad in ["", "a b", "a\"b", "a{b", &format!("{longest}a")] {
            assert_ne!(of(bad), bad);
        }
    }
}
