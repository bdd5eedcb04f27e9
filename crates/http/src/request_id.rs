//! What a request is called, in its answer and in the log.

use carnelian_app::Entropy;
use hyper::{HeaderMap, header::HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering};

/// The header that names a request.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// The longest id that is taken over from a client.
pub(crate) const MAX_LENGTH: usize = 128;

/// An odd number: multiplied by it, different numbers stay different and no longer look like neighbours.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Names requests: to each another id, and in every process other ones.
///
/// An id is no secret, so counting from somewhere at random does, and costs a request nothing.
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(entropy: &dyn Entropy) -> RequestIds {
        let mut start = [0; 8];
        entropy.fill(&mut start);
        RequestIds { next: AtomicU64::new(u64::from_be_bytes(start)) }
    }

    /// The client's own id for the request, if it is harmless, or a new one.
    pub(crate) fn for_request(&self, headers: &HeaderMap) -> HeaderValue {
        let given = headers.get(REQUEST_ID).filter(|id| is_harmless(id.as_bytes())).cloned();
        given.unwrap_or_else(|| HeaderValue::try_from(self.generate()).expect("hexadecimal digits"))
    }

    /// A new id.
    pub(crate) fn generate(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        data_encoding::HEXLOWER.encode(&number.wrapping_mul(SPREAD).to_be_bytes())
    }
}

fn is_harmless(id: &[u8]) -> bool {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:/+=@".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(harmless)
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
    fn every_request_has_an_id_of_its_own_also_where_the_count_begins_anew() {
        let ids = RequestIds::new(&Highest);
        let made: std::collections::HashSet<_> = (0..1_000).map(|_| ids.generate()).collect();
        assert_eq!(made.len(), 1_000);
        assert!(made.iter().all(|id| id.len() == 16));
    }

    #[test]
    fn a_client_s_own_id_is_taken_over_only_if_it_is_harmless() {
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
