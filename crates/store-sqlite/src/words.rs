//! The index of the words of customers' names, by which listings find customers.
//!
//! An index of words in random order would be written page after page, and be most of the cost of a create. So customers
//! are indexed in blocks of adjacent ids: when a block is full, the words of all its customers are written at once, in
//! their order, at the end of the table. A look-up goes from block to block, which is the order of the ids as well, so it
//! costs a few microseconds for each block until a page is full, however many customers have a word.
//!
//! ```text
//! customer_word   block 0: (ada, 7) (ada, 4093) (byron, 7) …   block 1: …      in the order (block, word, customer)
//! customer        ids of block 0 ······························ block 1 ····· | newer ones: not indexed, read one by one
//!                                                                             registry.indexed_to
//! ```
//!
//! * [`index`]: the statements
//! * [`feeder`]: the thread that indexes full blocks

pub(crate) mod feeder;
pub(crate) mod index;
