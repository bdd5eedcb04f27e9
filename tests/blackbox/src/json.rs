//! The order of keys in JSON text.

/// The keys of the object that `text` holds, in the order in which they are written.
///
/// `text` must be well formed; keys of nested values are not included.
pub fn keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text.char_indices();
    while let Some((start, character)) = rest.next() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => {
                let end = closing_quote(&mut rest);
                let is_key = text[end + 1..].trim_start().starts_with(':');
                if depth == 1 && is_key {
                    keys.push(text[start + 1..end].to_owned());
                }
            }
            _ => {}
        }
    }
    keys
}

fn closing_quote(rest: &mut std::str::CharIndices<'_>) -> usize {
    while let Some((at, character)) = rest.next() {
        match character {
            '\\' => {
                rest.next();
            }
            '"' => return at,
            _ => {}
        }
    }
    panic!("a string is never closed");
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn only_the_outer_keys_are_listed_in_written_order() {
        let text = r#"{"b": "x: \"y\":", "a": {"inner": [1, {"deep": 2}]}, "c\"d": "b"}"#;
        assert_eq!(keys(text), ["b", "a", r#"c\"d"#]);
    }
}
