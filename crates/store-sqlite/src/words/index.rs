//! The statements on the index of words. What the index finds are candidates: the stored name decides.

use carnelian_domain::{
    AccountId,
    search::{end_of_prefix, indexed_words},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::{collections::BTreeSet, ops::Range};

/// How many ids a block has. Of 10,000,000 customers there are 1,221 blocks, each of which takes a look-up for a word that
/// no customer has; and up to a block and a half is not indexed, which takes about 10 ms to read.
pub(crate) const BLOCK: u64 = 8192;

/// Up to this number, the customers of a block that have one of the words are read, whether they have the others or not.
const FEW: usize = 64;

/// Up to this number of accounts, the customers that they have in a block are counted.
const FEW_ACCOUNTS: usize = 16;

const ADD: &str = "INSERT OR IGNORE INTO customer_word (block, word, customer_id) VALUES (?1, ?2, ?3)";

const REMOVE: &str = "DELETE FROM customer_word WHERE block = ?1 AND word = ?2 AND customer_id = ?3";

const NEXT: &str = "SELECT block, word FROM customer_word WHERE (block, word) >= (?1, ?2) ORDER BY block, word LIMIT 1";

const WITH_WORD: &str = "SELECT customer_id FROM customer_word WHERE block = ?1 AND word >= ?2 AND word < ?3 LIMIT ?4";

/// The index is named so that SQLite never chooses another plan.
const OF_ACCOUNT: &str = "SELECT id FROM customer INDEXED BY customer_of_account
    WHERE account_id = ?1 AND id >= ?2 AND id < ?3 LIMIT ?4";

/// Customers with lower ids are indexed.
pub(crate) fn indexed_to(connection: &Connection) -> Result<u64, rusqlite::Error> {
    connection.prepare_cached("SELECT indexed_to FROM registry")?.query_row([], |row| row.get(0))
}

/// Sets up to which id customers are indexed.
pub(crate) fn set_indexed_to(connection: &Connection, id: u64) -> Result<(), rusqlite::Error> {
    connection.prepare_cached("UPDATE registry SET indexed_to = ?1")?.execute([id]).map(drop)
}

/// Deletes what an interrupted feeder has left of blocks that are not indexed.
pub(crate) fn remove_unfinished(connection: &Connection) -> Result<(), rusqlite::Error> {
    let delete = "DELETE FROM customer_word WHERE block >= (SELECT indexed_to FROM registry) / ?1";
    connection.prepare_cached(delete)?.execute([BLOCK]).map(drop)
}

/// Adds the words of a customer.
pub(crate) fn add(connection: &Connection, id: u64, unique_name: &str) -> Result<(), rusqlite::Error> {
    indexed_words(unique_name).iter().try_for_each(|word| add_word(connection, id, word))
}

/// Adds a word of a customer.
pub(crate) fn add_word(connection: &Connection, id: u64, word: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(ADD)?.execute(params![id / BLOCK, word, id]).map(drop)
}

/// Removes a word of a customer; returns whether it was there.
pub(crate) fn remove_word(connection: &Connection, id: u64, word: &str) -> Result<bool, rusqlite::Error> {
    Ok(connection.prepare_cached(REMOVE)?.execute(params![id / BLOCK, word, id])? > 0)
}

/// Replaces the words of a customer by those of another name; without one, only removes them.
pub(crate) fn replace(
    connection: &Connection,
    id: u64,
    old_name: &str,
    new_name: Option<&str>,
) -> Result<(), rusqlite::Error> {
    let (old, new) = (indexed_words(old_name), new_name.map(indexed_words).unwrap_or_default());
    old.difference(&new).try_for_each(|word| remove_word(connection, id, word).map(drop))?;
    new.difference(&old).try_for_each(|word| add_word(connection, id, word))
}

/// A look-up of customers that have all of some words, or words that begin so.
pub(crate) struct WordQuery {
    ranges: Vec<Range<String>>,
}

impl WordQuery {
    /// `None` without words.
    pub(crate) fn new(words: BTreeSet<String>) -> Option<WordQuery> {
        let range = |word: String| {
            let end = end_of_prefix(&word);
            word..end
        };
        let mut ranges: Vec<_> = words.into_iter().map(range).collect();
        // Long words are rare words, and the first one that a block does not have ends the look-up in it.
        ranges.sort_by_key(|range| std::cmp::Reverse(range.start.len()));
        (!ranges.is_empty()).then_some(WordQuery { ranges })
    }

    /// The first block from `first` on that has each of the words, or the one in which the look-up has reached its end after
    /// as many steps as are left.
    pub(crate) fn next_block(
        &self,
        connection: &Connection,
        first: u64,
        steps: &mut usize,
    ) -> Result<NextBlock, rusqlite::Error> {
        let mut block = first;
        'block: while *steps > 0 {
            *steps -= 1;
            for range in &self.ranges {
                let next = connection.prepare_cached(NEXT)?.query_row(params![block, range.start], |row| {
                    let is_of_word = row.get_ref(1)?.as_str()? < &*range.end;
                    Ok((row.get::<_, u64>(0)?, is_of_word))
                });
                match next.optional()? {
                    None => return Ok(NextBlock::None),
                    Some((found, _)) if found > block => {
                        block = found;
                        continue 'block;
                    }
                    Some((_, false)) => {
                        block += 1;
                        continue 'block;
                    }
                    Some((_, true)) => {}
                }
            }
            return Ok(NextBlock::Found(block));
        }
        Ok(NextBlock::NotBefore(block))
    }

    /// The customers of a block that may have the words and be in the accounts.
    pub(crate) fn candidates(
        &self,
        connection: &Connection,
        block: u64,
        accounts: Option<&[AccountId]>,
    ) -> Result<BTreeSet<u64>, rusqlite::Error> {
        for range in &self.ranges {
            let found = with_word(connection, block, range, FEW + 1)?;
            if found.len() <= FEW {
                return Ok(found.into_iter().collect());
            }
        }
        let mut common = None;
        if let Some(accounts) = accounts.filter(|accounts| accounts.len() <= FEW_ACCOUNTS) {
            let found = of_accounts(connection, block, accounts, FEW + 1)?;
            if found.len() <= FEW {
                return Ok(found.into_iter().collect());
            }
            common = Some(of_accounts(connection, block, accounts, BLOCK as usize)?.into_iter().collect());
        }
        for range in &self.ranges {
            let found = with_word(connection, block, range, usize::MAX)?.into_iter();
            common = Some(match common {
                None => found.collect(),
                Some(others) => found.filter(|id| BTreeSet::contains(&others, id)).collect(),
            });
        }
        Ok(common.unwrap_or_default())
    }
}

/// What [`WordQuery::next_block`] finds.
pub(crate) enum NextBlock {
    /// A block that has each of the words.
    Found(u64),
    /// No earlier block than this one has.
    NotBefore(u64),
    /// There is no such block.
    None,
}

fn with_word(
    connection: &Connection,
    block: u64,
    range: &Range<String>,
    limit: usize,
) -> Result<Vec<u64>, rusqlite::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(WITH_WORD)?;
    select.query_map(params![block, range.start, range.end, limit], first_column)?.collect()
}

/// The customers that accounts have in a block, up to a limit.
fn of_accounts(
    connection: &Connection,
    block: u64,
    accounts: &[AccountId],
    limit: usize,
) -> Result<Vec<u64>, rusqlite::Error> {
    let (first, end) = (block * BLOCK, (block + 1) * BLOCK);
    let mut select = connection.prepare_cached(OF_ACCOUNT)?;
    let mut found = Vec::new();
    for account in accounts {
        let rows = select.query_map(params![account.0, first, end, limit - found.len()], first_column)?;
        for id in rows {
            found.push(id?);
        }
    }
    Ok(found)
}

fn first_column(row: &Row<'_>) -> Result<u64, rusqlite::Error> {
    row.get(0)
}
