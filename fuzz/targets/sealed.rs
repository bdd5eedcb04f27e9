//! Sealed bytes: damaged ones do not open, others open to what was sealed.
#![no_main]

use carnelian_app::{
    sealing,
    vault::{KEY_BYTES, SealingKey, UnsealError},
};
use carnelian_fuzz::entropy::Repeating;
use libfuzzer_sys::fuzz_target;

// Two bytes choose what is altered and how; the others are the plain text, a context, or a seal that is none.
fuzz_target!(|input: &[u8]| {
    if let [at, with, bytes @ ..] = input {
        decode(bytes);
        seal(usize::from(*at), *with, bytes);
    }
});

/// What decodes is encoded so that it decodes to the same value.
fn decode(plain: &[u8]) {
    if let Ok(details) = sealing::decode(plain) {
        assert_eq!(sealing::decode(&sealing::encode(&details)), Ok(details));
    }
}

/// Sealed bytes open unchanged, and not at all once they, the key or the context are altered.
fn seal(at: usize, with: u8, bytes: &[u8]) {
    let key = SealingKey::new(&[7; KEY_BYTES]).expect("a key of 32 bytes");
    let context = &bytes[..bytes.len().min(16)];
    let sealed = key.seal(&Repeating(bytes), context, bytes);
    assert_eq!(key.open(context, &sealed).as_deref().map(Vec::as_slice), Ok(bytes));
    closed(&key, context, bytes);
    closed(&key, &[context, &[with]].concat(), &sealed);
    closed(&SealingKey::new(&[with | 8; KEY_BYTES]).expect("a key of 32 bytes"), context, &sealed);
    closed(&key, context, &[sealed.as_slice(), &[with]].concat());
    closed(&key, context, &sealed[..at % sealed.len()]);
    let mut altered = sealed.clone();
    altered[at % sealed.len()] ^= with | 1;
    closed(&key, context, &altered);
    assert_eq!(SealingKey::new(bytes).is_ok(), bytes.len() == KEY_BYTES);
}

fn closed(key: &SealingKey, context: &[u8], sealed: &[u8]) {
    assert!(matches!(key.open(context, sealed), Err(UnsealError)));
}
