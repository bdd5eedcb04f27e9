//! Listings that find their customers by an index of blocks, which are ranges of ids: by the words of names, or by the
//! moment of the last write.
//!
//! A look-up in each block says whether it has such customers, in the order of the ids. So a page costs some microseconds
//! for each block until it is full, however many customers match, and also if none does.

use super::Scan;
use crate::{
    core::PARTITION_NUMBER,
    error::DatabaseError,
    group::words::BLOCK,
    port::rows::limit,
    session::{Session, Values},
};
use carnelian_domain::search::end_of_prefix;
use std::collections::BTreeSet;
use tokio_postgres::{Row, types::ToSql};

/// In how many blocks one statement looks.
const AT_ONCE: i64 = 256;

/// How many blocks with customers one statement returns.
const FOUND_AT_ONCE: i64 = 16;

/// Up to this number, the customers of a block that have one of the words are read, whether they have the others or not.
const FEW: usize = 64;

/// How many candidates are read at once.
const CANDIDATES: usize = 256;

const LAST_ID: &str = "SELECT max(id) FROM customer WHERE partition = $1";

/// The blocks that have each of the words, or words that begin so. The inner statements are not joins, so that each is one
/// look-up in the index, whatever the database believes of the tables.
const WITH_WORDS: &str = "
    SELECT b.block FROM generate_series($2::BIGINT, $3::BIGINT) AS b (block)
    WHERE (
        SELECT bool_and((
            SELECT c.customer_id FROM customer_word c
            WHERE c.partition = $1 AND c.block = b.block AND c.word >= w.word AND c.word < w.word_end
            ORDER BY c.partition, c.block, c.word, c.customer_id LIMIT 1) IS NOT NULL)
        FROM unnest($4::TEXT[], $5::TEXT[]) AS w (word, word_end))
    ORDER BY b.block LIMIT $6";

/// The customers of a block that have a word.
const WITH_WORD: &str = "
    SELECT customer_id FROM customer_word
    WHERE partition = $1 AND block = $2 AND word >= $3 AND word < $4
    ORDER BY partition, block, word, customer_id LIMIT $5";

/// The customers that accounts have in a range of ids.
const OF_ACCOUNTS: &str = "
    SELECT id FROM customer
    WHERE partition = $1 AND account_id = ANY ($2) AND id >= $3 AND id < $4 LIMIT $5";

const CANDIDATE_ROWS: &str = "
    SELECT id, unique_name, account_id, name, ship_to_bill_address, sealed, version FROM customer
    WHERE partition = $1 AND id = ANY ($2) AND modified_at >= $3 AND ($4::BIGINT[] IS NULL OR account_id = ANY ($4))
    ORDER BY id";

/// The blocks with customers that were written since a moment.
const WRITTEN: &str = "
    SELECT b.block FROM generate_series($2::BIGINT, $3::BIGINT) AS b (block)
    WHERE (
        SELECT c.id FROM customer c WHERE c.partition = $1 AND c.id / 8192 = b.block AND c.modified_at >= $4
        ORDER BY c.partition, c.id / 8192, c.modified_at LIMIT 1) IS NOT NULL
    ORDER BY b.block LIMIT $5";

/// Those customers of a block.
const WRITTEN_ROWS: &str = "
    SELECT id, unique_name, account_id, name, ship_to_bill_address, sealed, version FROM customer
    WHERE partition = $1 AND id / 8192 = $2 AND modified_at >= $3 AND id > $4
        AND ($5::BIGINT[] IS NULL OR account_id = ANY ($5))
    ORDER BY id LIMIT $6";

/// The words of a look-up, and the ends of the ranges of words that begin so.
struct Ranges {
    words: Vec<String>,
    ends: Vec<String>,
}

impl Ranges {
    /// The customers of a block that have each of the words, up to a number.
    async fn in_block(&self, session: &Session, block: i64, limit: i64) -> Result<Vec<BTreeSet<i64>>, DatabaseError> {
        let values: Vec<[&(dyn ToSql + Sync); 5]> = self
            .words
            .iter()
            .zip(&self.ends)
            .map(|(word, end)| -> [&(dyn ToSql + Sync); 5] { [&PARTITION_NUMBER, &block, word, end, &limit] })
            .collect();
        let statements: Vec<(_, Values<'_>)> = values.iter().map(|values| (WITH_WORD, &values[..])).collect();
        Ok(session.run_all(&statements).await?.iter().map(|done| ids(&done.rows)).collect())
    }
}

impl Scan<'_> {
    /// Finds all customers that are wanted by the words of their names.
    pub(super) async fn by_words(&mut self, session: &Session, words: BTreeSet<String>) -> Result<(), DatabaseError> {
        let mut words: Vec<_> = words.into_iter().collect();
        // Long words are rare words.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let ends = words.iter().map(|word| end_of_prefix(word)).collect();
        let ranges = Ranges { words, ends };
        let last = last_block(session).await?;
        let mut first = (self.after + 1) / BLOCK;
        while first <= last {
            let to = last.min(first + AT_ONCE - 1);
            let values: Values<'_> = &[&PARTITION_NUMBER, &first, &to, &ranges.words, &ranges.ends, &FOUND_AT_ONCE];
            let found = session.rows(WITH_WORDS, values).await?;
            for block in found.iter().map(|row| row.get(0)) {
                let candidates = self.candidates(session, &ranges, block).await?;
                if !self.read_candidates(session, &candidates).await? {
                    return Ok(());
                }
            }
            first = next_block(&found, to);
        }
        Ok(())
    }

    /// The customers of a block that may have the words and be in the accounts, in their order.
    async fn candidates(&self, session: &Session, ranges: &Ranges, block: i64) -> Result<Vec<i64>, DatabaseError> {
        let sorted = |ids: BTreeSet<i64>| ids.into_iter().filter(|id| *id > self.after).collect();
        let is_few = |ids: &BTreeSet<i64>| ids.len() <= FEW;
        let limit = FEW as i64 + 1;
        if let Some(found) = ranges.in_block(session, block, limit).await?.into_iter().find(is_few) {
            return Ok(sorted(found));
        }
        let mut common = None;
        if let Some(accounts) = &self.accounts {
            let found = of_accounts(session, accounts, block, limit).await?;
            if is_few(&found) {
                return Ok(sorted(found));
            }
            common = Some(of_accounts(session, accounts, block, BLOCK).await?);
        }
        for found in ranges.in_block(session, block, i64::MAX).await? {
            common = Some(match common {
                None => found,
                Some(common) => common.intersection(&found).copied().collect(),
            });
        }
        Ok(sorted(common.unwrap_or_default()))
    }

    /// Reads candidates; returns whether more are wanted.
    async fn read_candidates(&mut self, session: &Session, candidates: &[i64]) -> Result<bool, DatabaseError> {
        for part in candidates.chunks(CANDIDATES) {
            let values: Values<'_> = &[&PARTITION_NUMBER, &part, &self.since(), &self.accounts];
            let rows = session.rows(CANDIDATE_ROWS, values).await?;
            if !self.add_matching(&rows) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Finds all customers that are wanted by the moment of their last write.
    pub(super) async fn by_moment(&mut self, session: &Session) -> Result<(), DatabaseError> {
        let (since, last) = (self.since(), last_block(session).await?);
        let mut first = (self.after + 1) / BLOCK;
        while first <= last {
            let to = last.min(first + AT_ONCE - 1);
            let values: Values<'_> = &[&PARTITION_NUMBER, &first, &to, &since, &FOUND_AT_ONCE];
            let found = session.rows(WRITTEN, values).await?;
            for block in found.iter().map(|row| row.get::<_, i64>(0)) {
                let wanted = limit(self.skip.saturating_add(self.list.limit));
                let values: Values<'_> = &[&PARTITION_NUMBER, &block, &since, &self.after, &self.accounts, &wanted];
                let rows = session.rows(WRITTEN_ROWS, values).await?;
                if !self.add_matching(&rows) {
                    return Ok(());
                }
            }
            first = next_block(&found, to);
        }
        Ok(())
    }

    /// Adds the customers among these rows whose names match; returns whether more are wanted.
    fn add_matching(&mut self, rows: &[Row]) -> bool {
        for row in rows.iter().filter(|row| self.list.filter.matches_name(row.get(1))) {
            self.add(row);
        }
        self.found.len() < self.list.limit
    }
}

/// The customers that accounts have in a block, up to a number.
async fn of_accounts(
    session: &Session,
    accounts: &[i64],
    block: i64,
    limit: i64,
) -> Result<BTreeSet<i64>, DatabaseError> {
    let (start, end) = (block * BLOCK, (block + 1) * BLOCK);
    Ok(ids(&session.rows(OF_ACCOUNTS, &[&PARTITION_NUMBER, &accounts, &start, &end, &limit]).await?))
}

/// The block of the highest id; -1 without customers.
async fn last_block(session: &Session) -> Result<i64, DatabaseError> {
    let last: Option<i64> = session.one(LAST_ID, &[&PARTITION_NUMBER]).await?.get(0);
    Ok(last.map_or(-1, |id| id / BLOCK))
}

/// Where to look next: after the last block that was found if there may be more before `to`.
fn next_block(found: &[Row], to: i64) -> i64 {
    let last = found.last().filter(|_| found.len() as i64 == FOUND_AT_ONCE);
    last.map_or(to, |row| row.get(0)) + 1
}

fn ids(rows: &[Row]) -> BTreeSet<i64> {
    rows.iter().map(|row| row.get(0)).collect()
}
