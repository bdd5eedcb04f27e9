//! How customers are searched: by the words of their names, without case and accents.
//!
//! A word is a run of letters and digits. Ideographs and kana are written without spaces, so each is a word of its own.
//! Every rule applies to one character alone. So the words of the beginning of a name are words of the name, or beginnings
//! of them, and an index of words finds names by their beginning, too.

use std::collections::BTreeSet;
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// What marks the symbols at the beginning of a name among the words; no word has it.
const SYMBOLS_MARK: char = '^';

/// How many symbols at the beginning of a name are indexed.
const SYMBOLS: usize = 8;

/// A search: the words, or beginnings of words, all of which a name must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    words: BTreeSet<String>,
}

impl Search {
    /// Parses a search; `None` if it has no word.
    pub fn parse(text: &str) -> Option<Search> {
        let words = words(text);
        (!words.is_empty()).then_some(Search { words })
    }

    /// Whether a name has all of the words.
    pub fn finds(&self, name: &str) -> bool {
        let of_name = words(name);
        self.words.iter().all(|word| of_name.range(word.clone()..).next().is_some_and(|found| found.starts_with(word)))
    }

    /// The words, without case and accents.
    pub fn words(&self) -> &BTreeSet<String> {
        &self.words
    }
}

/// What an index holds of a name: its words, and the symbols before the first one.
pub fn indexed_words(unique_name: &str) -> BTreeSet<String> {
    let mut indexed = words(unique_name);
    indexed.extend(symbols_before(unique_name));
    indexed
}

/// What an index holds, as words or beginnings of words, of every name with this prefix; nothing for an empty prefix.
pub fn indexed_words_of_prefix(unique_prefix: &str) -> BTreeSet<String> {
    let words = words(unique_prefix);
    if words.is_empty() { symbols_before(unique_prefix).into_iter().collect() } else { words }
}

/// The end of the range of all texts that begin with a word, which they are all before.
pub fn end_of_prefix(word: &str) -> String {
    let mut kept = word.chars();
    while let Some(last) = kept.next_back() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            return kept.as_str().chars().chain([next]).collect();
        }
    }
    // No word consists of this character, which is no letter, no digit and not the mark of symbols.
    format!("{word}{}", char::MAX)
}

/// The words of a text, without case and accents.
fn words(text: &str) -> BTreeSet<String> {
    let (mut words, mut word) = (BTreeSet::new(), String::new());
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.insert(std::mem::take(word));
        }
    };
    for character in text.nfkd().filter(|character| canonical_combining_class(*character) == 0) {
        if !character.is_alphanumeric() {
            end(&mut word);
        } else if stands_alone(character) {
            end(&mut word);
            word.push(character);
            end(&mut word);
        } else {
            push_folded(&mut word, character);
        }
    }
    end(&mut word);
    words
}

/// Adds a letter or digit without its case. Letters with a stroke and ligatures have no decomposition in Unicode.
fn push_folded(word: &mut String, character: char) {
    match character {
        'a'..='z' | '0'..='9' => word.push(character),
        'ø' | 'Ø' => word.push('o'),
        'đ' | 'Đ' | 'ð' | 'Ð' => word.push('d'),
        'ł' | 'Ł' => word.push('l'),
        'ħ' | 'Ħ' => word.push('h'),
        'ŧ' | 'Ŧ' => word.push('t'),
        'æ' | 'Æ' => word.push_str("ae"),
        'œ' | 'Œ' => word.push_str("oe"),
        'þ' | 'Þ' => word.push_str("th"),
        // By way of upper case, so that ß and SS are the same, and the two forms of a small sigma.
        _ => word.extend(character.to_uppercase().flat_map(char::to_lowercase)),
    }
}

/// Whether a character is an ideograph or kana.
fn stands_alone(character: char) -> bool {
    matches!(character,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

/// The first symbols of a name that does not begin with a word, marked as such.
fn symbols_before(name: &str) -> Option<String> {
    let is_symbol = |character: &char| words(character.encode_utf8(&mut [0; 4])).is_empty();
    let symbols: String = name.chars().take_while(is_symbol).take(SYMBOLS).collect();
    (!symbols.is_empty()).then(|| format!("{SYMBOLS_MARK}{symbols}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{unique_name, unique_prefix};

    fn finds(text: &str, name: &str) -> bool {
        Search::parse(text).expect("a word").finds(name)
    }

    #[test]
    fn a_search_finds_names_that_have_all_words_or_their_beginnings_in_any_order() {
        for text in ["ada", "lovelace ada", "a l", "Lov", "ADA-LOVELACE!", "lovelace, ada (7)", "ada ada"] {
            assert!(finds(text, "Ada Lovelace 7"), "{text}");
        }
        for text in ["adam", "ovelace", "ada byron", "ada 8", "lovelacea"] {
            assert!(!finds(text, "Ada Lovelace 7"), "{text}");
        }
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        for (text, name) in [
            ("jose", "JOS\u{c9}"),
            ("JOSE\u{301}", "Jose"),
            ("strasse", "Stra\u{df}e"),
            ("stra\u{df}e", "STRASSE"),
            ("\u{3c3}\u{3bf}\u{3c6}\u{3cc}\u{3c2}", "\u{3a3}\u{39f}\u{3a6}\u{39f}\u{3a3}"),
            ("lodz", "\u{141}\u{f3}d\u{17a}"),
            ("soren", "S\u{f8}ren"),
            ("istanbul", "\u{130}stanbul"),
            ("finance", "\u{fb01}nance"),
            ("acme", "\u{ff21}\u{ff23}\u{ff2d}\u{ff25}"),
        ] {
            assert!(finds(text, name), "{text} {name}");
        }
    }

    #[test]
    fn ideographs_are_words_of_their_own() {
        assert!(finds("\u{5927}\u{5b66}", "\u{5317}\u{4eac}\u{5927}\u{5b66}"));
        assert!(!finds("\u{6771}", "\u{5317}\u{4eac}\u{5927}\u{5b66}"));
        assert!(finds("\u{30c9}\u{30e9}", "\u{30c9}\u{30e9}\u{30b4}\u{30f3}"));
    }

    #[test]
    fn a_text_without_letters_and_digits_is_no_search() {
        for text in ["", " ", "!?", "\u{1f600}", "\u{301}", "_"] {
            assert_eq!(Search::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_index_finds_every_name_by_each_of_its_beginnings() {
        for name in [
            "Ada Lovelace",
            "(Acme) Inc.",
            "!!?",
            "\u{1f600}\u{1f600} Smile",
            "x\u{302}y",
            "Jose\u{301}",
            "O'Neill & Sons",
            "a-\u{30c9}\u{30e9}b",
            "\u{ac01}\u{ac02}",
            "!\u{10ffff}",
            "!!!!!!!!!!!!a",
            "\u{301}abc",
        ] {
            let (unique, indexed) = (unique_name(name), indexed_words(&unique_name(name)));
            for (end, _) in name.char_indices().skip(1).chain([(name.len(), ' ')]) {
                let prefix = unique_prefix(&name[..end]);
                if !unique.starts_with(&*prefix) {
                    continue;
                }
                let of_prefix = indexed_words_of_prefix(&prefix);
                assert!(!of_prefix.is_empty(), "{name}: {prefix}");
                for word in of_prefix {
                    let end = end_of_prefix(&word);
                    let is_in_range = |indexed: &String| *indexed >= word && *indexed < end;
                    assert!(indexed.iter().any(is_in_range), "{name}: {prefix}: {word}");
                }
            }
        }
    }

    #[test]
    fn the_range_of_a_word_ends_after_the_last_text_that_begins_with_it() {
        let end = end_of_prefix;
        assert_eq!(end("ab"), "ac");
        assert_eq!(end("a\u{d7ff}"), "a\u{e000}");
        assert_eq!(end("a\u{10ffff}"), "b");
    }
}
