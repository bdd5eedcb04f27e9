//! The writer with slow and failing syncs, commits and panics.

use super::{thread::GROUP, *};
use crate::{
    commit::{audit_tail::AuditTail, syncer::SyncFn},
    files::schema,
    memory::indexes::Indexes,
    read::readers::Readers,
};
use carnelian_domain::Timestamp;
use carnelian_store::{
    Clock, Conflict, RegistryId,
    contract::{TestChain, TestKeys},
};
use rusqlite::Connection;
use std::{
    fs::File,
    io,
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tempfile::TempDir;

/// A clock that counts its calls: one for each transaction.
struct CountingClock(AtomicI64);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A writer on a new registry that does not wait for other processes, and the failures that it reports.
fn start() -> (TempDir, Writer, mpsc::Receiver<String>) {
    start_with(Box::new(|| Ok(())))
}

/// The same with another sync function.
fn start_with(sync: SyncFn) -> (TempDir, Writer, mpsc::Receiver<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("carnelian.db");
    let connection = schema::open_for_writing(&path, true, &TestKeys).expect("opens");
    connection.busy_timeout(Duration::ZERO).expect("is set");
    let (failed, failures) = mpsc::channel();
    let on_failure = Box::new(move |detail| failed.send(detail).expect("the test listens"));
    let clock = Arc::new(CountingClock(AtomicI64::new(0)));
    let indexes = Some(Arc::new(Indexes::load(&path, &connection).expect("loads")));
    let readers = Arc::new(Readers::open(&path, 1, true).expect("opens"));
    let (audit, barrier) = (AuditTail::new(Arc::new(TestChain(RegistryId([7; 16])))), Arc::default());
    let database = Arc::new(File::open(&path).expect("is there"));
    let parts = WriterParts {
        connection,
        indexes,
        audit,
        clock,
        on_failure,
        readers,
        barrier,
        wal_truncation: Arc::default(),
        sync,
        probe_file: None,
        presence: None,
        database,
    };
    (directory, Writer::start(parts, &path).expect("starts"), failures)
}

/// Queues writes while the writer is blocked, so that all of them share a transaction.
async fn while_blocked<T>(writer: &Writer, writes: impl Future<Output = T>) -> T {
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let hold = move |_: &mut WriteTx<'_>| {
        let _ = (begin.send(()), released.recv());
        Ok(())
    };
    // The job that blocks the writer shares the transaction of the queued writes, and their outcome.
    let (_, _, answers, ()) =
        tokio::join!(biased; writer.write(hold), async { begun.recv() }, writes, async { drop(release) });
    answers
}

fn insert_group(name: &'static str) -> impl FnOnce(&mut WriteTx<'_>) -> Result<Timestamp, WorkError> + Send {
    move |tx| {
        tx.connection.execute("INSERT INTO account_group (name, unique_name) VALUES (?1, ?1)", [name])?;
        Ok(tx.now)
    }
}

async fn count_groups(writer: &Writer) -> Result<u64, StoreError> {
    let count = "SELECT count(*) FROM account_group";
    writer.write(move |tx| Ok(tx.connection.query_row(count, [], |row| row.get(0))?)).await
}

#[tokio::test]
async fn queued_writes_share_a_commit_and_a_refused_one_does_not_affect_the_others() {
    let (_directory, writer, _failures) = start();
    let writes = async {
        tokio::join!(
            writer.write(insert_group("first")),
            writer.write(|_| Err::<(), _>(Conflict::NameTaken.into())),
            writer.write(insert_group("second")),
        )
    };
    let (first, refused, second) = while_blocked(&writer, writes).await;
    assert_eq!(first.expect("is written"), second.expect("is written"));
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::NameTaken))));
    assert_eq!(count_groups(&writer).await.expect("is counted"), 2);
}

/// Outside of a runtime, replies are delivered at once, so that an early one is seen.
#[test]
fn a_write_is_not_acknowledged_before_its_sync() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let (_directory, writer, _failures) = start_with(Box::new(move || {
        begin.send(()).map_err(io::Error::other)?;
        ended.lock().expect("one syncs at a time").recv().map_err(io::Error::other)
    }));
    // Dropped before the writer, whose end waits for the sync.
    let end = end;
    let mut context = Context::from_waker(Waker::noop());
    let mut write = pin!(writer.write(insert_group("slow")));
    assert!(write.as_mut().poll(&mut context).is_pending());
    begun.recv_timeout(Duration::from_secs(30)).expect("the commit is synced");
    assert!(write.as_mut().poll(&mut context).is_pending());
    end.send(()).expect("the sync ends");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(write).expect("is written");
}

#[tokio::test]
async fn a_failed_sync_is_reported_once_and_no_write_is_acknowledged() {
    let (_directory, writer, failures) = start_with(Box::new(|| Err(io::ErrorKind::StorageFull.into())));
    let writes = async { tokio::join!(writer.write(insert_group("first")), writer.write(insert_group("second"))) };
    let (first, second) = while_blocked(&writer, writes).await;
    assert!(matches!(first, Err(StoreError::Unknown(_))));
    assert!(matches!(second, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(insert_group("later")).await, Err(StoreError::Unavailable(_))));
    drop(writer);
    assert_eq!(failures.iter().count(), 1);
}

#[tokio::test]
async fn the_writer_ends_although_the_writes_queued_before_the_end_fail() {
    let (directory, writer, _failures) = start();
    let other_process = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    let wait = |tx: &mut WriteTx<'_>| Ok(tx.connection.busy_timeout(Duration::from_secs(1))?);
    writer.write(wait).await.expect("is done");
    // While the writer waits for the other process, the caller stops waiting and the writer is dropped.
    other_process.execute_batch("BEGIN IMMEDIATE").expect("begins");
    let _ = pin!(writer.write(insert_group("late"))).as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let (end, ended) = mpsc::channel();
    std::thread::spawn(move || {
        drop(writer);
        end.send(()).expect("the test listens");
    });
    ended.recv_timeout(Duration::from_secs(30)).expect("the writer ends");
}

#[tokio::test]
async fn a_write_fails_as_busy_until_another_process_ends_its_transaction() {
    let (directory, writer, failures) = start();
    let other_process = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    other_process.execute_batch("BEGIN IMMEDIATE").expect("begins");
    assert!(matches!(writer.write(insert_group("early")).await, Err(StoreError::Busy)));
    other_process.execute_batch("ROLLBACK").expect("ends");
    writer.write(insert_group("late")).await.expect("is written");
    assert_eq!(count_groups(&writer).await.expect("is counted"), 1);
    drop(writer);
    assert_eq!(failures.iter().count(), 0);
}

#[tokio::test]
async fn a_failed_commit_is_reported_once_and_stops_all_writes() {
    let (directory, writer, failures) = start();
    // A violation that SQLite checks only at the commit.
    let violate = "PRAGMA defer_foreign_keys = ON; INSERT INTO group_account (group_id, account_id) VALUES (8, 9)";
    let doomed = |tx: &mut WriteTx<'_>| Ok(tx.connection.execute_batch(violate)?);
    let writes = async { tokio::join!(writer.write(insert_group("innocent")), writer.write(doomed)) };
    let (innocent, doomed) = while_blocked(&writer, writes).await;
    assert!(matches!(innocent, Err(StoreError::Unknown(_))));
    assert!(matches!(doomed, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(insert_group("later")).await, Err(StoreError::Unavailable(_))));
    drop(writer);
    assert_eq!(failures.iter().count(), 1);

    let other_process = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    let groups = other_process.query_row("SELECT count(*) FROM account_group", [], |row| row.get::<_, u32>(0));
    assert_eq!(groups, Ok(0));
}

#[tokio::test]
async fn a_panic_in_the_writer_is_reported() {
    let (_directory, writer, failures) = start();
    let panicking = |_: &mut WriteTx<'_>| -> Result<(), WorkError> { panic!("as the test wants it") };
    assert!(matches!(writer.write(panicking).await, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(|_| Ok(())).await, Err(StoreError::Unavailable(_) | StoreError::Unknown(_))));
    drop(writer);
    assert_eq!(failures.iter().count(), 1);
}

#[tokio::test]
async fn a_panic_in_the_syncer_is_reported_and_the_writer_still_ends() {
    let (_directory, writer, failures) = start_with(Box::new(|| panic!("as the test wants it")));
    let writes = async { tokio::join!(writer.write(insert_group("first")), writer.write(insert_group("second"))) };
    let (first, second) = while_blocked(&writer, writes).await;
    assert!(matches!(first, Err(StoreError::Unknown(_))));
    assert!(matches!(second, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    drop(writer);
    assert_eq!(failures.iter().collect::<Vec<_>>(), ["the syncer panicked"]);
}

/// Queues a write and stops waiting for it; returns whether it failed as busy at once.
fn fails_as_busy(writer: &Writer, work: impl FnOnce() + Send + 'static) -> bool {
    let mut write = pin!(writer.write(move |_| {
        work();
        Ok(())
    }));
    match write.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => {
            assert!(matches!(answer, Err(StoreError::Busy)));
            true
        }
        Poll::Pending => false,
    }
}

#[tokio::test]
async fn writes_beyond_the_size_of_a_group_are_committed_in_the_next_one() {
    // The job that blocks the writer belongs to the first group.
    for writes in [GROUP - 2, GROUP - 1, GROUP, 2 * GROUP - 2, 2 * GROUP - 1, 2 * GROUP] {
        let (_directory, writer, _failures) = start();
        let mut queued: Vec<_> = (0..writes).map(|_| Box::pin(writer.write(|tx| Ok(tx.now)))).collect();
        let mut context = Context::from_waker(Waker::noop());
        let queue = async { assert!(queued.iter_mut().all(|write| write.as_mut().poll(&mut context).is_pending())) };
        while_blocked(&writer, queue).await;
        let mut moments = Vec::new();
        for write in queued {
            moments.push(write.await.expect("is written"));
        }
        assert!(moments.is_sorted(), "in the order in which they were queued");
        let first = moments.iter().filter(|at| **at == moments[0]).count();
        assert_eq!(first, writes.min(GROUP - 1), "{writes} writes after the one that blocks the writer");
    }
}

#[tokio::test]
async fn writes_beyond_the_size_of_the_queue_fail_as_busy() {
    let (_directory, writer, _failures) = start();
    let writes = async { (0..QUEUE + 5).filter(|_| fails_as_busy(&writer, || ())).count() };
    // The job that blocks the writer has a place as well.
    assert_eq!(while_blocked(&writer, writes).await, 6);
}

#[test]
fn a_write_keeps_its_place_until_it_is_synced() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let (_directory, writer, _failures) = start_with(Box::new(move || {
        let _ = (begin.send(()), ended.lock().expect("one syncs at a time").recv());
        Ok(())
    }));
    // Dropped before the writer, whose end waits for the sync.
    let end = end;
    // Two writes that share a commit, so that the writer does not sync it itself and runs later jobs.
    let (release, released) = mpsc::channel::<()>();
    assert!(!fails_as_busy(&writer, move || assert!(released.recv().is_err())));
    assert!(!fails_as_busy(&writer, || ()));
    drop(release);
    begun.recv_timeout(Duration::from_secs(30)).expect("the commit is synced");
    assert_eq!((0..QUEUE - 3).filter(|_| fails_as_busy(&writer, || ())).count(), 0);
    let (run, has_run) = mpsc::channel();
    assert!(!fails_as_busy(&writer, move || run.send(()).expect("the test listens")));
    has_run.recv_timeout(Duration::from_secs(30)).expect("the writer runs what waits");
    assert!(fails_as_busy(&writer, || ()), "a write without a place was accepted");
    drop(end);
}

/// Limits the database to a number of pages. At the limit writes fail as on a full disk.
fn limit_pages(tx: &WriteTx<'_>, pages: u32) -> Result<(), rusqlite::Error> {
    tx.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

#[tokio::test]
async fn a_group_that_finds_no_disk_space_is_rolled_back_and_later_writes_succeed_once_there_is_space() {
    let (_directory, writer, failures) = start();
    let large = |tx: &mut WriteTx<'_>| {
        limit_pages(tx, 1)?;
        tx.connection
            .execute("INSERT INTO account_group (name, unique_name) VALUES (hex(zeroblob(?1)), 1)", [1 << 20])?;
        Ok(())
    };
    let writes = async { tokio::join!(writer.write(insert_group("innocent")), writer.write(large)) };
    let (innocent, large) = while_blocked(&writer, writes).await;
    assert!(matches!(innocent, Err(StoreError::Unavailable(_))));
    assert!(matches!(large, Err(StoreError::Unavailable(_))));
    writer.write(|tx| Ok(limit_pages(tx, 1_000_000)?)).await.expect("there is space again");
    writer.write(insert_group("late")).await.expect("is written");
    assert_eq!(count_groups(&writer).await.expect("is counted"), 1);
    drop(writer);
    assert_eq!(failures.iter().count(), 0);
}
