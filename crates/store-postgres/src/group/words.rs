//! The words of customers' names, by which listings find customers.
//!
//! A block is a range of ids. Customers that are created about the same time are in the same block, so their words are
//! written close together, and a listing goes from block to block in the order of the ids.

use crate::core::PARTITION_NUMBER;
use carnelian_domain::search::indexed_words;
use tokio_postgres::types::ToSql;

/// How many ids a block has; index `customer_written` has the same blocks.
pub(crate) const BLOCK: i64 = 8192;

/// Adds words.
pub(crate) const ADD_WORDS: &str = "
    INSERT INTO customer_word (partition, block, word, customer_id)
    SELECT p.partition, t.block, t.word, t.customer_id
    FROM partition p, unnest($2::BIGINT[], $3::TEXT[], $4::BIGINT[]) AS t (block, word, customer_id)
    WHERE p.partition = $1";

/// Removes words.
pub(crate) const REMOVE_WORDS: &str = "
    DELETE FROM customer_word w USING unnest($2::BIGINT[], $3::TEXT[], $4::BIGINT[]) AS t (block, word, customer_id)
    WHERE w.partition = $1 AND w.block = t.block AND w.word = t.word AND w.customer_id = t.customer_id";

/// The words of customers as arrays of columns, in the order of the table.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) blocks: Vec<i64>,
    pub(crate) words: Vec<String>,
    pub(crate) customers: Vec<i64>,
}

impl Words {
    /// The words of the unique names of customers.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = (i64, &'a str)>) -> Words {
        let of_name = |(id, name)| indexed_words(name).into_iter().map(move |word| (id / BLOCK, word, id));
        let mut rows: Vec<(i64, String, i64)> = names.into_iter().flat_map(of_name).collect();
        rows.sort_unstable();
        let mut words = Words::default();
        for (block, word, id) in rows {
            words.blocks.push(block);
            words.words.push(word);
            words.customers.push(id);
        }
        words
    }

    /// The values of the statements that add and remove words.
    pub(crate) fn values(&self) -> [&(dyn ToSql + Sync); 4] {
        [&PARTITION_NUMBER, &self.blocks, &self.words, &self.customers]
    }
}
