//! Conditional requests, as RFC 9110 section 13 defines them.
//!
//! The only validator is the entity tag of a customer, its version, which is strong. There is no modification date, so
//! `If-Modified-Since` and `If-Unmodified-Since` are ignored, as the RFC demands.

use crate::{
    error::ApiError,
    response::{self, Response},
};
use carnelian_app::customers::AcceptedVersions;
use carnelian_domain::Problem;
use hyper::{
    HeaderMap, StatusCode,
    header::{ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH},
};

/// The entity tag of a version.
pub(crate) fn entity_tag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a valid header value")
}

/// The versions that a write accepts.
///
/// A condition that cannot be read is not met: a write under a condition must not happen without it.
pub fn accepted_versions(headers: &HeaderMap) -> AcceptedVersions {
    let mut accepted = AcceptedVersions::default();
    if let Some(tags) = Tags::read(headers, IF_MATCH)
        && !tags.any
    {
        accepted.only = Some(tags.strong);
    }
    if let Some(tags) = Tags::read(headers, IF_NONE_MATCH) {
        if tags.any || tags.malformed {
            accepted.only = Some(Vec::new());
        }
        accepted.except = [tags.strong, tags.weak].concat();
    }
    accepted
}

/// The response to a read that makes the body unnecessary; `None` if the body is to be sent.
pub(crate) fn check_read(headers: &HeaderMap, version: u64) -> Result<Option<Response>, ApiError> {
    if Tags::read(headers, IF_MATCH).is_some_and(|tags| !tags.any && !tags.strong.contains(&version)) {
        return Err(Problem::PreconditionFailed.into());
    }
    let known = Tags::read(headers, IF_NONE_MATCH);
    let is_known = known.is_some_and(|tags| tags.any || [tags.strong, tags.weak].concat().contains(&version));
    Ok(is_known.then(|| not_modified(version)))
}

/// Checks a create: its target, the list of customers, exists and has no entity tag.
pub(crate) fn check_create(headers: &HeaderMap) -> Result<(), Problem> {
    let is_refused = Tags::read(headers, IF_MATCH).is_some_and(|tags| !tags.any)
        || Tags::read(headers, IF_NONE_MATCH).is_some_and(|tags| tags.any || tags.malformed);
    if is_refused { Err(Problem::PreconditionFailed) } else { Ok(()) }
}

fn not_modified(version: u64) -> Response {
    let mut response = response::empty(StatusCode::NOT_MODIFIED);
    response.headers_mut().insert(ETAG, entity_tag(version));
    response
}

/// The value of a header that lists entity tags. Tags that the server did not issue match nothing and are left out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tags {
    /// `*`, which stands alone.
    any: bool,
    strong: Vec<u64>,
    weak: Vec<u64>,
    /// Whether the list is empty or a member is no entity tag.
    malformed: bool,
}

impl Tags {
    /// Reads a header; `None` without it.
    fn read(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
        let mut values = headers.get_all(name).iter().peekable();
        values.peek()?;
        let mut members: Vec<_> = values.flat_map(|value| list_members(value.as_bytes())).collect();
        if members == [b"*"] {
            return Some(Tags { any: true, ..Tags::default() });
        }
        members.retain(|member| !member.is_empty());
        let mut tags = Tags { malformed: members.is_empty(), ..Tags::default() };
        for member in members {
            let (is_weak, quoted) = member.strip_prefix(b"W/").map_or((false, member), |quoted| (true, quoted));
            match opaque(quoted) {
                None => tags.malformed = true,
                Some(opaque) => {
                    let list = if is_weak { &mut tags.weak } else { &mut tags.strong };
                    list.extend(version(opaque));
                }
            }
        }
        Some(tags)
    }
}

/// The text within the quotes of an entity tag.
fn opaque(tag: &[u8]) -> Option<&[u8]> {
    let opaque = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let is_allowed = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
    opaque.iter().all(is_allowed).then_some(opaque)
}

/// The version that an entity tag of the server names.
fn version(opaque: &[u8]) -> Option<u64> {
    let version = std::str::from_utf8(opaque).ok()?.parse::<u64>().ok()?;
    (version.to_string().as_bytes() == opaque).then_some(version)
}

/// The members of a list; a comma within quotes is part of a member.
fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let is_separator = move |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    };
    value.split(is_separator).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn if_match(values: &[&'static str]) -> AcceptedVersions {
        accepted_versions(&headers(IF_MATCH, values))
    }

    fn if_none_match(values: &[&'static str]) -> AcceptedVersions {
        accepted_versions(&headers(IF_NONE_MATCH, values))
    }

    fn only(versions: &[u64]) -> AcceptedVersions {
        AcceptedVersions { only: Some(versions.to_vec()), except: Vec::new() }
    }

    #[test]
    fn if_match_lists_the_accepted_versions_and_compares_strongly() {
        assert_eq!(if_match(&[]), AcceptedVersions::default());
        assert_eq!(if_match(&["*"]), AcceptedVersions::default());
        assert_eq!(if_match(&["\"3\""]), only(&[3]));
        assert_eq!(if_match(&["\"3\",, \"4\" ,", "\"5\""]), only(&[3, 4, 5]));
        for none in [
            &["W/\"3\""][..],
            &["3"],
            &["\"x\""],
            &["\"03\""],
            &["\"+3\""],
            &[""],
            &["*, *"],
            &["*", "\"3"],
            &["", "*"],
        ] {
            assert_eq!(if_match(none), only(&[]), "{none:?}");
        }
    }

    #[test]
    fn if_none_match_lists_the_other_versions_and_compares_weakly() {
        let except = |versions: &[u64]| AcceptedVersions { only: None, except: versions.to_vec() };
        assert_eq!(if_none_match(&[]), AcceptedVersions::default());
        assert_eq!(if_none_match(&["\"3\", W/\"4\"", "\"x\""]), except(&[3, 4]));
        for never in [&["*"][..], &[""], &["3"], &["w/\"3\""], &["\"a\"b\""], &["\"a b\""], &["*, \"x\""]] {
            assert_eq!(if_none_match(never).only, Some(Vec::new()), "{never:?}");
        }
    }

    #[test]
    fn a_foreign_tag_matches_nothing_whatever_it_contains() {
        assert_eq!(if_match(&["\"a,*,b\""]), only(&[]));
        assert_eq!(if_match(&["\"a,*,b\", \"3\""]), only(&[3]));
        let strange =
            HeaderValue::from_bytes(b"\"\xe9\", \"3\"").expect("a header value may contain bytes beyond ASCII");
        assert_eq!(accepted_versions(&HeaderMap::from_iter([(IF_MATCH, strange)])), only(&[3]));
    }

    #[test]
    fn a_read_is_answered_without_a_body_if_the_version_is_known() {
        let read =
            |name, values: &[&'static str]| check_read(&headers(name, values), 3).map(|response| response.is_some());
        for known in [&["*"][..], &["\"3\""], &["W/\"3\""], &["\"1\"", "\"3\""]] {
            assert!(matches!(read(IF_NONE_MATCH, known), Ok(true)), "{known:?}");
        }
        for unknown in [&["\"4\""][..], &["3"], &[""], &["\"3"]] {
            assert!(matches!(read(IF_NONE_MATCH, unknown), Ok(false)), "{unknown:?}");
        }
        assert!(matches!(read(IF_MATCH, &["\"3\""]), Ok(false)) && matches!(read(IF_MATCH, &["*"]), Ok(false)));
        assert!(read(IF_MATCH, &["W/\"3\""]).is_err() && read(IF_MATCH, &["\"4\""]).is_err());
    }
}
