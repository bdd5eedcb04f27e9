//! Compares what is stored with the model.

mod database;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use blackbox::sample;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::model::{Customer, Model, name};

/// A customer's row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The id.
    pub id: u64,
    /// The account.
    pub account: u64,
    /// The name as it is shown.
    pub name: String,
    /// The name as it is compared.
    pub unique_name: String,
}

/// What the files of a registry hold.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The customers.
    pub rows: Vec<Row>,
    /// The audit log.
    pub log: Log,
    /// What SQLite's integrity check reports.
    pub damage: Vec<String>,
}

/// The customers according to the audit log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The numbers of its entries, in their order.
    pub sequences: Vec<u64>,
    /// How many entries there are according to the registry's own count.
    pub noted: u64,
    /// The customers that were created and not erased, and the account of each.
    pub customers: Vec<(u64, u64)>,
    /// The accounts that are erased, or of which some customers may be.
    pub erased: HashSet<u64>,
    /// The ids of the requests that made the changes.
    pub requests: HashSet<String>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// It was acknowledged and is not stored.
    Lost(String),
    /// It was refused or erased, and is stored.
    Resurrected(String),
    /// It is stored, and no client has sent it.
    Invented(String),
    /// Two customers of an account have this name.
    DuplicateName(String),
    /// Two customers were given this id.
    ReusedId(u64),
    /// A read returns something else than what was sent.
    Altered(u64, String),
    /// The audit log does not fit the customers.
    AuditLog(String),
    /// The database is damaged.
    Damaged(String),
}

impl Stored {
    /// Reads the registry in `data`.
    pub fn read(data: &Path) -> Result<Self, rusqlite::Error> {
        Self::read_from(&open_copy(data)?.0)
    }

    fn read_from(database: &Connection) -> Result<Self, rusqlite::Error> {
        let mut check = database.prepare("PRAGMA integrity_check")?;
        let lines: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let damage = lines.into_iter().filter(|line| line != "ok").collect();
        let made = database
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'customer'", [], |row| row.get::<_, bool>(0))?;
        if !made {
            return Ok(Self { damage, ..Self::default() });
        }
        let mut select = database.prepare("SELECT id, account_id, name, ifnull(unique_name, name) FROM customer")?;
        let rows = select.query_map([], |row| {
            let (id, account): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(Row { id: id as u64, account: account as u64, name: row.get(2)?, unique_name: row.get(3)? })
        })?;
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Self { rows, log: Log::read_from(database)?, damage })
    }
}

/// Opens a copy of the registry in `data`, so that the files stay unchanged; dropping the directory removes the copy.
pub fn open_copy(data: &Path) -> Result<(Connection, TempDir), rusqlite::Error> {
    let copy = tempfile::tempdir_in(data.parent().unwrap_or(data)).expect("a directory can be made");
    for name in ["carnelian.db", "carnelian.db-wal", "carnelian.db-journal"] {
        if data.join(name).exists() {
            fs::copy(data.join(name), copy.path().join(name)).expect("a file can be copied");
        }
    }
    Ok((Connection::open(copy.path().join("carnelian.db"))?, copy))
}

impl Log {
    fn read_from(database: &Connection) -> Result<Self, rusqlite::Error> {
        let noted = database.query_row("SELECT audit_sequence FROM registry", [], |row| row.get::<_, i64>(0))?;
        let mut log = Self { noted: noted as u64, ..Self::default() };
        let mut erased = database.prepare("SELECT account_id FROM erasure WHERE state IN (1, 2, 3)")?;
        let erased = erased.query_map([], |row| row.get::<_, i64>(0).map(|id| id as u64))?;
        log.erased = erased.collect::<Result<_, _>>()?;
        let mut select = database.prepare(
            "SELECT sequence, entry ->> 'action', cast(substr(entry ->> 'object', 10) AS INTEGER),
                ifnull(entry ->> 'accountId', 0), entry ->> 'requestId'
            FROM audit ORDER BY sequence",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let number = |column| row.get::<_, i64>(column).map(|number| number as u64);
            log.add(number(0)?, &row.get::<_, String>(1)?, number(2)?, number(3)?);
            log.requests.extend(row.get::<_, Option<String>>(4)?);
        }
        Ok(log)
    }

    /// Adds an entry; `id` is the customer that it is about, if it is about one.
    fn add(&mut self, sequence: u64, action: &str, id: u64, account: u64) {
        self.sequences.push(sequence);
        let known = self.customers.iter().position(|(known, _)| *known == id);
        match (action, known) {
            ("create_customer", _) => self.customers.push((id, account)),
            ("edit_customer", Some(known)) => self.customers[known].1 = account,
            ("erase_customer", Some(known)) => drop(self.customers.remove(known)),
            _ => {}
        }
    }

    /// Where it disagrees with the customers that are stored.
    fn check(&self, customers: &HashSet<u64>) -> Vec<Violation> {
        let logged: HashMap<u64, u64> = self.customers.iter().copied().collect();
        let missing = customers.iter().filter(|id| !logged.contains_key(id));
        let mut faults: Vec<_> = missing.map(|id| format!("no entry creates {id}")).collect();
        let gone = logged.iter().filter(|(id, account)| !customers.contains(id) && !self.erased.contains(account));
        faults.extend(gone.map(|(id, _)| format!("{id} was created and not erased, and is not stored")));
        if logged.len() != self.customers.len() {
            faults.push("two entries create the same customer".to_owned());
        }
        if !self.sequences.iter().copied().eq(1..=self.noted) {
            faults.push(format!("{} entries, {} noted", self.sequences.len(), self.noted));
        }
        faults.into_iter().map(Violation::AuditLog).collect()
    }
}

/// A read of a customer: the customer, `None` if the read was skipped, or the error.
pub type Reading = Result<Option<Value>, String>;

/// Every violation in what is stored; `read` reads a customer from the server.
pub fn check(model: &Model, stored: &Stored, mut read: impl FnMut(u64) -> Reading) -> Vec<Violation> {
    let mut violations = check_rows(stored);
    let mut customers = Customers::of(model);
    violations.append(&mut customers.reused);
    let refused: HashSet<&str> = model.refused.iter().map(String::as_str).collect();
    for row in &stored.rows {
        match customers.take(row) {
            Some(customer) => violations.extend(check_content(customer, row.id, &mut read)),
            None if refused.contains(row.name.as_str()) || model.erased.contains(&row.id) => {
                violations.push(Violation::Resurrected(row.name.clone()))
            }
            None => violations.push(Violation::Invented(format!("{} {}", row.id, row.name))),
        }
    }
    let lost = |customer: &Customer| Violation::Lost(format!("{:?} {}", customer.id, name(&customer.contents[0])));
    violations.extend(customers.left().filter(|customer| customer.certain).map(lost));
    violations
}

/// Every violation that the rows show without the model.
pub fn check_rows(stored: &Stored) -> Vec<Violation> {
    let mut violations: Vec<_> = stored.damage.iter().cloned().map(Violation::Damaged).collect();
    let mut names = HashSet::new();
    for row in &stored.rows {
        if !names.insert((row.account, &row.unique_name)) {
            violations.push(Violation::DuplicateName(row.name.clone()));
        }
    }
    violations.extend(stored.log.check(&stored.rows.iter().map(|row| row.id).collect()));
    violations
}

fn check_content(customer: &Customer, id: u64, read: impl FnOnce(u64) -> Reading) -> Option<Violation> {
    let shown = match read(id) {
        Ok(shown) => shown?,
        Err(why) => return Some(Violation::Altered(id, why)),
    };
    let fits = customer.contents.iter().any(|content| {
        let mut expected = sample::shown(content);
        expected["customerId"] = json!(id);
        expected == shown
    });
    (!fits).then(|| Violation::Altered(id, shown.to_string()))
}

/// The customers of a model by id and name.
struct Customers<'a> {
    by_id: HashMap<u64, &'a Customer>,
    by_name: HashMap<&'a str, &'a Customer>,
    reused: Vec<Violation>,
}

impl<'a> Customers<'a> {
    fn of(model: &'a Model) -> Self {
        let mut customers = Self { by_id: HashMap::new(), by_name: HashMap::new(), reused: Vec::new() };
        for customer in &model.customers {
            match customer.id {
                Some(id) if customers.by_id.insert(id, customer).is_some() => {
                    customers.reused.push(Violation::ReusedId(id));
                }
                Some(_) => {}
                None => {
                    customers.by_name.insert(name(&customer.contents[0]), customer);
                }
            }
        }
        customers
    }

    fn take(&mut self, row: &Row) -> Option<&'a Customer> {
        self.by_id.remove(&row.id).or_else(|| self.by_name.remove(row.name.as_str()))
    }

    fn left(&self) -> impl Iterator<Item = &'a Customer> {
        self.by_id.values().chain(self.by_name.values()).copied()
    }
}

#[cfg(test)]
mod tests;
