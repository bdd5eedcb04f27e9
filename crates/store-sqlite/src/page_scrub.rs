//! What SQLite leaves behind in its pages when it moves rows.
//!
//! With `secure_delete` SQLite overwrites what it deletes. But when it moves rows between pages to even them out, a copy may
//! stay in the unused part of the page that a row has left, and to delete the row does not reach that copy. So after an
//! erasure all pages are looked at, some at a time, and their unused parts are overwritten, through SQLite itself: the
//! virtual table `sqlite_dbpage` reads and writes pages within a transaction.

use crate::OpenError;
use rusqlite::{Connection, params};
use std::ops::Range;

/// How many pages are looked at in one transaction: few enough that nobody waits long for them.
const STEP: u32 = 64;

/// Below this number of pages, the first byte of what is no tree is never that of a tree: it is part of a page's number.
const MOST_PAGES: u32 = 0x0200_0000;

/// The first byte of a page of a tree: inner and outer pages, of indexes and tables.
const TREE: [u8; 4] = [2, 5, 10, 13];

/// What comes before the header of the first page.
const FILE_HEADER: usize = 100;

/// Refuses a SQLite that cannot reach its own pages.
pub(crate) fn assert_reachable(connection: &Connection) -> Result<(), OpenError> {
    connection.prepare("SELECT data FROM sqlite_dbpage WHERE pgno = ?1").map(drop).map_err(|_| OpenError::NoPages)
}

/// How far a scrub has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The next step begins at this page.
    Next(u32),
    /// All pages are scrubbed.
    Complete,
    /// The database has so many pages that they cannot be told apart; nothing was done.
    TooLarge,
}

/// Overwrites the unused parts of the next pages within a transaction; page numbers begin at 1.
pub(crate) fn overwrite(connection: &Connection, first: u32) -> Result<Progress, rusqlite::Error> {
    let count: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if count >= MOST_PAGES {
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

/// The unused part of a page of a tree: between the list of its cells and the first of them.
fn unused(page: &[u8], number: u32) -> Option<Range<usize>> {
    let header = if number == 1 { FILE_HEADER } else { 0 };
    let two_bytes = |at: usize| Some(usize::from(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?)));
    let kind = *page.get(header).filter(|kind| TREE.contains(kind))?;
    let length = if kind < 8 { 12 } else { 8 };
    let (cells, content) = (two_bytes(header + 3)?, two_bytes(header + 5)?);
    let start = header + length + 2 * cells;
    (start < content && content <= page.len()).then_some(start..content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a text that stands nowhere else";

    /// The pages of a database in which a text stands.
    fn pages_with_secret(connection: &Connection) -> usize {
        let mut select = connection.prepare("SELECT data FROM sqlite_dbpage").expect("is there");
        let pages = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("can be read");
        let holds = |page: Vec<u8>| page.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        pages.filter(|page| holds(page.as_ref().expect("can be read").clone())).count()
    }

    /// A table from which every row with a secret was deleted, and rows were moved as pages emptied.
    fn with_residue() -> Connection {
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
        let connection = with_residue();
        assert!(pages_with_secret(&connection) > 0, "SQLite has left nothing, so this test shows nothing");
        let mut progress = Progress::Next(1);
        while let Progress::Next(first) = progress {
            progress = overwrite(&connection, first).expect("works");
        }
        assert_eq!(progress, Progress::Complete);
        assert_eq!(pages_with_secret(&connection), 0);
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("is checked");
        let kept: i64 = connection
            .query_row("SELECT count(*) FROM t WHERE text LIKE 'keptx%'", [], |row| row.get(0))
            .expect("is counted");
        assert_eq!((verdict.as_str(), kept), ("ok", 250));
    }

    #[test]
    fn only_a_page_of_a_tree_has_an_unused_part() {
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
