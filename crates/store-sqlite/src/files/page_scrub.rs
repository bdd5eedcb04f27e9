//! Overwriting the copies of rows that SQLite leaves in unused parts of pages.
//!
//! With `secure_delete` SQLite overwrites what it deletes. But when it balances pages, a copy of a moved row may stay in
//! the unused part of the old page, and deleting the row does not reach that copy. So after an erasure the unused parts of
//! all pages are overwritten, some pages at a time, through SQLite itself: the virtual table `sqlite_dbpage` reads and
//! writes pages within a transaction.

use crate::error::OpenError;
use rusqlite::{Connection, params};
use std::ops::Range;

/// How many pages one transaction scrubs: few enough that other writes do not wait long.
const STEP: u32 = 64;

/// From this number of pages on, the first byte of an overflow or freelist page, which is part of a page number, could be
/// mistaken for the type of a b-tree page. It is 128 GiB of pages of 4 KiB.
const MAX_PAGES: u32 = 0x0200_0000;

/// The types of b-tree pages, their first byte: interior and leaf pages of indexes and tables.
const BTREE_TYPES: [u8; 4] = [2, 5, 10, 13];

/// The bytes before the page header in the first page.
const FILE_HEADER: usize = 100;

/// Fails if SQLite was built without `sqlite_dbpage`.
pub(crate) fn check_available(connection: &Connection) -> Result<(), OpenError> {
    connection.prepare("SELECT data FROM sqlite_dbpage WHERE pgno = ?1").map(drop).map_err(|_| OpenError::NoPages)
}

/// How far a scrub has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The next step begins at this page.
    Next(u32),
    /// All pages are scrubbed.
    Complete,
    /// The database has too many pages to recognise b-tree pages; nothing was done.
    TooLarge,
}

/// Overwrites the unused parts of the next pages within a transaction; page numbers begin at 1.
pub(crate) fn scrub_pages(connection: &Connection, first: u32) -> Result<Progress, rusqlite::Error> {
    let count: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if count >= MAX_PAGES {
        return Ok(Progress::TooLarge);
    }
    let mut select = connection.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let mut update = connection.prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
    let end = (first + STEP).min(count + 1);
    for number in first..end {
        let mut page: Vec<u8> = select.query_row([number], |row| row.get(0))?;
        let Some(unused) = unused(&page, number) else { continue };
        if page[unused.clone()].iter().any(|byte| *byte != 0) {
            page[unused].fill(0);
            update.execute(params![number, page])?;
        }
    }
    Ok(if end <= count { Progress::Next(end) } else { Progress::Complete })
}

/// The unused part of a b-tree page: between the cell pointers and the first cell.
fn unused(page: &[u8], number: u32) -> Option<Range<usize>> {
    let header = if number == 1 { FILE_HEADER } else { 0 };
    let two_bytes = |at: usize| Some(usize::from(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?)));
    let kind = *page.get(header).filter(|kind| BTREE_TYPES.contains(kind))?;
    let length = if kind < 8 { 12 } else { 8 };
    let (cells, content) = (two_bytes(header + 3)?, two_bytes(header + 5)?);
    let start = header + length + 2 * cells;
    (start < content && content <= page.len()).then_some(start..content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a text that is nowhere else";

    /// How many pages of a database contain the secret.
    fn pages_with_secret(connection: &Connection) -> usize {
        let mut select = connection.prepare("SELECT data FROM sqlite_dbpage").expect("is there");
        let pages = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("can be read");
        let holds = |page: Vec<u8>| page.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        pages.filter(|page| holds(page.as_ref().expect("can be read").clone())).count()
    }

    /// A database from which every row with the secret was deleted, which moved other rows between pages.
    fn database_with_copies() -> Connection {
        let connection = Connection::open_in_memory().expect("opens");
        let _: bool =
            connection.pragma_update_and_check(None, "secure_delete", true, |row| row.get(0)).expect("is set");
        connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)").expect("is made");
        for id in 0..1000 {
            let text = if id % 4 == 0 { "kept" } else { SECRET };
            let row = params![id, format!("{text}{}", "x".repeat(100))];
            connection.execute("INSERT INTO t VALUES (?1, ?2)", row).expect("is inserted");
        }
        for id in (0..1000).filter(|id| id % 4 != 0) {
            connection.execute("DELETE FROM t WHERE id = ?1", [id]).expect("is deleted");
        }
        connection
    }

    #[test]
    fn copies_of_moved_rows_are_overwritten_and_nothing_else() {
        let connection = database_with_copies();
        assert!(pages_with_secret(&connection) > 0, "SQLite has left no copies, so this test proves nothing");
        let mut progress = Progress::Next(1);
        while let Progress::Next(first) = progress {
            progress = scrub_pages(&connection, first).expect("works");
        }
        assert_eq!(progress, Progress::Complete);
        assert_eq!(pages_with_secret(&connection), 0);
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("is checked");
        let kept: i64 = connection
            .query_row("SELECT count(*) FROM t WHERE text LIKE 'keptx%'", [], |row| row.get(0))
            .expect("is counted");
        assert_eq!((verdict.as_str(), kept), ("ok", 250));
    }

    /// A database of so many pages, in whose b-tree pages the unused parts are filled; how many pages have such a part.
    fn database_of(pages: u32) -> (Connection, usize) {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)").expect("is made");
        let count = |connection: &Connection| -> u32 {
            connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("is counted")
        };
        // A row fills most of a page.
        while count(&connection) < pages {
            connection.execute("INSERT INTO t (text) VALUES (hex(zeroblob(1900)))", []).expect("is inserted");
        }
        assert_eq!(count(&connection), pages);
        let mut filled = 0;
        for number in 1..=pages {
            let select = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
            let mut page: Vec<u8> = connection.query_row(select, [number], |row| row.get(0)).expect("is read");
            let Some(unused) = unused(&page, number) else { continue };
            page[unused].fill(1);
            let update = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
            connection.execute(update, params![number, page]).expect("is written");
            filled += 1;
        }
        (connection, filled)
    }

    fn pages_with_filled_part(connection: &Connection) -> usize {
        let mut select = connection.prepare("SELECT pgno, data FROM sqlite_dbpage").expect("is there");
        let pages = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("can be read");
        let is_filled = |(number, page): (u32, Vec<u8>)| {
            unused(&page, number).is_some_and(|unused| page[unused].iter().any(|byte| *byte != 0))
        };
        pages.filter(|page| is_filled(page.as_ref().expect("can be read").clone())).count()
    }

    #[test]
    fn every_page_is_scrubbed_whatever_the_steps() {
        for pages in [2, STEP - 1, STEP, STEP + 1, 2 * STEP - 1, 2 * STEP, 2 * STEP + 1] {
            let (connection, filled) = database_of(pages);
            assert_eq!(pages_with_filled_part(&connection), filled);
            assert!(filled as u32 > pages / 2, "{filled} of {pages} pages have an unused part");
            let (mut progress, mut steps) = (Progress::Next(1), 0);
            while let Progress::Next(first) = progress {
                progress = scrub_pages(&connection, first).expect("works");
                steps += 1;
            }
            assert_eq!((progress, steps), (Progress::Complete, pages.div_ceil(STEP)), "{pages} pages");
            assert_eq!(pages_with_filled_part(&connection), 0, "{pages} pages");
        }
    }

    #[test]
    fn only_a_btree_page_has_an_unused_part() {
        let page = |first: u8, cells: u8, content: u16| {
            let mut page = vec![0; 4096];
            page[0] = first;
            page[4] = cells;
            page[5..7].copy_from_slice(&content.to_be_bytes());
            page
        };
        assert_eq!(unused(&page(13, 3, 4000), 2), Some(14..4000));
        assert_eq!(unused(&page(5, 3, 4000), 2), Some(18..4000));
        assert_eq!(unused(&page(0, 3, 4000), 2), None);
        assert_eq!(unused(&page(13, 3, 14), 2), None);
        assert_eq!(unused(&page(13, 3, 5000), 2), None);
        assert_eq!(unused(&[13, 0], 2), None);
    }
}
