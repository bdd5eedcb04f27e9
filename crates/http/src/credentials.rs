//! HTTP Basic: the user name and the API key.

use carnelian_domain::Problem;
use data_encoding::BASE64;
use hyper::{HeaderMap, header::AUTHORIZATION};

/// What a request is signed with; it has no `Debug`, so that it cannot be logged by accident.
pub struct Credentials {
    text: String,
    colon: usize,
}

impl Credentials {
    /// The user name.
    pub fn user_name(&self) -> &str {
        &self.text[..self.colon]
    }

    /// The API key.
    pub fn key(&self) -> &str {
        &self.text[self.colon + 1..]
    }
}

/// Finds the credentials of a request.
pub(crate) fn of_request(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Problem::AuthenticationRequired)?;
    let only = values.next().is_none();
    let credentials = if only { parse_basic(value.as_bytes()) } else { None };
    credentials.ok_or(Problem::InvalidCredentials)
}

/// Reads the value of an `Authorization` header; total for any bytes.
pub fn parse_basic(value: &[u8]) -> Option<Credentials> {
    let (scheme, rest) = value.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let encoded = rest.trim_ascii();
    // The decoder also takes several padded texts in a row, and a header holds one.
    if encoded.iter().rev().skip(2).any(|byte| *byte == b'=') {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let colon = text.find(':')?;
    Some(Credentials { text, colon })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &[u8]) -> Option<(String, String)> {
        parse_basic(value).map(|found| (found.user_name().to_owned(), found.key().to_owned()))
    }

    #[test]
    fn the_first_colon_divides_and_the_scheme_s_case_does_not_matter() {
        let expected = Some(("ann".to_owned(), "a:b".to_owned()));
        assert_eq!(parsed(b"Basic YW5uOmE6Yg=="), expected);
        assert_eq!(parsed(b"bAsIc  YW5uOmE6Yg== "), expected);
    }

    #[test]
    fn what_cannot_be_read_is_no_credentials() {
        let bad: [&[u8]; 9] = [
            b"",
            b"Basic",
            b"Basic ",
            b"Bearer x",
            b"Basic YW5uOmE6Yg",
            b"Basic YW5uOg==YQ==",
            b"Basic !!!!",
            b"Basic YW5u",
            b"Basic /zo6",
        ];
        for value in bad {
            assert_eq!(parsed(value), None, "{}", String::from_utf8_lossy(value));
        }
    }
}
