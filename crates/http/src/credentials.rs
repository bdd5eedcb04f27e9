//! HTTP Basic authentication: user name and API key.

use carnelian_domain::Problem;
use data_encoding::BASE64_NOPAD;
use hyper::{HeaderMap, header::AUTHORIZATION};

/// The credentials of a request. They have no `Debug`, so that they cannot be logged by accident.
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

/// The credentials in the header fields of a request.
pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Problem::AuthenticationRequired)?;
    let only = values.next().is_none();
    let credentials = if only { parse_basic(value.as_bytes()) } else { None };
    credentials.ok_or(Problem::InvalidCredentials)
}

/// Parses the value of an `Authorization` header; `None` if it is not valid.
pub fn parse_basic(value: &[u8]) -> Option<Credentials> {
    let (scheme, rest) = value.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    // Clients omit the padding, or always add it; it says nothing.
    let padded = rest.trim_ascii();
    let length = padded.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let text = String::from_utf8(BASE64_NOPAD.decode(&padded[..length]).ok()?).ok()?;
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
    fn the_first_colon_separates_and_the_scheme_is_case_insensitive() {
        let expected = Some(("ann".to_owned(), "a:b".to_owned()));
        assert_eq!(parsed(b"Basic YW5uOmE6Yg=="), expected);
        assert_eq!(parsed(b"bAsIc  YW5uOmE6Yg== "), expected);
    }

    #[test]
    fn padding_may_be_missing_or_too_much() {
        let expected = Some(("ann".to_owned(), "a:b".to_owned()));
        for value in ["YW5uOmE6Yg", "YW5uOmE6Yg=", "YW5uOmE6Yg==", "YW5uOmE6Yg====="] {
            assert_eq!(parsed(format!("Basic {value}").as_bytes()), expected, "{value}");
        }
        assert_eq!(parsed(b"Basic YW5uOmFi=="), Some(("ann".to_owned(), "ab".to_owned())));
    }

    #[test]
    fn invalid_values_are_refused() {
        let bad: [&[u8]; 9] = [
            b"",
            b"Basic",
            b"Basic ",
            b"Bearer x",
            b"Basic ====",
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
