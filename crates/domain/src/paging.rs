//! Paging: the requested page of a listing, and the page itself.

use crate::{
    errors::Problem,
    ids::digits,
    input::{BrokenRule, RawText, Violation, Violations},
};

/// The largest page size, which is also the default.
pub const MAX_PAGE_SIZE: usize = 50;

/// The requested page, as received.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawPaging<'a> {
    /// `pageSize`.
    pub page_size: RawText<'a>,
    /// `pageNumber`.
    pub page_number: RawText<'a>,
}

/// The requested page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The number of entries of a full page.
    pub size: usize,
    /// The page number, counted from 1.
    pub number: u32,
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The page number, counted from 1.
    pub number: u32,
    /// Its entries; empty past the end of the listing.
    pub entries: Vec<T>,
    /// Whether it is the last page.
    pub last: bool,
}

impl RawPaging<'_> {
    /// Checks size and number against their bounds.
    pub fn check(&self) -> Result<Paging, Vec<Violation>> {
        let mut violations = Violations::default();
        let paging = self.check_into(&mut violations);
        violations.finish(Some(paging))
    }

    /// Checks size and number as a part of an input. A value with a violation is replaced by its default.
    pub fn check_into(&self, violations: &mut Violations) -> Paging {
        let limit = Some(MAX_PAGE_SIZE);
        let broken = BrokenRule { problem: Problem::InvalidPageSize, limit };
        let size = |text: &str| positive(text).filter(|size| *size <= MAX_PAGE_SIZE);
        let size = violations.optional("pageSize", self.page_size, broken, size);
        let number = violations.optional("pageNumber", self.page_number, Problem::InvalidPageNumber, positive);
        Paging { size: size.unwrap_or(MAX_PAGE_SIZE), number: number.unwrap_or(1) }
    }

    /// Checks paging of a listing that can also start after an entry. Then there is no page number: the entry already
    /// says where the page begins.
    pub fn check_after(&self, after: RawText<'_>, violations: &mut Violations) -> Paging {
        let paging = self.check_into(violations);
        let both = after != RawText::Absent && self.page_number != RawText::Absent;
        if both && !violations.contains(Problem::InvalidPageNumber) {
            violations.add("pageNumber", Problem::InvalidPageNumber);
        }
        paging
    }
}

/// Reads a number from 1 on.
fn positive<N: TryFrom<u64>>(text: &str) -> Option<N> {
    digits(text).filter(|number| *number > 0)?.try_into().ok()
}

impl Paging {
    /// The whole listing as one page.
    pub const ALL: Paging = Paging { size: usize::MAX, number: 1 };

    /// The number of entries before the page.
    pub fn skipped(self) -> usize {
        // Saturating is harmless: no listing has that many entries.
        (self.number as usize).saturating_sub(1).saturating_mul(self.size)
    }

    /// Takes the page from a whole listing.
    pub fn page<T>(self, listing: impl IntoIterator<Item = T>) -> Page<T> {
        // One entry more than fits shows whether there is a next page.
        let entries = listing.into_iter().skip(self.skipped()).take(self.size.saturating_add(1)).collect();
        self.page_of(entries)
    }

    /// The page made of its entries and, if there is a next page, at least one entry of that.
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
    fn a_page_says_whether_it_is_the_last() {
        let page = |size, number| Paging { size, number }.page(1..=4);
        assert_eq!(page(3, 1), Page { number: 1, entries: vec![1, 2, 3], last: false });
        assert_eq!(page(3, 2), Page { number: 2, entries: vec![4], last: true });
        assert_eq!(page(2, 2), Page { number: 2, entries: vec![3, 4], last: true });
        assert_eq!(page(2, 3), Page { number: 3, entries: vec![], last: true });
        assert_eq!(page(50, u32::MAX), Page { number: u32::MAX, entries: vec![], last: true });
    }
}
