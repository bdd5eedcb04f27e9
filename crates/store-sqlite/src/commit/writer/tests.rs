//! The writer, held up and let down.

use super::*;
use crate::{
    commit::{audit_tail::AuditTail, syncer::SyncFn},
    files::schema,
    memory::indexes::Indexes,
    read::readers::Readers,
};
use carnelian_domain::Timestamp;
use carnelian_store::{Clock, Conflict, contract::KeylessChain};
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

/// Counts how often it was asked: once for every commit that was tried.
struct CountingClock(AtomicI64);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A writer on a new registry that never waits for others, and what it tells of its failures.
fn start() -> (TempDir, Writer, mpsc::Receiver<String>) {
    start_with(Box::new(|| Ok(())))
}

/// The same, with another way to sync.
fn start_with(sync: SyncFn) -> (TempDir, Writer, mpsc::Receiver<String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("carnelian.db");
    let connection = schema::open_for_writing(&path, true, &KeylessChain).expect("opens");
    connection.busy_timeout(Duration::ZERO).expect("is set");
    let (failed, failures) = mpsc::channel();
    let on_failure = Box::new(move |detail| failed.send(detail).expect("the test listens"));
    let clock = Arc::new(CountingClock(AtomicI64::new(0)));
    let indexes = Some(Arc::new(Indexes::load(&path, &connection).expect("loads")));
    let readers = Arc::new(Readers::open(&path, 1, true).expect("opens"));
    let (audit, barrier) = (AuditTail::new(Arc::new(KeylessChain)), Arc::default());
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
        database,
    };
    (directory, Writer::start(parts, &path).expect("starts"), failures)
}

/// Asks for something while the writer is held up, so that all of it waits in the queue together.
async fn while_held_up<T>(writer: &Writer, asked: impl Future<Output = T>) -> T {
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let hold = move |_: &mut WriteTx<'_>| {
        let _ = (begin.send(()), released.recv());
        Ok(())
    };
    // What holds the writer up shares the transaction, and the fate, of what is asked meanwhile.
    let (_, _, answers, ()) =
        tokio::join!(biased; writer.write(hold), async { begun.recv() }, asked, async { drop(release) });
    answers
}

fn insert_group(name: &'static str) -> impl FnOnce(&mut WriteTx<'_>) -> Result<Timestamp, WorkError> + Send {
    move |tx| {
        tx.connection.execute("INSERT INTO account_group (name) VALUES (?1)", [name])?;
        Ok(tx.now)
    }
}

async fn count_groups(writer: &Writer) -> Result<u64, StoreError> {
    let count = "SELECT count(*) FROM account_group";
    writer.write(move |tx| Ok(tx.connection.query_row(count, [], |row| row.get(0))?)).await
}

#[tokio::test]
async fn writes_that_wait_together_share_a_commit_and_a_refused_one_does_not_harm_it() {
    let (_directory, writer, _failures) = start();
    let asked = async {
        tokio::join!(
            writer.write(insert_group("first")),
            writer.write(|_| Err::<(), _>(Conflict::NameTaken.into())),
            writer.write(insert_group("second")),
        )
    };
    let (first, refused, second) = while_held_up(&writer, asked).await;
    assert_eq!(first.expect("is written"), second.expect("is written"));
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::NameTaken))));
    assert_eq!(count_groups(&writer).await.expect("is counted"), 2);
}

/// Outside of a runtime answers come at once, so that early ones are seen.
#[test]
fn nobody_hears_of_a_write_before_its_sync() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let (_directory, writer, _failures) = start_with(Box::new(move || {
        begin.send(()).map_err(io::Error::other)?;
        ended.lock().expect("one syncs at a time").recv().map_err(io::Error::other)
    }));
    // Whatever happens, the sync ends before the writer does.
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
async fn a_failed_sync_is_told_once_and_nobody_hears_that_all_is_well() {
    let (_directory, writer, failures) = start_with(Box::new(|| Err(io::ErrorKind::StorageFull.into())));
    let asked = async { tokio::join!(writer.write(insert_group("first")), writer.write(insert_group("second"))) };
    let (first, second) = while_held_up(&writer, asked).await;
    assert!(matches!(first, Err(StoreError::Unknown(_))));
    assert!(matches!(second, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(insert_group("later")).await, Err(StoreError::Unavailable(_))));
    drop(writer);
    assert_eq!(failures.iter().count(), 1);
}

#[tokio::test]
async fn the_end_is_not_forgotten_when_what_waits_before_it_is_turned_away() {
    let (directory, writer, _failures) = start();
    let stranger = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    let wait = |tx: &mut WriteTx<'_>| Ok(tx.connection.busy_timeout(Duration::from_secs(1))?);
    writer.write(wait).await.expect("is done");
    // The writer waits for the stranger; meanwhile whoever asked goes away, and the end comes.
    stranger.execute_batch("BEGIN IMMEDIATE").expect("begins");
    let _ = pin!(writer.write(insert_group("late"))).as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let (end, ended) = mpsc::channel();
    std::thread::spawn(move || {
        drop(writer);
        end.send(()).expect("the test listens");
    });
    ended.recv_timeout(Duration::from_secs(30)).expect("the writer ends");
}

#[tokio::test]
async fn a_write_is_refused_as_busy_until_another_process_ends_its_transaction() {
    let (directory, writer, failures) = start();
    let stranger = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    stranger.execute_batch("BEGIN IMMEDIATE").expect("begins");
    assert!(matches!(writer.write(insert_group("early")).await, Err(StoreError::Busy)));
    stranger.execute_batch("ROLLBACK").expect("ends");
    writer.write(insert_group("late")).await.expect("is written");
    assert_eq!(count_groups(&writer).await.expect("is counted"), 1);
    drop(writer);
    assert_eq!(failures.iter().count(), 0);
}

#[tokio::test]
async fn a_failed_commit_is_told_once_and_stops_all_writes() {
    let (directory, writer, failures) = start();
    // A violation that SQLite is told to look for no sooner than in the commit.
    let violate = "PRAGMA defer_foreign_keys = ON; INSERT INTO group_account (group_id, account_id) VALUES (8, 9)";
    let doomed = |tx: &mut WriteTx<'_>| Ok(tx.connection.execute_batch(violate)?);
    let asked = async { tokio::join!(writer.write(insert_group("innocent")), writer.write(doomed)) };
    let (innocent, doomed) = while_held_up(&writer, asked).await;
    assert!(matches!(innocent, Err(StoreError::Unknown(_))));
    assert!(matches!(doomed, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(insert_group("later")).await, Err(StoreError::Unavailable(_))));
    drop(writer);
    assert_eq!(failures.iter().count(), 1);

    let stranger = Connection::open(directory.path().join("carnelian.db")).expect("opens");
    let groups = stranger.query_row("SELECT count(*) FROM account_group", [], |row| row.get::<_, u32>(0));
    assert_eq!(groups, Ok(0));
}

#[tokio::test]
async fn a_panic_in_the_writer_is_told() {
    let (_directory, writer, failures) = start();
    let panicking = |_: &mut WriteTx<'_>| -> Result<(), WorkError> { panic!("as the test wants it") };
    assert!(matches!(writer.write(panicking).await, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(|_| Ok(())).await, Err(StoreError::Unavailable(_) | StoreError::Unknown(_))));
    drop(writer);
    assert_eq!(failures.iter().count(), 1);
}

#[tokio::test]
async fn a_panic_in_the_syncer_is_told_and_the_writer_ends_all_the_same() {
    let (_directory, writer, failures) = start_with(Box::new(|| panic!("as the test wants it")));
    let asked = async { tokio::join!(writer.write(insert_group("first")), writer.write(insert_group("second"))) };
    let (first, second) = while_held_up(&writer, asked).await;
    assert!(matches!(first, Err(StoreError::Unknown(_))));
    assert!(matches!(second, Err(StoreError::Unknown(_))));
    assert!(matches!(writer.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    drop(writer);
    assert_eq!(failures.iter().collect::<Vec<_>>(), ["the syncer panicked"]);
}

/// Asks for something and goes away; says whether it was turned away at once.
fn ask(writer: &Writer, work: impl FnOnce() + Send + 'static) -> bool {
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
async fn more_writes_than_the_queue_holds_are_turned_away() {
    let (_directory, writer, _failures) = start();
    let asked = async { (0..QUEUE + 5).filter(|_| ask(&writer, || ())).count() };
    // What holds the writer up has a place as well.
    assert_eq!(while_held_up(&writer, asked).await, 6);
}

#[test]
fn a_write_that_was_run_keeps_its_place_until_it_is_synced() {
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let (_directory, writer, _failures) = start_with(Box::new(move || {
        let _ = (begin.send(()), ended.lock().expect("one syncs at a time").recv());
        Ok(())
    }));
    // Whatever happens, the sync ends before the writer does.
    let end = end;
    // Two that share a commit, so that the writer does not sync it itself and runs what comes after.
    let (release, released) = mpsc::channel::<()>();
    assert!(!ask(&writer, move || assert!(released.recv().is_err())));
    assert!(!ask(&writer, || ()));
    drop(release);
    begun.recv_timeout(Duration::from_secs(30)).expect("the commit is synced");
    assert_eq!((0..QUEUE - 3).filter(|_| ask(&writer, || ())).count(), 0);
    let (run, has_run) = mpsc::channel();
    assert!(!ask(&writer, move || run.send(()).expect("the test listens")));
    has_run.recv_timeout(Duration::from_secs(30)).expect("the writer runs what waits");
    assert!(ask(&writer, || ()), "a write beyond those that wait for their sync");
    drop(end);
}

/// Lets the database have so many pages; one that has more gets no further ones, as on a full disk.
fn limit_pages(tx: &WriteTx<'_>, pages: u32) -> Result<(), rusqlite::Error> {
    tx.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

#[tokio::test]
async fn a_group_that_finds_no_disk_space_is_rolled_back_and_later_writes_succeed_once_there_is_space() {
    let (_directory, writer, failures) = start();
    let large = |tx: &mut WriteTx<'_>| {
        limit_pages(tx, 1)?;
        tx.connection.execute("INSERT INTO account_group (name) VALUES (hex(zeroblob(?1)))", [1 << 20])?;
        Ok(())
    };
    let asked = async { tokio::join!(writer.write(insert_group("innocent")), writer.write(large)) };
    let (innocent, large) = while_held_up(&writer, asked).await;
    assert!(matches!(innocent, Err(StoreError::Unavailable(_))));
    assert!(matches!(large, Err(StoreError::Unavailable(_))));
    writer.write(|tx| Ok(limit_pages(tx, 1_000_000)?)).await.expect("there is space again");
    writer.write(insert_group("late")).await.expect("is written");
    assert_eq!(count_groups(&writer).await.expect("is counted"), 1);
    drop(writer);
    assert_eq!(failures.iter().count(), 0);
}
