//! Which part of a listing is asked for, and that part.

use crate::{
    check::{RawText, Violation},
    errors::Problem,
    ids::digits,
};

/// The most entries of a page, and how many it has if nobody says else.
pub const MAX_PAGE_SIZE: usize = 50;

/// The part of a listing that is asked for, as it arrived.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawPaging<'a> {
    /// `pageSize`.
    pub page_size: RawText<'a>,
    /// `pageNumber`.
    pub page_number: RawText<'a>,
}

/// The part of a listing that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How many entries a page has.
    pub size: usize,
    /// Which page it is; they count from 1.
    pub number: u32,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Which page it is; they count from 1.
    pub number: u32,
    /// Its entries: none if it is past the end.
    pub entries: Vec<T>,
    /// Whether nothing comes after it.
    pub last: bool,
}

impl RawPaging<'_> {
    /// Holds size and number against their bounds.
    pub fn check(&self) -> Result<Paging, Vec<Violation>> {
        let mut violations = Vec::new();
        self.check_into(&mut violations).ok_or(violations)
    }

    /// The same, among other checks.
    pub(crate) fn check_into(&self, violations: &mut Vec<Violation>) -> Option<Paging> {
        let size = number(self.page_size, MAX_PAGE_SIZE).filter(|size| *size <= MAX_PAGE_SIZE);
        if size.is_none() {
            let limit = Some(MAX_PAGE_SIZE);
            violations.push(Violation { field: "pageSize".into(), problem: Problem::InvalidPageSize, limit });
        }
        let number = number(self.page_number, 1);
        if number.is_none() {
            violations.push(Violation::new("pageNumber", Problem::InvalidPageNumber));
        }
        Some(Paging { size: size?, number: number? })
    }
}

/// A number from 1 on, if it is one.
fn number<N: TryFrom<u64>>(raw: RawText<'_>, default: N) -> Option<N> {
    match raw {
        RawText::Absent => Some(default),
        RawText::Text(text) => digits(text).filter(|number| *number > 0)?.try_into().ok(),
        RawText::WrongType => None,
    }
}

impl Paging {
    /// How many entries come before the page.
    pub fn skipped(self) -> usize {
        // The pages of two to the 32 are more than any listing has, so nothing is lost where a number has fewer bits.
        (self.number as usize).saturating_sub(1).saturating_mul(self.size)
    }

    /// Cuts the page out of a listing.
    pub fn page<T>(self, listing: impl IntoIterator<Item = T>) -> Page<T> {
        // One entry more than the page has shows whether something comes after it.
        let entries = listing.into_iter().skip(self.skipped()).take(self.size + 1).collect();
        self.page_of(entries)
    }

    /// The page, from its entries and at least one of what comes after it, if anything does.
    pub fn page_of<T>(self, mut entries: Vec<T>) -> Page<T> {
        let last = entries.len() <= self.size;
        entries.truncate(self.size);
        Page { number: self.number, entries, last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page_size: RawText<'_>, page_number: RawText<'_>) -> Result<Paging, Vec<Problem>> {
        let checked = RawPaging { page_size, page_number }.check();
        checked.map_err(|violations| violations.into_iter().map(|violation| violation.problem).collect())
    }

    #[test]
    fn a_page_has_one_to_fifty_entries_and_pages_count_from_one() {
        let (text, absent) = (RawText::Text, RawText::Absent);
        assert_eq!(check(absent, absent), Ok(Paging { size: 50, number: 1 }));
        assert_eq!(check(text("1"), text("4294967295")), Ok(Paging { size: 1, number: u32::MAX }));
        assert_eq!(check(text("50"), text("2")), Ok(Paging { size: 50, number: 2 }));
        for bad in ["0", "51", "", "-1", "+1", " 1", "1.0", "x", "99999999999999999999999"].map(text) {
            assert_eq!(check(bad, absent), Err(vec![Problem::InvalidPageSize]), "{bad:?}");
        }
        for bad in ["0", "4294967296", "", "-1", "+1", "x", "99999999999999999999999"].map(text) {
            assert_eq!(check(absent, bad), Err(vec![Problem::InvalidPageNumber]), "{bad:?}");
        }
        let both = [Problem::InvalidPageSize, Problem::InvalidPageNumber];
        assert_eq!(check(RawText::WrongType, RawText::WrongType), Err(both.to_vec()));
    }

    #[test]
    fn a_page_knows_whether_it_is_the_last() {
        let page = |size, number| Paging { size, number }.page(1..=4);
        assert_eq!(page(3, 1), Page { number: 1, entries: vec![1, 2, 3], last: false });
        assert_eq!(page(3, 2), Page { number: 2, entries: vec![4], last: true });
        assert_eq!(page(2, 2), Page { number: 2, entries: vec![3, 4], last: true });
        assert_eq!(page(2, 3), Page { number: 3, entries: vec![], last: true });
        assert_eq!(page(50, u32::MAX), Page { number: u32::MAX, entries: vec![], last: true });
    }
}
