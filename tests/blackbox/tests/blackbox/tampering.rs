//! Writing to the database without the master key grants no rights and is reported.

use std::fs;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Login, Server, TestDir, sample, wait};
use rusqlite::{Connection as Database, types::Value as Cell};

use crate::tenant_fixture::TenantFixture;

/// The tables that say who may do what.
const TABLES: [&str; 5] = ["account", "account_group", "group_account", "registry_user", "api_key"];

/// The columns that grant no rights, each with the reason.
const HARMLESS: [(&str, &str, &str); 5] = [
    ("account", "wrapped_key", "a data key opens for its own account only, and its loss concerns that account"),
    ("account", "created_at", "only shown"),
    ("registry_user", "created_at", "only shown"),
    ("api_key", "id", "the order of the keys, which is sealed, and not the number"),
    ("api_key", "last_used_at", "only shown, and noted without a change of the directory"),
];

/// What the log and the commands say.
const ALTERED: &str = "accounts, groups, users or keys were altered outside of Carnelian";

fn database(test_dir: &TestDir) -> Database {
    let database = Database::open(test_dir.data().join("carnelian.db")).expect("there is a database");
    database.busy_timeout(wait::PROCESS).expect("is set");
    database.execute_batch("PRAGMA foreign_keys = OFF").expect("is set");
    database
}

/// Every column of the tables, from the schema.
fn columns(database: &Database) -> Vec<(String, String)> {
    let select = "SELECT name FROM pragma_table_info(?1)";
    let of = |table: &&str| {
        let mut select = database.prepare(select).expect("prepares");
        let names = select.query_map([table], |row| row.get(0)).expect("runs").collect::<Result<Vec<String>, _>>();
        names.expect("are read").into_iter().map(|name| (table.to_string(), name)).collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(of).collect()
}

/// Another value of the same kind: whatever the schema allows.
fn others(table: &str, column: &str, value: &Cell) -> Vec<Cell> {
    match (table, column, value) {
        (_, "role", _) => vec!["OPERATOR".to_owned().into(), "ACCOUNTADMIN".to_owned().into()],
        (_, "allowed", _) => vec![Cell::Null, "0.0.0.0/0".to_owned().into()],
        (_, "state" | "enabled" | "kind", Cell::Integer(value)) => vec![(1 - value.min(&1)).into()],
        (_, _, Cell::Integer(value)) => vec![(value + 1).into(), (value - 1).into(), 1000.into()],
        (_, _, Cell::Text(text)) => vec![format!("{text}x").into()],
        (_, _, Cell::Blob(bytes)) => vec![bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>().into()],
        (_, "expires_at" | "revoked_at", Cell::Null) => vec![Cell::Integer(1)],
        (_, "group_id", Cell::Null) => vec![Cell::Integer(1)],
        _ => vec!["x".to_owned().into()],
    }
}

/// Counts the directory's version up, as the program does with each change.
fn count_up(database: &Database) {
    database.execute("UPDATE registry SET directory_version = directory_version + 1", []).expect("runs");
}

/// Waits until the server has noticed that the directory was altered: every sign-in fails, and the cause is reported.
#[track_caller]
fn is_told(server: &Server, logins: &[&Login], what: &str) {
    wait::until(&format!("{what} is noticed"), wait::NOTICE, || {
        (server.client().get("/health/ready").status == 503).then_some(())
    });
    for login in logins {
        let client = server.client_of(login);
        client.get(CUSTOMERS).must_be(&UNAVAILABLE, what);
        client.get("/admin/v1/users").must_be(&UNAVAILABLE, what);
    }
    wait::until(&format!("{what} is logged"), wait::NOTICE, || server.log().contains(ALTERED).then_some(()));
}

/// Two sets of files: one that changes between tests, and a copy of how it was.
struct Copies<'a> {
    test_dir: &'a TestDir,
    whole: Vec<u8>,
}

impl Copies<'_> {
    fn new(test_dir: &TestDir) -> Copies<'_> {
        Copies { test_dir, whole: fs::read(test_dir.data().join("carnelian.db")).expect("is there") }
    }

    fn put_back(&self) {
        fs::write(self.test_dir.data().join("carnelian.db"), &self.whole).expect("can be written");
    }
}

#[test]
fn no_column_of_the_directory_can_be_altered_in_a_stopped_registry() {
    let tenants = TenantFixture::start();
    let TenantFixture { server, test_dir, ada, .. } = tenants;
    // A registry in which each kind of row has each kind of value.
    test_dir.key("ada", &["--allow", "10.0.0.0/8", "--label", "bound", "--expires", "30d"]);
    let revoked = test_dir.cli(&["key", "issue", "ada"]).line();
    test_dir.cli(&["key", "revoke", &revoked[5..21]]).done();
    test_dir.cli(&["user", "disable", "rita"]).done();
    server.stop();
    let copies = Copies::new(&test_dir);
    let mut altered = 0;
    for (table, column) in columns(&database(&test_dir)) {
        let harmless = HARMLESS.iter().any(|(of, name, _)| (*of, *name) == (table.as_str(), column.as_str()));
        copies.put_back();
        let rows = {
            let database = database(&test_dir);
            let mut select = database.prepare(&format!("SELECT DISTINCT {column} FROM {table}")).expect("prepares");
            let values =
                select.query_map([], |row| row.get::<_, Cell>(0)).expect("runs").collect::<Result<Vec<_>, _>>();
            values.expect("are read")
        };
        for value in rows {
            for other in others(&table, &column, &value) {
                copies.put_back();
                {
                    let database = database(&test_dir);
                    let update = format!("UPDATE OR IGNORE {table} SET {column} = ?1 WHERE {column} IS ?2");
                    let changed = database.execute(&update, (&other, &value));
                    if !matches!(changed, Ok(rows) if rows > 0) || other == value {
                        continue;
                    }
                }
                altered += 1;
                let verified = test_dir.cli(&["directory", "verify"]);
                let what = format!("{table}.{column}: {value:?} -> {other:?}");
                assert!(harmless || (verified.code == 1 && verified.stderr.contains(ALTERED)), "{what}: {verified:?}");
            }
        }
    }
    assert!(altered > 30, "only {altered} alterations were tried");
    copies.put_back();
    let server = test_dir.serve();
    server.client_of(&ada).get(CUSTOMERS).must_succeed("nothing is altered any more");
}

#[test]
fn an_altered_registry_is_not_served_administered_or_backed_up_until_it_is_sealed_again() {
    let TenantFixture { server, test_dir, opal, solo, .. } = TenantFixture::start();
    server.stop();
    let promote = "UPDATE registry_user SET role = 'OPERATOR' WHERE name = 'solo'";
    database(&test_dir).execute(promote, []).expect("runs");
    let backup = test_dir.root().join("backup");
    let backup = backup.to_str().expect("a plain path");
    let why = test_dir.launch().run().fails(1);
    assert!(why.contains(ALTERED) && why.contains("carnelian directory reseal"), "{why}");
    for command in [
        &["user", "list"][..],
        &["user", "enable", "solo"],
        &["account", "create", "New"],
        &["key", "issue", "solo"],
        &["customer", "export", "--format", "jsonl"],
        &["backup", backup],
        &["directory", "verify"],
    ] {
        let why = test_dir.cli(command).fails(1);
        assert!(why.contains(ALTERED), "{command:?}: {why}");
    }
    test_dir.cli(&["audit", "verify"]).done();
    let shown = test_dir.cli(&["directory", "reseal"]).done();
    assert!(shown.lines().any(|line| line.contains("solo") && line.contains("OPERATOR")), "{shown}");
    test_dir.cli(&["directory", "verify"]).fails(1);

    test_dir.cli(&["directory", "reseal", "--yes", "--reason", "ticket 9"]).done();
    test_dir.cli(&["directory", "verify"]).done();
    let audit = test_dir.cli(&["audit", "list", "--last", "--limit", "1"]).done();
    assert!(audit.contains("reseal_directory") && audit.contains("ticket 9"), "{audit}");
    let server = test_dir.serve();
    for operator in [&opal, &solo] {
        server.client_of(operator).get("/admin/v1/users").must_succeed("accepted");
    }
}

#[test]
fn what_is_altered_under_a_server_gives_nobody_rights_and_is_told_until_it_is_put_right() {
    let tenants = TenantFixture::start();
    let TenantFixture { server, test_dir, ada, solo, rita, opal, .. } = &tenants;
    let create = |login: &Login, name: &str| server.client_of(login).create(&sample::minimal(name, "Acme"));
    let alterations = [
        ("UPDATE registry_user SET role = 'OPERATOR' WHERE name = 'solo'", "a role"),
        ("UPDATE registry_user SET group_id = 1 WHERE name = 'solo'", "a group"),
        ("INSERT INTO group_account SELECT 1, id FROM account WHERE name = 'Rival'", "a membership"),
        ("UPDATE api_key SET user_id = (SELECT id FROM registry_user WHERE name = 'opal')", "the owner of a key"),
        ("UPDATE account SET state = 0 WHERE name = 'Leaving'", "the state of an account"),
        ("DELETE FROM api_key WHERE user_id = (SELECT id FROM registry_user WHERE name = 'rita')", "a key is deleted"),
        (
            "INSERT INTO api_key (key_id, user_id, digest, kind, created_at)
                SELECT 'copied0000000000', (SELECT id FROM registry_user WHERE name = 'opal'), CAST(digest || x'00' AS BLOB), 1, 1
                FROM api_key LIMIT 1",
            "a copied key",
        ),
        ("UPDATE registry_user SET role = 'GOD' WHERE name = 'solo'", "a role that there is not"),
        ("UPDATE registry SET directory_seal = x''", "no seal"),
        ("UPDATE registry SET directory_version = directory_version + 5", "another version"),
    ];
    let mut database = database(test_dir);
    for (number, (alteration, what)) in alterations.into_iter().enumerate() {
        let dump = test_dir.root().join(format!("before-{number}.db"));
        database.execute("VACUUM INTO ?1", [dump.to_str().expect("a plain path")]).expect("is copied");
        let transaction = database.transaction().expect("begins");
        let changed = transaction.execute(alteration, []).expect(what);
        assert!(changed > 0, "{what}");
        count_up(&transaction);
        transaction.commit().expect("is committed");
        is_told(server, &[ada, solo, rita, opal], what);
        create(ada, &format!("During {number}")).must_be(&UNAVAILABLE, what);
        // As before: requests are served again, with the same rights.
        put_back(&mut database, &dump);
        wait::until("the directory is whole again", wait::NOTICE, || {
            (server.client().get("/health/ready").status == 200).then_some(())
        });
        create(ada, &format!("After {number}")).must_succeed("as before");
        create(rita, "No").must_be(&ROLE_NOT_ALLOWED, "a reader stays one");
        server.client_of(solo).get("/admin/v1/users").must_be(&ROLE_NOT_ALLOWED, "no operator");
    }
}

/// Puts the directory and its seal back as they are in a copy.
fn put_back(database: &mut Database, copy: &std::path::Path) {
    let copy = copy.to_str().expect("a plain path");
    database.execute("ATTACH ?1 AS copy", [copy]).expect("is attached");
    let transaction = database.transaction().expect("begins");
    for table in TABLES {
        let replace = format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM copy.{table}");
        transaction.execute_batch(&replace).expect("is put back");
    }
    let registry = "UPDATE registry SET (directory_version, directory_seal) =
        (SELECT directory_version, directory_seal FROM copy.registry)";
    transaction.execute(registry, []).expect("is put back");
    transaction.commit().expect("is committed");
    database.execute("DETACH copy", []).expect("is detached");
}

#[test]
fn an_older_directory_that_is_put_back_with_its_seal_under_a_server_gives_nobody_rights() {
    let TenantFixture { server, test_dir, opal, solo, .. } = TenantFixture::start();
    let mut database = database(&test_dir);
    let copy = test_dir.root().join("older.db");
    database.execute("VACUUM INTO ?1", [copy.to_str().expect("a plain path")]).expect("is copied");
    test_dir.cli(&["user", "disable", "solo"]).done();
    wait::until("the user is disabled", wait::NOTICE, || {
        server.client_of(&solo).get(CUSTOMERS).is(&INVALID_CREDENTIALS).then_some(())
    });
    put_back(&mut database, &copy);
    wait::until("it is noticed", wait::NOTICE, || (server.client().get("/health/ready").status == 503).then_some(()));
    for login in [&solo, &opal] {
        server.client_of(login).get(CUSTOMERS).must_be(&UNAVAILABLE, "an older directory");
    }
    let put_back = "an older state of accounts, groups, users and keys was put back";
    wait::until("it is logged", wait::NOTICE, || server.log().contains(put_back).then_some(()));
}

#[test]
fn a_row_that_is_put_back_to_an_older_state_does_not_verify() {
    let TenantFixture { server, test_dir, solo, .. } = TenantFixture::start();
    let row = |database: &Database| {
        let select = "SELECT group_id, role, enabled FROM registry_user WHERE name = 'solo'";
        database.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("is read")
    };
    let database = database(&test_dir);
    let before: (Option<i64>, String, i64) = row(&database);
    test_dir.cli(&["user", "disable", "solo"]).done();
    let update = "UPDATE registry_user SET group_id = ?1, role = ?2, enabled = ?3 WHERE name = 'solo'";
    database.execute(update, before).expect("is put back");
    count_up(&database);
    is_told(&server, &[&solo], "a row of before");
    test_dir.cli(&["user", "list"]).fails(1);
}
