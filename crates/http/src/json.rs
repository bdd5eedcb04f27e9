//! Strict JSON: exactly one well-formed document.
//!
//! Every string is checked, also in unknown fields, and every key is kept, so that repeated keys can be reported. A number
//! too large for a 64-bit float is not well formed, which RFC 8259 leaves to the parser.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// The deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = 16;

/// A 64-bit float represents every integer up to this one, 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A JSON value, as far as the API reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; its value if it is an integer from 0 up.
    Number(Option<u64>),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object with its entries in the order of the document, including repeated keys.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The bytes are not one well-formed document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotWellFormed {
    /// The column where the parser stopped, from 1.
    pub column: usize,
}

impl From<serde_json::Error> for NotWellFormed {
    fn from(error: serde_json::Error) -> NotWellFormed {
        NotWellFormed { column: error.column() }
    }
}

/// Parses one document.
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, NotWellFormed> {
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let value = Nested { depth: 0 }.deserialize(&mut document)?;
    document.end()?;
    Ok(value)
}

/// Parses a value at a depth of nesting.
#[derive(Clone, Copy)]
struct Nested {
    depth: usize,
}

impl Nested {
    fn deeper<E: Error>(self) -> Result<Nested, E> {
        if self.depth == MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(Nested { depth: self.depth + 1 }) }
    }
}

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(Some(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.try_into().ok()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        // 10.0 is the same number as 10.
        let whole = value.fract() == 0.0 && (0.0..EXACT).contains(&value);
        Ok(Json::Number(whole.then_some(value as u64)))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut object = Vec::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            object.push((key, entries.next_value_seed(inner)?));
        }
        Ok(Json::Object(object))
    }
}

/// Parses a key of an object.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let read = parse(br#" {"a":null,"b":[true,-1,1.5,7,7.0,"x\n"],"a":{}} "#);
        let array = vec![
            Json::Bool(true),
            Json::Number(None),
            Json::Number(None),
            Json::Number(Some(7)),
            Json::Number(Some(7)),
            Json::Text("x\n".into()),
        ];
        let object =
            vec![("a".into(), Json::Null), ("b".into(), Json::Array(array)), ("a".into(), Json::Object(vec![]))];
        assert_eq!(read, Ok(Json::Object(object)));
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH).replace("[]", "[1]").as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn anything_but_one_document_is_refused() {
        let bad: [&[u8]; 12] = [
            b"",
            b"{",
            b"{}{}",
            b"{} x",
            b"{'a':1}",
            b"{\"a\":NaN}",
            b"[1,]",
            b"\xef\xbb\xbf{}",
            b"\"\xff\"",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\\udc00\"}",
            b"// x\n{}",
        ];
        for bytes in bad {
            assert!(parse(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(parse(b"{\"a\":}"), Err(NotWellFormed { column: 6 }));
    }
}
