//! API keys: issued ones, which carry an id and a checksum, and those made elsewhere.
#![no_main]

use carnelian_app::api_key::{IssuedKey, PREFIX, is_importable, key_id};
use carnelian_fuzz::entropy::Repeating;
use data_encoding::{BASE32HEX_NOPAD, HEXLOWER_PERMISSIVE};
use libfuzzer_sys::fuzz_target;

/// How many characters of a key are its id, which follows the fixed start.
const ID_CHARS: usize = 16;

/// How many characters of a key come before its checksum.
const BODY_CHARS: usize = PREFIX.len() + ID_CHARS + 52;

fuzz_target!(|input: &[u8]| {
    issue(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    present(text);
    // A checksum cannot be guessed, so it is put where one belongs.
    if let Some(body) = format!("{PREFIX}{text}").get(..BODY_CHARS) {
        present(&format!("{body}{}", encode(&crc32fast::hash(body.as_bytes()).to_be_bytes())));
    }
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    let hexadecimal = HEXLOWER_PERMISSIVE.decode(groups.concat().as_bytes()).is_ok();
    assert_eq!(is_importable(text), lengths == [8, 4, 4, 4, 12] && hexadecimal);
});

/// A key that is made is accepted; with any of its characters altered it is not.
fn issue(input: &[u8]) {
    let issued = IssuedKey::generate(&Repeating(input));
    let key = issued.reveal();
    assert_eq!(key_id(key), Some(issued.key_id.as_str()));
    let (Some(at), Some(with)) = (input.first(), input.last()) else { return };
    let mut altered = key.to_owned().into_bytes();
    let at = usize::from(*at) % altered.len();
    altered[at] = with & 0x7f;
    let altered = String::from_utf8(altered).expect("ASCII");
    assert!(altered == key || key_id(&altered).is_none());
}

/// Whatever is accepted is what its parts are written as.
fn present(key: &str) {
    let Some(id) = key_id(key) else { return };
    let (body, checksum) = key.split_at(BODY_CHARS);
    assert_eq!(checksum, encode(&crc32fast::hash(body.as_bytes()).to_be_bytes()));
    let (found, secret) = body.strip_prefix(PREFIX).expect("the fixed start").split_at(ID_CHARS);
    assert_eq!(found, id);
    for part in [id, secret] {
        let bytes = BASE32HEX_NOPAD.decode(part.to_ascii_uppercase().as_bytes()).expect("the alphabet of keys");
        assert_eq!(encode(&bytes), part);
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE32HEX_NOPAD.encode(bytes).to_ascii_lowercase()
}
