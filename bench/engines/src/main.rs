//! What an embedded engine takes to keep a customer, and to find one: SQLite, as the registry uses it, and fjall.
//!
//! One thread commits groups of customers, each with an entry of the audit log and an entry of the index of its account,
//! and syncs every group before the next. There is no network, sealing or table of names: only what engines differ in.
//!
//! `engines sqlite|fjall GROUP COUNT DIRECTORY`; the directory must be on the disk that is meant.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rusqlite::{Connection, params};
use std::{error::Error, fs, ops::Range, path::Path, time::Instant};

/// The bytes of a sealed customer.
const SEALED: usize = 330;

/// The bytes of an entry of the audit log.
const ENTRY: usize = 170;

/// The link of an entry of the audit log.
const LINK: [u8; 32] = [7; 32];

/// How many customers are looked up.
const READS: u64 = 300_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a registry asks of its engine.
trait Engine {
    /// Keeps a group of customers, and returns when it is on stable storage.
    fn commit(&mut self, ids: Range<u64>) -> Outcome<()>;

    /// Finds a customer; the length of what was sealed, or more.
    fn find(&mut self, id: u64) -> Outcome<usize>;
}

struct Sqlite {
    connection: Connection,
    reader: Connection,
    log: fs::File,
}

impl Sqlite {
    fn open(directory: &Path) -> Outcome<Sqlite> {
        let path = directory.join("engine.db");
        let connection = Connection::open(&path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4096;
             PRAGMA secure_delete = on; PRAGMA wal_autocheckpoint = 8000;
             CREATE TABLE customer (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, name TEXT NOT NULL,
                 unique_name TEXT, version INTEGER NOT NULL, ship INTEGER NOT NULL, created_at INTEGER NOT NULL,
                 modified_at INTEGER NOT NULL, sealed BLOB NOT NULL, name_hash INTEGER NOT NULL) STRICT;
             CREATE INDEX customer_of_account ON customer (account_id, id, modified_at, name_hash);
             CREATE TABLE audit (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, entry TEXT NOT NULL,
                 link BLOB NOT NULL) STRICT;",
        )?;
        let log = fs::File::open(directory.join("engine.db-wal"))?;
        let reader = Connection::open(&path)?;
        reader.execute_batch("PRAGMA cache_size = -512; PRAGMA query_only = on")?;
        Ok(Sqlite { connection, reader, log })
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, ids: Range<u64>) -> Outcome<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for id in ids {
            let insert = "INSERT OR IGNORE INTO customer VALUES (?1, 1, ?2, NULL, 1, 0, ?3, ?3, ?4, ?5)";
            let values = params![
                id as i64,
                format!("Customer {}", scrambled(id)),
                id as i64,
                text(id, SEALED),
                scrambled(id) as i64
            ];
            self.connection.prepare_cached(insert)?.execute(values)?;
            let insert = "INSERT INTO audit VALUES (?1, ?1, ?2, ?3)";
            let entry = String::from_utf8(text(id, ENTRY))?;
            self.connection.prepare_cached(insert)?.execute(params![id as i64, entry, LINK])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(self.log.sync_data()?)
    }

    fn find(&mut self, id: u64) -> Outcome<usize> {
        let select = "SELECT name, sealed, version, modified_at FROM customer WHERE id = ?1";
        let mut select = self.reader.prepare_cached(select)?;
        Ok(select.query_row([id as i64], |row| Ok(row.get_ref(1)?.as_blob()?.len()))?)
    }
}

struct Fjall {
    database: Database,
    customers: Keyspace,
    of_account: Keyspace,
    audit: Keyspace,
}

impl Fjall {
    fn open(directory: &Path) -> Outcome<Fjall> {
        let database = Database::builder(directory.join("engine")).open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let (customers, of_account, audit) = (keyspace("customers")?, keyspace("of_account")?, keyspace("audit")?);
        Ok(Fjall { database, customers, of_account, audit })
    }
}

impl Engine for Fjall {
    fn commit(&mut self, ids: Range<u64>) -> Outcome<()> {
        let mut batch = self.database.batch();
        for id in ids {
            let mut row = format!("Customer {}", scrambled(id)).into_bytes();
            row.extend(id.to_be_bytes());
            row.extend(id.to_be_bytes());
            row.extend(scrambled(id).to_be_bytes());
            row.extend(text(id, SEALED));
            batch.insert(&self.customers, id.to_be_bytes(), row);
            let mut key = 1u64.to_be_bytes().to_vec();
            key.extend(id.to_be_bytes());
            let mut value = id.to_be_bytes().to_vec();
            value.extend(scrambled(id).to_be_bytes());
            batch.insert(&self.of_account, key, value);
            let mut entry = text(id, ENTRY);
            entry.extend(LINK);
            batch.insert(&self.audit, id.to_be_bytes(), entry);
        }
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn find(&mut self, id: u64) -> Outcome<usize> {
        Ok(self.customers.get(id.to_be_bytes())?.map_or(0, |row| row.len()))
    }
}

/// Another number for each, in no order.
fn scrambled(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1
}

/// Hexadecimal digits that no engine can compress much.
fn text(id: u64, length: usize) -> Vec<u8> {
    let mut state = id;
    let mut text = Vec::with_capacity(length + 16);
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        text.extend((0..16).map(|at| b"0123456789abcdef"[(mixed >> (4 * at)) as usize & 15]));
    }
    text.truncate(length);
    text
}

/// The processor time of this process so far, in hundredths of a second at best.
fn processor_us() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after = stat.rsplit(')').next().unwrap_or_default().to_owned();
    after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 1e4
}

fn resident_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system reports it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") / 1000
}

/// The bytes of all files below a directory.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { size(&path) } else { path.metadata().map_or(0, |file| file.len()) }).sum()
}

fn open(name: &str, directory: &Path) -> Outcome<Box<dyn Engine>> {
    match name {
        "sqlite" => Ok(Box::new(Sqlite::open(directory)?)),
        "fjall" => Ok(Box::new(Fjall::open(directory)?)),
        _ => Err("there are two engines: sqlite and fjall".into()),
    }
}

/// Creates at least so many customers in groups; how many there are.
fn create(engine: &mut dyn Engine, group: u64, count: u64, directory: &Path) -> Outcome<u64> {
    let (began, before) = (Instant::now(), processor_us());
    let mut times = Vec::new();
    for first in (1..=count).step_by(group as usize) {
        let began = Instant::now();
        engine.commit(first..first + group)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let created = times.len() as u64 * group;
    let rate = created as f64 / began.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    println!(
        "groups of {group}: {rate:.0} creates a second, {:.2} us of processor each; a group in {:.2} ms, 99.9 of 100 in \
         {:.1} ms; {} MB resident, {} bytes on disk for each",
        (processor_us() - before) / created as f64,
        times[times.len() / 2],
        times[times.len() * 999 / 1000],
        resident_mb(),
        size(directory) / created,
    );
    Ok(created)
}

fn read(engine: &mut dyn Engine, customers: u64) -> Outcome<()> {
    let (began, before) = (Instant::now(), processor_us());
    for read in 0..READS {
        assert!(engine.find(scrambled(read) % customers + 1)? >= SEALED, "a customer is not found");
    }
    let rate = READS as f64 / began.elapsed().as_secs_f64();
    let each = (processor_us() - before) / READS as f64;
    println!("{rate:.0} reads a second, {each:.2} us of processor each; {} MB resident", resident_mb());
    Ok(())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, group, count, at] = &arguments[..] else { return Err("sqlite|fjall GROUP COUNT DIRECTORY".into()) };
    let directory = tempfile::TempDir::with_prefix_in("engines-", at)?;
    let mut engine = open(name, directory.path())?;
    let customers = create(engine.as_mut(), group.parse()?, count.parse()?, directory.path())?;
    read(engine.as_mut(), customers)
}
