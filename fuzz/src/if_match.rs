//! `If-Match` by the grammar of RFC 9110.

/// The meaning of a header.
#[derive(Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any version.
    Any,
    /// One of these versions.
    Versions(Vec<u64>),
    /// The header does not follow the grammar.
    Malformed,
}

/// Reads the value of the header, all of its lines joined by a comma and a space.
pub fn read(value: &[u8]) -> IfMatch {
    if value.trim_ascii() == b"*" {
        return IfMatch::Any;
    }
    tags(value).map_or(IfMatch::Malformed, |tags| IfMatch::Versions(tags.into_iter().filter_map(version).collect()))
}

/// The entity tags of a list; an element may be empty.
fn tags(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if let [b'"', ..] | [b'W', b'/', b'"', ..] = rest {
            let start = if rest[0] == b'W' { 3 } else { 1 };
            let length = rest[start..].iter().position(|byte| *byte == b'"')?;
            let (tag, after) = rest.split_at(start + length + 1);
            tags.push(tag);
            rest = after.trim_ascii_start();
            if tag[start..start + length].iter().any(|byte| matches!(byte, b'\0'..=b' ' | 0x7f)) {
                return None;
            }
        }
        match rest {
            [] => return Some(tags),
            [b',', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

/// The version that a tag names, if it is a strong tag as this server writes them.
fn version(tag: &[u8]) -> Option<u64> {
    let digits = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let version: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (version.to_string().as_bytes() == digits).then_some(version)
}
