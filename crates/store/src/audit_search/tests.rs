use super::*;
use carnelian_domain::{CustomerId, Object, Origin, UserId};
use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, Waker},
};

/// A log in memory.
struct Log {
    entries: Vec<StoredEntry>,
    rows: Vec<IndexedBlock>,
    reads: AtomicUsize,
}

impl Log {
    /// A log whose last entries have no row. The clock goes back now and then.
    fn new(count: u64, unindexed: u64) -> Log {
        let entry = |sequence: u64| {
            let origin = Origin::new(Actor::User(UserId(sequence % 7)));
            let (action, object) = (Action::EditCustomer, Object::Customer(CustomerId(sequence / 3)));
            let entry = AuditEntry::record(&origin, action, object, Some(AccountId(sequence / 500)), &[]);
            let at = Timestamp((sequence - sequence % 1500 / 2) as i64);
            StoredEntry { partition: PartitionId::FIRST, sequence, at, entry, link: Vec::new() }
        };
        let entries: Vec<_> = (1..=count).map(entry).collect();
        let blocks = entries[..(count - unindexed) as usize].chunks_exact(BLOCK as usize);
        let rows = blocks.zip(0..).map(|(entries, number)| IndexedBlock::new(number, entries)).collect();
        Log { entries, rows, reads: AtomicUsize::new(0) }
    }

    fn search(&self, query: &AuditQuery) -> AuditPage {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(search(self, query)).poll(&mut context) {
            Poll::Ready(page) => page.expect("the log can be read"),
            Poll::Pending => panic!("a log in memory does not wait"),
        }
    }
}

#[async_trait::async_trait]
impl AuditSource for Log {
    async fn entries(&self, span: AuditSpan) -> Result<Vec<StoredEntry>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let last = (span.last as usize).min(self.entries.len());
        let entries = self.entries.get(span.first as usize - 1..last).unwrap_or_default().iter().cloned();
        Ok(match span.order {
            AuditOrder::OldestFirst => entries.take(span.limit).collect(),
            AuditOrder::NewestFirst => entries.rev().take(span.limit).collect(),
        })
    }

    async fn blocks(
        &self,
        _: PartitionId,
        from: u64,
        order: AuditOrder,
        limit: usize,
    ) -> Result<Vec<IndexedBlock>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let rows = self.rows.iter().cloned();
        Ok(match order {
            AuditOrder::OldestFirst => rows.filter(|row| row.number >= from).take(limit).collect(),
            AuditOrder::NewestFirst => rows.rev().filter(|row| row.number <= from).take(limit).collect(),
        })
    }
}

fn filters() -> [AuditFilter; 6] {
    let none = AuditFilter::default;
    [
        AuditFilter { object: Some("customer:3000".into()), ..none() },
        AuditFilter { account: Some(AccountId(12)), actor: Some(Actor::User(UserId(3))), ..none() },
        AuditFilter { since: Some(Timestamp(4400)), until: Some(Timestamp(4600)), ..none() },
        AuditFilter { request_id: Some("none".into()), ..none() },
        AuditFilter { action: Some(Action::EditCustomer), until: Some(Timestamp(90)), ..none() },
        none(),
    ]
}

#[test]
fn a_search_finds_what_a_whole_scan_finds_also_if_rows_are_missing_or_the_clock_went_back() {
    let mut log = Log::new(12_345, 3000);
    log.rows.remove(4);
    for filter in filters() {
        let mut expected: Vec<_> = log.entries.iter().filter(|entry| filter.matches(entry)).collect();
        for order in AuditOrder::ALL {
            let mut query = AuditQuery { order, limit: 100, filter: filter.clone(), ..AuditQuery::default() };
            let mut found = Vec::new();
            loop {
                let page = log.search(&query);
                found.extend(page.entries);
                let Some(next) = page.next else { break };
                query.continue_from(next);
            }
            assert!(found.iter().eq(expected.iter().copied()), "{filter:?}, {order:?}");
            expected.reverse();
        }
    }
}

#[test]
fn a_search_reads_a_bounded_part_of_the_log_and_is_continued_where_it_ended() {
    let filter = AuditFilter { actor: Some(Actor::User(UserId(1))), ..AuditFilter::default() };
    // Every row has the actor, and no entry does.
    let mut log = Log::new(70_000, 0);
    log.entries.iter_mut().for_each(|entry| entry.entry = "{".into());
    for order in AuditOrder::ALL {
        let mut query = AuditQuery { order, filter: filter.clone(), ..AuditQuery::default() };
        let mut parts = 0;
        loop {
            let before = log.reads.load(Ordering::Relaxed);
            let page = log.search(&query);
            assert_eq!(page.entries, []);
            assert!(log.reads.load(Ordering::Relaxed) - before <= STEPS + 2);
            parts += 1;
            let Some(next) = page.next else { break };
            query.continue_from(next);
        }
        assert_eq!(parts, 2, "70,000 entries, 64,000 at once");
    }
}

#[test]
fn a_row_has_every_term_of_its_block_and_few_others() {
    let log = Log::new(BLOCK, 0);
    let row = &log.rows[0];
    let has = |id: u64| row.has(Term::object(&format!("customer:{id}")));
    assert!((0..=BLOCK / 3).all(has));
    let others = (10_000..110_000).filter(|id| has(*id)).count();
    assert!(others < 100, "{others} of 100,000");
    assert!(
        row.filter.len() == FILTER_BYTES && IndexedBlock { filter: Vec::new(), ..row.clone() }.has(Term::account(9))
    );
}
