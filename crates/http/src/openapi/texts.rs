//! The schemas of texts: their lengths, and which characters they may contain.

use carnelian_domain::{
    directory::{MAX_NAME, is_control},
    rules::TextRule,
};
use serde_json::{Value, json};

/// A text that is not empty.
pub(super) fn required_text(rule: &TextRule) -> Value {
    bounded(rule, &format!("^[^{}]*$", class(is_control)))
}

/// A text with at least one character that is not white space.
pub(super) fn visible_text(rule: &TextRule) -> Value {
    let any = format!("[^{}]*", class(is_control));
    let visible = format!("[^{}]", class(|character| is_control(character) || character.is_whitespace()));
    bounded(rule, &format!("^{any}{visible}{any}$"))
}

/// A text that may be missing.
pub(super) fn optional_text(rule: &TextRule) -> Value {
    json!({
        "type": ["string", "null"],
        "maxLength": rule.max,
        "pattern": format!("^[^{}]*$", class(is_control)),
    })
}

/// A name, a label or a reason.
pub(super) fn short_text() -> Value {
    trimmed_text(is_control)
}

/// A user's name. It has no colon, which separates user name and password in HTTP Basic credentials.
pub(super) fn user_name() -> Value {
    trimmed_text(|character| is_control(character) || character == ':')
}

/// A text without forbidden characters and without white space at its ends.
fn trimmed_text(is_forbidden: fn(char) -> bool) -> Value {
    let any = class(is_forbidden);
    let visible = class(|character| is_forbidden(character) || character.is_whitespace());
    let pattern = format!("^[^{visible}]([^{any}]*[^{visible}])?$");
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": pattern })
}

fn bounded(rule: &TextRule, pattern: &str) -> Value {
    json!({ "type": "string", "minLength": rule.min, "maxLength": rule.max, "pattern": pattern })
}

/// The characters that satisfy a predicate, as ranges for a bracket expression.
fn class(predicate: impl Fn(char) -> bool) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for character in ('\0'..='\u{ffff}').filter(|character| predicate(*character)) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == u32::from(character) => *last += 1,
            _ => ranges.push((character.into(), character.into())),
        }
    }
    let shown = |(first, last): (u32, u32)| match last - first {
        0 => format!("\\u{first:04x}"),
        _ => format!("\\u{first:04x}-\\u{last:04x}"),
    };
    ranges.into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_lists_every_matching_character() {
        assert_eq!(class(is_control), "\\u0000-\\u001f\\u007f");
        assert_eq!(class(|character| "abcx\u{ffff}".contains(character)), "\\u0061-\\u0063\\u0078\\uffff");
    }
}
