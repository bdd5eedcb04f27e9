//! Loading the indexes in memory when a server starts.
//!
//! The hashes of names are in `customer_of_account`, whose pages are scattered among those of the customers: a single
//! reader would wait for the disk at each page. So the key range of the index is divided into pieces, which several
//! threads read.

use crate::{
    error::OpenError,
    files::schema,
    memory::{
        change_zones::ChangeZones,
        hash_index::{HashIndex, HashKey, KeyedHash},
        idempotency_index::IdempotencyIndex,
    },
};
use carnelian_domain::UserId;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use std::{
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

/// The largest number of threads.
const THREADS: usize = 8;

/// The largest number of pieces: enough for the threads to end at about the same time.
const PIECES: u64 = 64;

/// The smallest number of customers in a piece, about.
const PIECE: u64 = 20_000;

/// How many names a thread sends at a time.
const BATCH: usize = 4096;

/// The hash of a name, the customer's id, and the moment of its last write.
type Name = (KeyedHash, u64, i64);

/// A key of the index: an account and a customer in it.
type IndexKey = (i64, i64);

/// A range of the index: after the first key, up to and including the second.
type Piece = (IndexKey, IndexKey);

/// Loads the index of names, and when customers were written; no process may write customers meanwhile.
pub(crate) fn load_names(path: &Path, connection: &Connection) -> Result<(HashIndex, ChangeZones), OpenError> {
    load(path, connection, PIECE)
}

fn load(path: &Path, connection: &Connection, piece: u64) -> Result<(HashIndex, ChangeZones), OpenError> {
    let pieces = pieces(connection, piece)?;
    // The names are counted first: a table that grows while it is filled leaves unused memory behind.
    let mut count = 0;
    read_pieces(path, &pieces, &count_names, |part: usize| count += part)?;
    let mut names = HashIndex::with_capacity(count);
    let mut zones = ChangeZones::default();
    let take = |batch: Vec<Name>| {
        for (hash, id, modified_at) in batch {
            names.insert_committed(hash, id);
            zones.note(id, modified_at);
        }
    };
    read_pieces(path, &pieces, &read_names, take)?;
    Ok((names, zones))
}

/// Divides the index at the keys of customers at equal distances of ids, which are distributed as all customers are.
fn pieces(connection: &Connection, piece: u64) -> Result<Vec<Piece>, rusqlite::Error> {
    let end: u64 = connection.query_row("SELECT ifnull(max(id), 0) + 1 FROM customer", [], |row| row.get(0))?;
    let count = (end / piece).clamp(1, PIECES);
    let mut select = connection.prepare("SELECT account_id, id FROM customer WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let mut keys: Vec<IndexKey> = Vec::new();
    for cut in 1..count {
        let key = select.query_row([end / count * cut], |row| Ok((row.get(0)?, row.get(1)?)));
        keys.extend(key.optional()?);
    }
    keys.extend([(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]);
    keys.sort_unstable();
    Ok(keys.windows(2).map(|ends| (ends[0], ends[1])).collect())
}

/// Reads a piece and sends the results.
type Read<T> = dyn Fn(&Connection, Piece, &mut dyn FnMut(T)) -> Result<(), rusqlite::Error> + Sync;

/// Reads all pieces in several threads, and calls `take` with each result.
fn read_pieces<T: Send>(
    path: &Path,
    pieces: &[Piece],
    read: &Read<T>,
    mut take: impl FnMut(T),
) -> Result<(), OpenError> {
    let next = &AtomicUsize::new(0);
    let threads = pieces.len().min(THREADS);
    let (sender, found) = sync_channel(threads);
    thread::scope(move |scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            // The receiver is gone once another thread has failed.
            let send = move |part| drop(sender.send(part));
            let work = move || {
                let read_all = || {
                    let connection = schema::open_for_reading(path)?;
                    while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                        read(&connection, *piece, &mut |part| send(Ok(part)))?;
                    }
                    Ok(())
                };
                if let Err(error) = read_all() {
                    next.store(pieces.len(), Ordering::Relaxed);
                    send(Err(OpenError::Sqlite(error)));
                }
            };
            thread::Builder::new().name("loader".into()).spawn_scoped(scope, work).map_err(OpenError::Thread)?;
        }
        drop(sender);
        found.into_iter().try_for_each(|part| part.map(&mut take))
    })
}

fn count_names(connection: &Connection, piece: Piece, send: &mut dyn FnMut(usize)) -> Result<(), rusqlite::Error> {
    select(connection, "count(*)", piece, |row| row.get(0), send)
}

fn read_names(connection: &Connection, piece: Piece, send: &mut dyn FnMut(Vec<Name>)) -> Result<(), rusqlite::Error> {
    let mut batch = Vec::with_capacity(BATCH);
    let name = |row: &Row<'_>| Ok((KeyedHash(row.get(0)?), row.get(1)?, row.get(2)?));
    select(connection, "name_hash, id, modified_at", piece, name, &mut |name| {
        batch.push(name);
        if batch.len() == BATCH {
            send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
        }
    })?;
    send(batch);
    Ok(())
}

/// Selects columns of each customer in a piece: one statement for each account at its ends, one for the accounts between.
fn select<T>(
    connection: &Connection,
    what: &str,
    ((first, after), (last, to)): Piece,
    read: fn(&Row<'_>) -> Result<T, rusqlite::Error>,
    take: &mut dyn FnMut(T),
) -> Result<(), rusqlite::Error> {
    let select = format!("SELECT {what} FROM customer INDEXED BY customer_of_account WHERE");
    let within = format!("{select} account_id = ?1 AND id > ?2 AND id <= ?3");
    let between = format!("{select} account_id > ?1 AND account_id < ?2");
    let mut run = |select: &str, bounds: &[&dyn ToSql]| {
        connection.prepare_cached(select)?.query_map(bounds, read)?.try_for_each(|row| row.map(&mut *take))
    };
    if first == last {
        return run(&within, params![first, after, to]);
    }
    run(&within, params![first, after, i64::MAX])?;
    run(&between, params![first, last])?;
    run(&within, params![last, i64::MIN, to])
}

/// Loads the index of all idempotent writes in the database; at most `limit` are remembered for a user.
pub(crate) fn load_idempotent_writes(
    connection: &Connection,
    hash_key: &HashKey,
    limit: usize,
) -> Result<IdempotencyIndex, rusqlite::Error> {
    let count = "SELECT count(*) FROM idempotent_write INDEXED BY idempotent_write_of_user";
    let mut index = IdempotencyIndex::with_capacity(connection.query_row(count, [], |row| row.get(0))?, limit);
    let mut select = connection.prepare("SELECT id, user_id, key FROM idempotent_write")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (number, user, hash) = idempotent_write(row, hash_key)?;
        index.insert_committed(user, hash, number);
    }
    Ok(index)
}

/// The number, the user and the hash of an idempotent write, from its id, user and key.
pub(crate) fn idempotent_write(row: &Row<'_>, hash_key: &HashKey) -> Result<(u64, UserId, KeyedHash), rusqlite::Error> {
    let user = UserId(row.get(1)?);
    Ok((row.get(0)?, user, hash_key.hash_idempotency_key(user, row.get_ref(2)?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_store::contract::TestKeys;

    /// A registry with this many customers: two of three in account 2, the others in accounts with few customers.
    fn registry(path: &Path, customers: i64) -> Connection {
        let connection = schema::open_for_writing(path, true, &TestKeys).expect("opens");
        let fill = "
            WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ?1)
            INSERT INTO customer (id, account_id, name, version, ship_to_bill_address, created_at, modified_at, sealed,
                name_hash)
            SELECT id, iif(id % 3 > 0, 2, id / 9 % 5 * 2 + 1), 'n', 1, 0, 1, 1, x'', id FROM number";
        connection.execute(fill, [customers]).expect("fills");
        connection
    }

    #[test]
    fn every_name_is_loaded_once_whatever_the_pieces() {
        let directory = tempfile::tempdir().expect("a directory");
        for customers in [1, 2, 9, 100, 1000] {
            let path = directory.path().join(format!("{customers}.db"));
            let connection = registry(&path, customers);
            for piece in [1, 2, 7, 100, 5000] {
                let (names, _) = load(&path, &connection, piece).expect("loads");
                for id in 1..=customers {
                    let found: Vec<_> = names.candidates(KeyedHash(id)).collect();
                    assert_eq!(found, [id as u64], "{customers} customers in pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn every_name_is_loaded_once_whatever_the_batches() {
        let directory = tempfile::tempdir().expect("a directory");
        let batch = BATCH as i64;
        for customers in [batch - 1, batch, batch + 1, 2 * batch, 2 * batch + 1] {
            let path = directory.path().join(format!("{customers}.db"));
            let connection = registry(&path, customers);
            let (names, _) = load(&path, &connection, PIECE).expect("loads");
            for id in 1..=customers {
                let found: Vec<_> = names.candidates(KeyedHash(id)).collect();
                assert_eq!(found, [id as u64], "{customers} customers");
            }
        }
    }

    #[test]
    fn a_registry_without_customers_has_no_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = schema::open_for_writing(&path, true, &TestKeys).expect("opens");
        let (names, _) = load(&path, &connection, PIECE).expect("loads");
        assert_eq!(names.candidates(KeyedHash(0)).count(), 0);
    }

    #[test]
    fn a_failed_read_fails_the_load() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = registry(&path, 100);
        let missing = directory.path().join("missing.db");
        assert!(load(&missing, &connection, 10).is_err());
    }
}
