//! Just enough of HTTP/1.1 to find the end of an answer.

/// A complete answer.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body, whole.
    pub body: &'a [u8],
}

/// How far a buffer has come.
#[derive(Debug, PartialEq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The answer is whole, and its body starts here.
    Whole { status: u16, body: usize },
    /// The bytes are no answer with a length.
    Malformed,
}

/// Looks for one answer that fills the buffer; nothing is pipelined, so nothing may follow it.
pub fn progress(bytes: &[u8]) -> Progress {
    let mut length = None;
    let mut at = 0;
    while let Some(line) = bytes[at..].iter().position(|&byte| byte == b'\n').map(|end| &bytes[at..at + end]) {
        at += line.len() + 1;
        match line {
            b"\r" => return whole(bytes, at, length),
            // The first letter alone rules most lines out.
            [b'c' | b'C', ..] => length = length.or(content_length(line)),
            _ => {}
        }
    }
    Progress::Partial
}

fn whole(bytes: &[u8], body: usize, length: Option<u64>) -> Progress {
    let status = bytes.strip_prefix(b"HTTP/1.1 ").and_then(|rest| number(rest.get(..3)?));
    match (status.and_then(|status| status.try_into().ok()), length) {
        (Some(_), Some(length)) if ((bytes.len() - body) as u64) < length => Progress::Partial,
        (Some(status), Some(length)) if (bytes.len() - body) as u64 == length => Progress::Whole { status, body },
        _ => Progress::Malformed,
    }
}

fn content_length(line: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if name.eq_ignore_ascii_case(NAME) { number(value.trim_ascii()) } else { None }
}

/// The decimal number that the bytes are.
pub fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let whole = b"HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(progress(whole), Progress::Whole { status: 200, body: whole.len() - 2 });
        for end in 0..whole.len() {
            assert_eq!(progress(&whole[..end]), Progress::Partial, "{end} bytes are not enough");
        }
    }

    #[test]
    fn an_answer_without_its_length_is_malformed() {
        assert_eq!(progress(b"HTTP/1.1 200 OK\r\ndate: x\r\n\r\n{}"), Progress::Malformed);
        assert_eq!(progress(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}"), Progress::Malformed);
    }
}
