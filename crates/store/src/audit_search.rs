//! Searching the audit log, by blocks of [`BLOCK`] entries.
//!
//! A block that is full gets a row in an index: the span of its times, and a Bloom filter of its terms, which are objects,
//! actors, actions, accounts and request ids. A search reads the rows, and of the log only the blocks that may have a match
//! and those without a row, which are the newest:
//!
//! ```text
//! log     1 ─ 1024    1025 ─ 2048    2049 ─ 3072    3073 ─ 3500
//! index    row 0         row 1          row 2
//! search   differs       differs        is read        is read
//! ```
//!
//! A row is added after the commits of its entries, from time to time ([`AuditSearch::index_audit`]), so that an append costs
//! nothing more; a sorted index of request ids or of many accounts would be written in random order. A filter never lacks a
//! term of its block, and has one in a thousand of the others. Ten million entries have 40 MB of rows.
//!
//! A search examines a bounded part of the log and says where to continue, whatever it has found.

use crate::{AuditEntry, PartitionId, StoreError, StoredEntry};
use carnelian_domain::{AccountId, Action, Actor, Timestamp};
use siphasher::sip::SipHasher13;
use std::{collections::VecDeque, hash::Hasher};

/// The entries of a block. A filter of the size of a page is exact enough for them.
pub const BLOCK: u64 = 1024;

/// The size of a filter: a row of it fits into a page of 4 KiB.
const FILTER_BYTES: usize = 4000;

const FILTER_BITS: u32 = FILTER_BYTES as u32 * 8;

/// The bits of a term. With the two or three terms that an entry has of its own, 12 to 16 bits are there for each.
const TERM_BITS: u32 = 8;

/// How many rows of the index, or entries, are read at once: about a tenth of a millisecond, which is how long a step can
/// delay other requests of its thread.
const STEP: usize = 64;

/// How many steps a search takes at most: a few tenths of a second. They read 64,000 entries, or the rows of 65 million.
const STEPS: usize = 1000;

/// The order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditOrder {
    /// The oldest entries first.
    #[default]
    OldestFirst,
    /// The newest entries first.
    NewestFirst,
}

/// Which entries to find. All conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only entries of this object, such as `customer:17`.
    pub object: Option<String>,
    /// Entries of these other objects are found as well, if they are of one of these actions.
    pub related: Vec<(String, &'static [Action])>,
    /// Only entries of this actor.
    pub actor: Option<Actor>,
    /// Only entries of this action.
    pub action: Option<Action>,
    /// Only entries that concern this account.
    pub account: Option<AccountId>,
    /// Only entries of this request.
    pub request_id: Option<String>,
    /// Only entries written at or after this time.
    pub since: Option<Timestamp>,
    /// Only entries written before this time.
    pub until: Option<Timestamp>,
}

/// A search of a partition's log; by default of the first one, for its oldest entry.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// The partition.
    pub partition: PartitionId,
    /// Only entries after this sequence number.
    pub after: u64,
    /// Only entries before this sequence number.
    pub before: Option<u64>,
    /// The order of the entries.
    pub order: AuditOrder,
    /// Which entries to find.
    pub filter: AuditFilter,
    /// The maximum number of entries: at least one.
    pub limit: usize,
}

impl Default for AuditQuery {
    fn default() -> AuditQuery {
        let (partition, order) = (PartitionId::FIRST, AuditOrder::default());
        AuditQuery { partition, after: 0, before: None, order, filter: AuditFilter::default(), limit: 1 }
    }
}

impl AuditQuery {
    /// Leaves out what was examined, up to and including an entry.
    pub fn continue_from(&mut self, examined: u64) {
        match self.order {
            AuditOrder::OldestFirst => self.after = examined,
            AuditOrder::NewestFirst => self.before = Some(examined),
        }
    }
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, in the order of the query.
    pub entries: Vec<StoredEntry>,
    /// The last entry that was examined, to continue after it or before it; `None` once all were.
    pub next: Option<u64>,
}

/// The row of a block in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedBlock {
    /// Its number, from 0.
    pub number: u64,
    /// The earliest time of its entries.
    pub earliest: Timestamp,
    /// The latest time of its entries.
    pub latest: Timestamp,
    /// The terms of its entries.
    pub filter: Vec<u8>,
}

/// Searching the audit log. A search shows only what is on stable storage, and fails with `Busy`, `Unavailable` or `Corrupt`.
#[async_trait::async_trait]
pub trait AuditSearch: Send + Sync {
    /// Finds entries; [`search`] does it.
    async fn search_audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// Adds the row of the next full block to the index. Returns whether there was one. Several servers may do it at once.
    async fn index_audit(&self, partition: PartitionId) -> Result<bool, StoreError>;

    /// The rows of the index from a block on, in their order, at most `limit` of them.
    async fn indexed_blocks(
        &self,
        partition: PartitionId,
        first: u64,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>, StoreError>;
}

/// A part of a partition's log.
#[derive(Clone, Copy, Debug)]
pub struct AuditSpan {
    /// The partition.
    pub partition: PartitionId,
    /// The sequence number of the first entry.
    pub first: u64,
    /// The sequence number of the last entry.
    pub last: u64,
    /// The end at which to begin.
    pub order: AuditOrder,
    /// The maximum number of entries.
    pub limit: usize,
}

/// What an adapter reads for a search. Other work of the thread can run between two calls.
#[async_trait::async_trait]
pub trait AuditSource: Sync {
    /// Entries of a part of the log.
    async fn entries(&self, span: AuditSpan) -> Result<Vec<StoredEntry>, StoreError>;

    /// The rows of the index from a block on, in an order.
    async fn blocks(
        &self,
        partition: PartitionId,
        from: u64,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>, StoreError>;
}

impl AuditOrder {
    /// Reads an order as requests name it.
    pub fn from_name(name: &str) -> Option<AuditOrder> {
        AuditOrder::ALL.into_iter().find(|order| order.name() == name)
    }

    /// Its name in requests.
    pub fn name(self) -> &'static str {
        match self {
            AuditOrder::OldestFirst => "oldest",
            AuditOrder::NewestFirst => "newest",
        }
    }

    /// Both orders.
    pub const ALL: [AuditOrder; 2] = [AuditOrder::OldestFirst, AuditOrder::NewestFirst];
}

impl AuditFilter {
    /// Whether there is no condition on what an entry says.
    fn takes_any_content(&self) -> bool {
        let AuditFilter { object, related, actor, action, account, request_id, since: _, until: _ } = self;
        let texts = object.is_none() && related.is_empty() && request_id.is_none();
        texts && actor.is_none() && action.is_none() && account.is_none()
    }

    fn takes_all(&self) -> bool {
        self.takes_any_content() && self.since.is_none() && self.until.is_none()
    }

    /// Whether something between two times, both included, may match.
    fn takes_time(&self, earliest: Timestamp, latest: Timestamp) -> bool {
        self.since.is_none_or(|since| latest >= since) && self.until.is_none_or(|until| earliest < until)
    }

    /// Whether an entry matches. One that cannot be read matches no condition on what it says.
    pub fn matches(&self, stored: &StoredEntry) -> bool {
        if !self.takes_time(stored.at, stored.at) {
            return false;
        }
        if self.takes_any_content() {
            return true;
        }
        let Ok(entry) = serde_json::from_str::<AuditEntry<'_>>(&stored.entry) else { return false };
        self.takes_object(&entry)
            && self.actor.is_none_or(|actor| entry.actor == actor.to_string())
            && self.action.is_none_or(|action| entry.action == action.name())
            && self.account.is_none_or(|account| entry.account_id == Some(account.0))
            && self.request_id.as_ref().is_none_or(|id| entry.request_id.as_ref().is_some_and(|other| other == id))
    }

    fn takes_object(&self, entry: &AuditEntry<'_>) -> bool {
        let Some(object) = &self.object else { return true };
        let is_related = |(related, actions): &(String, &[Action])| {
            entry.object.as_deref() == Some(related) && actions.iter().any(|action| action.name() == entry.action)
        };
        entry.object.as_deref() == Some(object) || self.related.iter().any(is_related)
    }

    /// The terms that every matching entry has.
    fn required_terms(&self) -> Vec<Term> {
        let terms = [
            self.actor.map(|actor| Term::actor(&actor.to_string())),
            self.action.map(|action| Term::action(action.name())),
            self.account.map(|account| Term::account(account.0)),
            self.request_id.as_deref().map(Term::request_id),
        ];
        terms.into_iter().flatten().collect()
    }

    /// The terms of which a matching entry has at least one, if the filter has an object.
    fn object_terms(&self) -> Vec<Term> {
        let related = self.object.iter().chain(self.related.iter().map(|(object, _)| object));
        related.map(|object| Term::object(object)).collect()
    }
}

/// The hash of something that entries are found by.
#[derive(Clone, Copy)]
struct Term(u64);

impl Term {
    fn new(kind: u8, text: &[u8]) -> Term {
        let mut hasher = SipHasher13::new();
        hasher.write_u8(kind);
        hasher.write(text);
        Term(hasher.finish())
    }

    fn object(text: &str) -> Term {
        Term::new(0, text.as_bytes())
    }

    fn actor(text: &str) -> Term {
        Term::new(1, text.as_bytes())
    }

    fn action(name: &str) -> Term {
        Term::new(2, name.as_bytes())
    }

    fn account(id: u64) -> Term {
        Term::new(3, &id.to_be_bytes())
    }

    fn request_id(text: &str) -> Term {
        Term::new(4, text.as_bytes())
    }

    /// The bits of a filter that stand for the term.
    fn bits(self) -> impl Iterator<Item = usize> {
        // Two halves of the hash make all positions: https://doi.org/10.1002/rsa.20208
        let (first, step) = (self.0 as u32, (self.0 >> 32) as u32 | 1);
        (0..TERM_BITS).map(move |number| (first.wrapping_add(number.wrapping_mul(step)) % FILTER_BITS) as usize)
    }
}

impl IndexedBlock {
    /// The row of a block, from its entries.
    pub fn new(number: u64, entries: &[StoredEntry]) -> IndexedBlock {
        let mut filter = vec![0; FILTER_BYTES];
        let mut add = |term: Term| term.bits().for_each(|bit| filter[bit / 8] |= 1 << (bit % 8));
        for stored in entries {
            // An entry that cannot be read matches no condition on its terms.
            let Ok(entry) = serde_json::from_str::<AuditEntry<'_>>(&stored.entry) else { continue };
            add(Term::actor(&entry.actor));
            add(Term::action(&entry.action));
            entry.object.iter().for_each(|object| add(Term::object(object)));
            entry.account_id.iter().for_each(|account| add(Term::account(*account)));
            entry.request_id.iter().for_each(|id| add(Term::request_id(id)));
        }
        let times = || entries.iter().map(|stored| stored.at);
        let (earliest, latest) = (times().min().unwrap_or(Timestamp(0)), times().max().unwrap_or(Timestamp(0)));
        IndexedBlock { number, earliest, latest, filter }
    }

    fn has(&self, term: Term) -> bool {
        // A filter of another size than it was made with says nothing.
        term.bits().all(|bit| self.filter.get(bit / 8).is_none_or(|byte| byte & 1 << (bit % 8) != 0))
    }
}

/// The number of the block that an entry is in.
pub fn block_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / BLOCK
}

/// The sequence numbers of the first and the last entry of a block.
fn span_of(block: u64) -> (u64, u64) {
    (block * BLOCK + 1, (block + 1) * BLOCK)
}

/// The row to add to the index next; `None` if there is no further block that is full.
pub async fn next_block(source: &impl AuditSource, partition: PartitionId) -> Result<Option<IndexedBlock>, StoreError> {
    let newest = source.blocks(partition, MAX_SEQUENCE, AuditOrder::NewestFirst, 1).await?;
    let number = newest.first().map_or(0, |row| row.number + 1);
    let (mut first, last) = span_of(number);
    let mut entries = Vec::new();
    while first <= last {
        let order = AuditOrder::OldestFirst;
        let part = source.entries(AuditSpan { partition, first, last, order, limit: STEP }).await?;
        let Some(end) = part.last() else { return Ok(None) };
        first = end.sequence + 1;
        entries.extend(part);
    }
    Ok(Some(IndexedBlock::new(number, &entries)))
}

/// The largest sequence number that every engine can store.
const MAX_SEQUENCE: u64 = i64::MAX as u64;

/// Finds the entries that match a query.
pub async fn search(source: &impl AuditSource, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let (partition, first) = (query.partition, query.after.saturating_add(1));
    let last = query.before.map_or(MAX_SEQUENCE, |before| before.saturating_sub(1)).min(MAX_SEQUENCE);
    if first > last {
        return Ok(AuditPage { entries: Vec::new(), next: None });
    }
    let newest = AuditSpan { partition, first, last, order: AuditOrder::NewestFirst, limit: 1 };
    // What is appended meanwhile is not examined.
    let newest = source.entries(newest).await?;
    let Some(last) = newest.first().map(|entry| entry.sequence) else {
        return Ok(AuditPage { entries: Vec::new(), next: None });
    };
    let rows = IndexRows::new(&query.filter);
    Scan { source, query, rows, first, last, steps: STEPS, found: Vec::new() }.run().await
}

/// A search that has begun.
struct Scan<'a, S> {
    source: &'a S,
    query: &'a AuditQuery,
    rows: IndexRows,
    /// The entries to examine.
    first: u64,
    last: u64,
    /// How many steps are left.
    steps: usize,
    /// One entry more than fits into the page shows whether there is another page.
    found: Vec<StoredEntry>,
}

/// The rows of the index that were read ahead, and what they are compared with.
struct IndexRows {
    ahead: VecDeque<IndexedBlock>,
    /// Whether there may be further rows.
    has_more: bool,
    required: Vec<Term>,
    objects: Vec<Term>,
}

impl IndexRows {
    fn new(filter: &AuditFilter) -> IndexRows {
        IndexRows {
            ahead: VecDeque::new(),
            // Without a condition every block matches.
            has_more: !filter.takes_all(),
            required: filter.required_terms(),
            objects: filter.object_terms(),
        }
    }

    fn may_match(&self, filter: &AuditFilter, row: &IndexedBlock) -> bool {
        filter.takes_time(row.earliest, row.latest)
            && self.required.iter().all(|term| row.has(*term))
            && (self.objects.is_empty() || self.objects.iter().any(|term| row.has(*term)))
    }
}

impl<S: AuditSource> Scan<'_, S> {
    async fn run(mut self) -> Result<AuditPage, StoreError> {
        let (mut block, end) = match self.query.order {
            AuditOrder::OldestFirst => (block_of(self.first), block_of(self.last)),
            AuditOrder::NewestFirst => (block_of(self.last), block_of(self.first)),
        };
        loop {
            if self.may_match(block).await?
                && let Some(next) = self.read(block).await?
            {
                return Ok(AuditPage { entries: self.found, next: Some(next) });
            }
            if block == end {
                return Ok(AuditPage { entries: self.found, next: None });
            }
            let (first, last) = span_of(block);
            let examined;
            (examined, block) = match self.query.order {
                AuditOrder::OldestFirst => (last, block + 1),
                AuditOrder::NewestFirst => (first, block - 1),
            };
            if self.steps == 0 {
                return Ok(AuditPage { entries: self.found, next: Some(examined) });
            }
        }
    }

    /// Whether a block has to be read. Blocks are asked for in the order of the query.
    async fn may_match(&mut self, block: u64) -> Result<bool, StoreError> {
        if self.rows.ahead.is_empty() && self.rows.has_more {
            let rows = self.source.blocks(self.query.partition, block, self.query.order, STEP).await?;
            self.steps = self.steps.saturating_sub(1);
            self.rows.has_more = rows.len() == STEP;
            self.rows.ahead = rows.into();
        }
        let row = self.rows.ahead.pop_front_if(|row| row.number == block);
        Ok(row.is_none_or(|row| self.rows.may_match(&self.query.filter, &row)))
    }

    /// Reads a block. Returns the last entry that was examined if the search ends there.
    async fn read(&mut self, block: u64) -> Result<Option<u64>, StoreError> {
        let (first, last) = span_of(block);
        let AuditQuery { partition, order, .. } = *self.query;
        let (first, last) = (first.max(self.first), last.min(self.last));
        let mut span = AuditSpan { partition, first, last, order, limit: STEP };
        while span.first <= span.last {
            let part = self.source.entries(span).await?;
            self.steps = self.steps.saturating_sub(1);
            let Some(examined) = part.last().map(|entry| entry.sequence) else { return Ok(None) };
            for entry in part.into_iter().filter(|entry| self.query.filter.matches(entry)) {
                if self.found.len() == self.query.limit {
                    return Ok(self.found.last().map(|last| last.sequence));
                }
                self.found.push(entry);
            }
            match order {
                AuditOrder::OldestFirst => span.first = examined + 1,
                AuditOrder::NewestFirst => span.last = examined - 1,
            }
            if self.steps == 0 && span.first <= span.last {
                return Ok(Some(examined));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
