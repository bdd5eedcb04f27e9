//! Random choices that a printed seed repeats.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::Duration;

/// How many more rounds a test makes at most to see what it needs, so that one that can never see it ends.
const MORE_ROUNDS: usize = 100;

/// A source of choices that follow from a seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Choices for the test `name`: from `CHAOS_SEED` if it is set, else new ones; prints the seed.
    pub fn of_test(name: &str) -> Self {
        let given = std::env::var("CHAOS_SEED").ok().map(|seed| seed.parse().expect("CHAOS_SEED is a number"));
        let seed: u64 = given.unwrap_or_else(|| RandomState::new().hash_one(name) >> 16);
        eprintln!("{name}: CHAOS_SEED={seed} repeats these choices");
        Self(seed)
    }

    /// Choices that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent generator for a part of the work, so that the choices of threads do not depend on their order.
    pub fn branch(&mut self) -> Self {
        Self(self.number())
    }

    /// The next number; SplitMix64.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number within `range`, which must not be empty.
    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + (self.number() % (range.end - range.start) as u64) as usize
    }

    /// True in `percent` of all cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.within(0..choices.len())]
    }
}

/// How often to do something: `CHAOS_ROUNDS`, or `usual`; `all` means without end.
pub fn rounds(usual: usize) -> usize {
    match std::env::var("CHAOS_ROUNDS").as_deref() {
        Ok("all") => usize::MAX,
        Ok(rounds) => rounds.parse().expect("CHAOS_ROUNDS is a number or `all`"),
        Err(_) => usual,
    }
}

/// Whether a test has another round to make after `made` of them: it makes [`rounds`], and more until it has seen what it
/// needs, which depends on chance.
#[track_caller]
pub fn is_another_round(made: usize, usual: usize, has_seen_enough: bool) -> bool {
    let rounds = rounds(usual);
    let last = rounds.saturating_add(MORE_ROUNDS);
    assert!(has_seen_enough || made < last, "in {made} rounds, what the test needs was not seen");
    made < rounds || !has_seen_enough
}

/// Whether a number of rounds was requested: then the machine is assumed to be idle, and figures are judged.
pub fn is_watched() -> bool {
    std::env::var_os("CHAOS_ROUNDS").is_some()
}

/// Prints how long something took, and asserts on an idle machine that it was less than `limit`.
#[track_caller]
pub fn judge_time(what: &str, took: Duration, limit: Duration) {
    eprintln!("{what} took {took:?}");
    assert!(!is_watched() || took < limit, "{what} took {took:?}, which is not less than {limit:?}");
}

/// Whether the case with this number belongs to the slice that `CHAOS_SLICE` names: `2/5` has 2, 7, 12 and so on.
pub fn in_slice(number: usize) -> bool {
    let Ok(slice) = std::env::var("CHAOS_SLICE") else { return true };
    let parts = slice.split_once('/').and_then(|(slice, of)| Some((slice.parse().ok()?, of.parse().ok()?)));
    let (slice, of): (usize, usize) = parts.expect("CHAOS_SLICE is like 2/5");
    number % of == slice % of
}
