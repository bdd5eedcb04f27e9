//! The `Idempotency-Key` header: a request that may be retried.

use carnelian_app::idempotency::Idempotent;
use carnelian_domain::Problem;
use hyper::HeaderMap;

/// The header's name.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The longest key, in characters.
pub(crate) const MAX_KEY: usize = 255;

/// The key of a request, with the body; `None` without the header.
///
/// The IETF draft defines the value as a quoted string. Most clients omit the quotes, so a key is the same with and without
/// them.
pub fn idempotent<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Result<Option<Idempotent<'a>>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (value, more) = (values.next(), values.next());
    let Some(value) = value else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| more.is_none()).ok_or(Problem::InvalidIdempotencyKey)?;
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if !key.is_empty() && key.len() <= MAX_KEY && key.bytes().all(plain) {
        Ok(Some(Idempotent { key, body }))
    } else {
        Err(Problem::InvalidIdempotencyKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn key(values: &[&str]) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).expect("a valid header value"));
        }
        Ok(idempotent(&headers, b"")?.map(|request| request.key.to_owned()))
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["8e03978e-40d5-43dd-bc93-6894a57f9324"]), key(&["\"8e03978e-40d5-43dd-bc93-6894a57f9324\""]));
        assert_eq!(key(&["a"]), Ok(Some("a".into())));
        assert_eq!(key(&[&"k".repeat(MAX_KEY)]), Ok(Some("k".repeat(MAX_KEY))));
    }

    #[test]
    fn invalid_keys_are_refused() {
        let long = "k".repeat(MAX_KEY + 1);
        for bad in
            [["", ""].as_slice(), &[""], &["\"\""], &["\""], &["a b"], &["\"a"], &["a\\b"], &[&long], &["a", "a"]]
        {
            assert_eq!(key(bad), Err(Problem::InvalidIdempotencyKey), "{bad:?}");
        }
    }
}
