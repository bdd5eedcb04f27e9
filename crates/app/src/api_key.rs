//! The format of API keys: `crk1_`, then key id, secret and checksum in the alphabet `0`–`9`, `a`–`v`.
//!
//! With the prefix and the checksum, a scanner can find leaked keys without false positives.
//!
//! The key id has 16 characters (80 bits), the secret 52 (256 bits), the checksum 7 (CRC-32). The stored digest covers the whole
//! key. An imported key is UUID-shaped and has no id, so it is compared with every imported key of its user.

use crate::Entropy;
use data_encoding::BASE32HEX_NOPAD;
use std::fmt;
use zeroize::Zeroizing;

/// The prefix of every issued key.
pub const PREFIX: &str = "crk1_";

const ID_BYTES: usize = 10;
const SECRET_BYTES: usize = 32;
const ID_CHARS: usize = 16;
const CHECKSUM_CHARS: usize = 7;
const KEY_CHARS: usize = PREFIX.len() + ID_CHARS + 52 + CHECKSUM_CHARS;

fn encode(bytes: &[u8]) -> String {
    BASE32HEX_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// A key that was just generated; it is shown once and not stored.
pub struct IssuedKey {
    /// The key's id, which is not secret.
    pub key_id: String,
    key: Zeroizing<String>,
}

impl IssuedKey {
    /// Generates a key.
    pub fn generate(entropy: &dyn Entropy) -> IssuedKey {
        let key_id = new_key_id(entropy);
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        entropy.fill(secret.as_mut());
        let secret = Zeroizing::new(encode(secret.as_slice()));
        let body = Zeroizing::new(format!("{PREFIX}{key_id}{}", secret.as_str()));
        let key = Zeroizing::new(format!("{}{}", body.as_str(), checksum(&body).escape_ascii()));
        IssuedKey { key_id, key }
    }

    /// The key itself, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedKey({})", self.key_id)
    }
}

/// Generates an id for a key.
pub fn new_key_id(entropy: &dyn Entropy) -> String {
    let mut id = [0; ID_BYTES];
    entropy.fill(&mut id);
    encode(&id)
}

/// The id in a presented key, if it has the format of an issued key. Exactly one spelling of a key is accepted.
pub fn key_id(key: &str) -> Option<&str> {
    let encoded = key.strip_prefix(PREFIX).filter(|encoded| encoded.bytes().all(is_digit))?;
    let (body, found) = key.split_at_checked(KEY_CHARS - CHECKSUM_CHARS)?;
    // The last character of the secret holds a single bit, its highest: 256 bits take 51 characters of 5 bits and one bit.
    let well_formed = body.ends_with(['0', 'g']) && found.as_bytes() == checksum(body);
    encoded.get(..ID_CHARS).filter(|_| well_formed)
}

/// Whether a byte is a digit of the alphabet.
fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'v')
}

/// Whether a key made elsewhere can be imported: it must have the format of a UUID.
pub fn is_importable(key: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    let fits = |(at, byte): (usize, u8)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    key.len() == 36 && key.bytes().enumerate().all(fits)
}

/// The maximum length of a fixed key, in characters.
pub const MAX_FIXED: usize = 100;

/// Whether a key can be fixed in a sandbox's seed: any short text that does not look like an issued key.
pub fn can_be_fixed(key: &str) -> bool {
    let fits = (1..=MAX_FIXED).contains(&key.chars().count()) && !key.chars().any(char::is_control);
    fits && !key.starts_with(PREFIX)
}

/// The checksum at the end of a key. It is computed for every request, so it does not allocate.
fn checksum(body: &str) -> [u8; CHECKSUM_CHARS] {
    let mut digits = [0; CHECKSUM_CHARS];
    BASE32HEX_NOPAD.encode_mut(&crc32fast::hash(body.as_bytes()).to_be_bytes(), &mut digits);
    digits.make_ascii_lowercase();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::tests::Counting;

    #[test]
    fn a_key_has_the_prefix_and_contains_its_id() {
        let issued = IssuedKey::generate(&Counting::default());
        let key = issued.reveal();
        assert_eq!(key.len(), KEY_CHARS);
        assert!(key.strip_prefix(PREFIX).expect("the prefix").bytes().all(is_digit));
        assert_eq!(key_id(key), Some(issued.key_id.as_str()));
    }

    #[test]
    fn a_mistyped_key_has_no_id() {
        let key = IssuedKey::generate(&Counting::default()).reveal().to_owned();
        for at in 0..key.len() {
            let mut mistyped = key.clone().into_bytes();
            mistyped[at] = if mistyped[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(key_id(&String::from_utf8(mistyped).expect("ASCII")), None, "character {at}");
        }
        for bad in ["", "crk1_", "😀", &key[1..], &format!("{key}0")] {
            assert_eq!(key_id(bad), None);
        }
    }

    #[test]
    fn a_text_that_is_never_issued_is_no_key_even_with_a_checksum() {
        let with_checksum = |body: String| format!("{body}{}", checksum(&body).escape_ascii());
        let body = |id: &str, last: char| format!("{PREFIX}{id}{}{last}", "0".repeat(51));
        let id = "0123456789abcdef";
        assert_eq!(key_id(&with_checksum(body(id, 'g'))), Some(id));
        for bad in [body(id, '1'), body(id, 'v'), body("0123456789ABCDEF", 'g'), body("0123456789abcde!", 'g')] {
            assert_eq!(key_id(&with_checksum(bad.clone())), None, "{bad}");
        }
    }

    #[test]
    fn a_uuid_can_be_imported_and_nothing_else() {
        assert!(is_importable("0f8fad5b-d9cb-469f-a165-70867728950E"));
        for bad in ["", "0f8fad5bd9cb469fa16570867728950e", "0f8fad5b-d9cb-469f-a165-70867728950g"] {
            assert!(!is_importable(bad), "{bad}");
        }
    }

    #[test]
    fn a_fixed_key_is_any_short_text_that_is_not_issued() {
        for good in ["x", "secret: ä", "0f8fad5b-d9cb-469f-a165-70867728950e", &"x".repeat(MAX_FIXED)] {
            assert!(can_be_fixed(good), "{good}");
        }
        for bad in ["", "a\nb", "crk1_x", &"x".repeat(MAX_FIXED + 1)] {
            assert!(!can_be_fixed(bad), "{bad}");
        }
    }
}
