//! Reading the hashes of all names when a server starts.
//!
//! They stand in `customer_of_account`, whose pages lie scattered among those of the customers: who reads one after the
//! other waits for the disk at each of them. So the index is cut into pieces, and several threads read them.

use crate::{
    error::OpenError,
    hash_index::{HashIndex, KeyedHash},
    schema,
};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use std::{
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

/// How many threads read at most.
const THREADS: usize = 8;

/// How many pieces there are at most: enough for the threads to end at about the same time.
const PIECES: u64 = 64;

/// How many customers are worth a piece of their own.
const WORTH: u64 = 20_000;

/// How many names are handed on at once.
const BATCH: usize = 4096;

/// A name by its hash, and whose it is.
type Name = (KeyedHash, u64);

/// A place in the index: an account and a customer of it.
type Place = (i64, i64);

/// What the index holds behind one place, up to and with another.
type Piece = (Place, Place);

/// Reads the names of a database that nobody writes customers to meanwhile.
pub(crate) fn load_names(path: &Path, connection: &Connection) -> Result<HashIndex, OpenError> {
    load(path, connection, WORTH)
}

fn load(path: &Path, connection: &Connection, worth: u64) -> Result<HashIndex, OpenError> {
    let pieces = pieces(connection, worth)?;
    // They are counted first: a table that grows while it is filled leaves memory behind that is of no use.
    let mut count = 0;
    in_pieces(path, &pieces, &count_names, |part: usize| count += part)?;
    let mut names = HashIndex::with_capacity(count);
    let take = |batch: Vec<Name>| batch.into_iter().for_each(|(hash, id)| names.put(hash, id));
    in_pieces(path, &pieces, &read_names, take)?;
    Ok(names)
}

/// Cuts the index at the places of some customers, which lie in it as all of them do.
fn pieces(connection: &Connection, worth: u64) -> Result<Vec<Piece>, rusqlite::Error> {
    let end: u64 = connection.query_row("SELECT ifnull(max(id), 0) + 1 FROM customer", [], |row| row.get(0))?;
    let count = (end / worth).clamp(1, PIECES);
    let mut select = connection.prepare("SELECT account_id, id FROM customer WHERE id >= ?1 ORDER BY id LIMIT 1")?;
    let mut places: Vec<Place> = Vec::new();
    for cut in 1..count {
        let place = select.query_row([end / count * cut], |row| Ok((row.get(0)?, row.get(1)?)));
        places.extend(place.optional()?);
    }
    places.extend([(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]);
    places.sort_unstable();
    Ok(places.windows(2).map(|ends| (ends[0], ends[1])).collect())
}

/// What reads a piece, and sends on what it finds.
type Read<T> = dyn Fn(&Connection, Piece, &mut dyn FnMut(T)) -> Result<(), rusqlite::Error> + Sync;

/// Reads all pieces by several threads, and takes what they find.
fn in_pieces<T: Send>(path: &Path, pieces: &[Piece], read: &Read<T>, mut take: impl FnMut(T)) -> Result<(), OpenError> {
    let next = &AtomicUsize::new(0);
    let threads = pieces.len().min(THREADS);
    let (sender, found) = sync_channel(threads);
    thread::scope(move |scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            // Nobody takes anything any more once another thread has failed.
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
    let name = |row: &Row<'_>| Ok((KeyedHash(row.get(0)?), row.get(1)?));
    select(connection, "name_hash, id", piece, name, &mut |name| {
        batch.push(name);
        if batch.len() == BATCH {
            send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
        }
    })?;
    send(batch);
    Ok(())
}

/// Selects something of each customer in a piece, in a statement for each account that it cuts and one for those between.
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

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_store::contract::KeylessChain;

    /// As many customers as said, two of three in account 2, the others in accounts of which each has a few.
    fn registry(path: &Path, customers: i64) -> Connection {
        let connection = schema::open_for_writing(path, true, &KeylessChain).expect("opens");
        let fill = "
            WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ?1)
            INSERT INTO customer (id, account_id, name, version, ship_to_bill_address, created_at, modified_at, sealed,
                name_hash)
            SELECT id, iif(id % 3 > 0, 2, id / 9 % 5 * 2 + 1), 'n', 1, 0, 1, 1, x'', id FROM number";
        connection.execute(fill, [customers]).expect("fills");
        connection
    }

    #[test]
    fn every_name_is_read_once_however_the_index_is_cut() {
        let directory = tempfile::tempdir().expect("a directory");
        for customers in [1, 2, 9, 100, 1000] {
            let path = directory.path().join(format!("{customers}.db"));
            let connection = registry(&path, customers);
            for worth in [1, 2, 7, 100, 5000] {
                let names = load(&path, &connection, worth).expect("loads");
                for id in 1..=customers {
                    let found: Vec<_> = names.candidates(KeyedHash(id)).collect();
                    assert_eq!(found, [id as u64], "of {customers}, each {worth} a piece");
                }
            }
        }
    }

    #[test]
    fn a_registry_without_customers_has_no_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = schema::open_for_writing(&path, true, &KeylessChain).expect("opens");
        let names = load(&path, &connection, WORTH).expect("loads");
        assert_eq!(names.candidates(KeyedHash(0)).count(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("carnelian.db");
        let connection = registry(&path, 100);
        let missing = directory.path().join("missing.db");
        assert!(load(&missing, &connection, 10).is_err());
    }
}
