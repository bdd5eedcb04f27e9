//! Commands beside two servers through which customers are created.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use blackbox::{CUSTOMERS, TestDir, sample, wait};
use test_postgres::run_sql;

use super::Pair;
use crate::cli::backup::{back_up, restore};

/// Two clients, one of each server, that create customers in the account `Acme` until the load is over.
struct Load<'a> {
    pair: &'a Pair,
    /// The ids that each server has acknowledged.
    acknowledged: [Mutex<BTreeSet<u64>>; 2],
    is_over: AtomicBool,
}

/// Ends the load when it is dropped, so that a test that panics does not wait for the clients.
struct EndOfLoad<'a>(&'a AtomicBool);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load<'_> {
    /// Does some work under load, and asserts that everything acknowledged is stored.
    fn during(pair: &Pair, work: impl FnOnce(&Load<'_>)) {
        let load = Load { pair, acknowledged: Default::default(), is_over: AtomicBool::new(false) };
        thread::scope(|scope| {
            let _end = EndOfLoad(&load.is_over);
            for server in 0..2 {
                let load = &load;
                scope.spawn(move || load.create(server));
            }
            load.must_continue();
            work(&load);
            load.must_continue();
        });
        let stored = stored(&pair.test_dir.database());
        assert!(stored.is_superset(&load.acknowledged()), "what was acknowledged is stored");
        pair.test_dir.cli(&["audit", "verify"]).done();
    }

    fn create(&self, server: usize) {
        let client = self.pair.servers[server].client_of(&self.pair.ada);
        let mut number = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let id = client.create(&sample::full(&format!("Live {server}-{number}"), "Acme")).customer_id();
            self.acknowledged[server].lock().expect("no client panics with the lock").insert(id);
            number += 1;
        }
    }

    /// What both servers have acknowledged so far.
    fn acknowledged(&self) -> BTreeSet<u64> {
        self.acknowledged.each_ref().iter().flat_map(|ids| ids.lock().expect("no panic").clone()).collect()
    }

    /// Waits until each server has acknowledged something new.
    fn must_continue(&self) {
        let counts = || self.acknowledged.each_ref().map(|ids| ids.lock().expect("no panic").len());
        let before = counts();
        wait::until("both servers continue", wait::PATIENCE, || {
            counts().iter().zip(before).all(|(now, before)| *now > before).then_some(())
        });
    }

    /// Waits until the receipt of an erasure is there.
    fn receipt(&self, erasure: &str) -> serde_json::Value {
        wait::until("there is a receipt", wait::PATIENCE, || {
            let outcome = self.pair.test_dir.cli(&["account", "receipt", erasure]);
            (outcome.code == 0).then(|| outcome.json())
        })
    }
}

/// The ids of the customers in a database.
fn stored(url: &str) -> BTreeSet<u64> {
    run_sql(url, "SELECT id FROM customer").lines().map(|id| id.parse().expect("an id")).collect()
}

/// A file of customers of an account.
fn write_customers(test_dir: &TestDir, file: &str, account: &str, count: usize) {
    let row = |number| format!("{}\n", sample::full(&format!("Row {number}"), account));
    test_dir.write(file, &(0..count).map(row).collect::<String>());
}

#[test]
fn an_import_and_an_export_run_beside_servers_that_write() {
    let pair = Pair::start();
    let (test_dir, url) = (&pair.test_dir, pair.test_dir.database());
    write_customers(test_dir, "rows.jsonl", "Acme", 3000);
    Load::during(&pair, |load| {
        test_dir.cli(&["customer", "import", "rows.jsonl"]).done();
        assert_eq!(run_sql(&url, "SELECT count(*) FROM customer WHERE name LIKE 'Row %'"), "3000");
        load.must_continue();
        let before = load.acknowledged().len();
        let exported = test_dir.cli(&["customer", "export", "--format", "jsonl"]).done();
        let live = exported.lines().filter(|line| line.contains("\"Live ")).count();
        assert_eq!(exported.lines().count() - live, 3000);
        assert!(live >= before, "{live} of {before} that were acknowledged before");
    });
}

#[test]
fn a_backup_beside_servers_that_write_has_everything_acknowledged_before() {
    let pair = Pair::start();
    Load::during(&pair, |load| {
        let before = load.acknowledged();
        let file = back_up(&pair.test_dir, "backup");
        load.must_continue();
        let restored = pair.test_dir.beside_at(&test_postgres::new_database());
        restore(&restored, &file, &[]).done();
        restored.cli(&["audit", "verify"]).done();
        let restored = stored(&restored.database());
        assert!(restored.is_superset(&before), "{} of {}", restored.len(), before.len());
    });
}

#[test]
fn erasures_and_administration_run_beside_servers_that_write() {
    let pair = Pair::start();
    let test_dir = &pair.test_dir;
    test_dir.account("Gone");
    write_customers(test_dir, "gone.jsonl", "Gone", 1000);
    test_dir.cli(&["customer", "import", "gone.jsonl"]).done();
    test_dir.cli(&["account", "erasure-grace", "0"]).done();
    Load::during(&pair, |load| {
        let erasure = test_dir.cli(&["account", "request-erasure", "--yes", "Gone"]).line();
        for number in 0..5 {
            let account = format!("Account {number}");
            test_dir.account(&account);
            let login = test_dir.user(&format!("user-{number}"), &account, &[]);
            for server in &pair.servers {
                let client = server.client_of(&login);
                wait::until("the new user can sign in", wait::NOTICE, || {
                    (client.get(CUSTOMERS).status == 200).then_some(())
                });
            }
            load.must_continue();
        }
        let receipt = load.receipt(&erasure);
        assert_eq!((&receipt["customers"], &receipt["filesOverwrittenAt"]), (&1000.into(), &serde_json::Value::Null));
    });
    assert_eq!(run_sql(&test_dir.database(), "SELECT count(*) FROM customer WHERE name LIKE 'Row %'"), "0");
}
