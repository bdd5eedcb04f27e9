//! Writing to the database without the master key grants no rights and is reported.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Login, Server, TestDir, sample, wait};

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

/// What they say of a directory that is not the newest one.
const OLDER: &str =
    "an older state of accounts, groups, users and keys was put back, or the end of the audit log was altered";

/// Every column of the tables with its type, from the schema.
fn columns(test_dir: &TestDir) -> Vec<[String; 3]> {
    let columns = |table: &str| match test_dir.is_embedded() {
        false => format!(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_name = '{table}'"
        ),
        true => format!("SELECT '{table}', name, type FROM pragma_table_info('{table}')"),
    };
    let columns = TABLES.map(|table| test_dir.sql(&columns(table))).join("\n");
    let columns = columns.lines().map(|line| line.split('|').map(str::to_owned).collect::<Vec<_>>());
    columns.map(|parts| parts.try_into().expect("three columns")).collect()
}

/// Other values of a column, as expressions: whatever the schema allows.
fn others(column: &str, kind: &str) -> Vec<String> {
    let other = |text: &str| text.replace("COLUMN", column);
    let others: &[&str] = match (column, kind.to_lowercase().as_str()) {
        ("role", _) => &["'OPERATOR'", "'ACCOUNTADMIN'"],
        ("allowed", _) => &["NULL", "'0.0.0.0/0'"],
        (_, "boolean") => &["NOT COLUMN"],
        ("state" | "enabled" | "kind", _) => &["CASE WHEN COLUMN > 0 THEN 0 ELSE 1 END"],
        ("expires_at" | "revoked_at" | "group_id", _) => &["coalesce(COLUMN + 1, 1)", "COLUMN - 1", "1000"],
        (_, "integer" | "bigint") => &["COLUMN + 1", "COLUMN - 1", "1000"],
        (_, "blob") => &["CAST(substr(COLUMN, 2) || x'00' AS BLOB)"],
        (_, "bytea") => &["substr(COLUMN, 2) || '\\x00'::bytea"],
        _ => &["coalesce(COLUMN, '') || 'x'"],
    };
    others.iter().map(|text| other(text)).collect()
}

/// Counts the directory's version up, as the program does with each change.
const COUNT_UP: &str = "UPDATE registry SET directory_version = directory_version + 1";

/// Keeps a copy of the directory, its seal and the audit log in the database.
fn keep(test_dir: &TestDir) {
    let tables = TABLES.iter().chain(&["registry", "audit"]);
    let copy = |table: &&str| {
        format!("DROP TABLE IF EXISTS kept_{table}; CREATE TABLE kept_{table} AS SELECT * FROM {table};")
    };
    test_dir.sql(&tables.map(copy).collect::<String>());
}

fn copy_back(table: &str) -> String {
    format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table};")
}

/// Puts the directory and its seal back as they were kept.
fn put_back(test_dir: &TestDir) {
    let registry = "UPDATE registry SET (directory_version, directory_seal) =
        (SELECT directory_version, directory_seal FROM kept_registry)";
    test_dir.sql(&(TABLES.map(copy_back).concat() + registry));
}

/// Puts the audit log and its end back as they were kept.
fn put_log_back(test_dir: &TestDir) {
    let end =
        "UPDATE registry SET (audit_sequence, audit_seal) = (SELECT audit_sequence, audit_seal FROM kept_registry)";
    test_dir.sql(&(copy_back("audit") + if test_dir.is_embedded() { end } else { "" }));
}

/// Asserts that no command and no server grants rights by what is stored, and that all of them say why.
#[track_caller]
fn is_refused(test_dir: &TestDir, why: &str) {
    for command in [&["directory", "verify"][..], &["audit", "verify"], &["user", "list"], &["user", "enable", "rita"]]
    {
        let refused = test_dir.cli(command).fails(1);
        assert!(refused.contains(why), "{command:?}: {refused}");
    }
    let refused = test_dir.launch().run().fails(1);
    assert!(refused.contains(why) && refused.contains("carnelian directory reseal"), "{refused}");
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

#[test]
fn no_column_of_the_directory_can_be_altered_in_a_stopped_registry() {
    let tenants = TenantFixture::start();
    let TenantFixture { server, test_dir, ada, .. } = tenants;
    // A registry in which each kind of row has each kind of value.
    test_dir.key("ada", &["--allow", "10.0.0.0/8", "--label", "bound", "--expires", "30d"]);
    let revoked = test_dir.cli(&["key", "issue", "ada"]).line();
    test_dir.cli(&["key", "revoke", "--yes", &revoked[5..21]]).done();
    test_dir.cli(&["user", "disable", "--yes", "rita"]).done();
    server.stop();
    keep(&test_dir);
    let mut altered = 0;
    for [table, column, kind] in columns(&test_dir) {
        let harmless = HARMLESS.iter().any(|(of, name, _)| (*of, *name) == (table.as_str(), column.as_str()));
        let values = test_dir.sql(&format!("SELECT count(DISTINCT coalesce(CAST({column} AS TEXT), '')) FROM {table}"));
        for value in 0..values.parse::<u64>().expect("a number") {
            for other in others(&column, &kind) {
                let one =
                    format!("SELECT DISTINCT {column} FROM kept_{table} ORDER BY {column} LIMIT 1 OFFSET {value}");
                let changed = test_dir.try_sql(&format!(
                    "UPDATE {table} SET {column} = {other}
                    WHERE {column} IS NOT DISTINCT FROM ({one}) AND ({other}) IS DISTINCT FROM {column} RETURNING 1"
                ));
                // Some values are not possible, as another row has them.
                if !changed.is_ok_and(|rows| !rows.is_empty()) {
                    continue;
                }
                altered += 1;
                let verified = test_dir.cli(&["directory", "verify"]);
                let what = format!("{table}.{column}: value {value} -> {other}");
                assert!(harmless || (verified.code == 1 && verified.stderr.contains(ALTERED)), "{what}: {verified:?}");
                put_back(&test_dir);
            }
        }
    }
    assert!(altered > 30, "only {altered} alterations were tried");
    let server = test_dir.serve();
    server.client_of(&ada).get(CUSTOMERS).must_succeed("nothing is altered any more");
}

#[test]
fn an_altered_registry_is_not_served_administered_or_backed_up_until_it_is_sealed_again() {
    let TenantFixture { server, test_dir, opal, solo, .. } = TenantFixture::start();
    server.stop();
    let promote = "UPDATE registry_user SET role = 'OPERATOR' WHERE name = 'solo'";
    test_dir.sql(promote);
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
    let is_imported = if test_dir.is_embedded() { ("kind", "1", "BLOB") } else { ("imported", "TRUE", "BYTEA") };
    let (imported, yes, bytes) = is_imported;
    let copied = format!(
        "INSERT INTO api_key (id, key_id, user_id, digest, {imported}, created_at)
            SELECT 1000, 'copied0000000000', (SELECT id FROM registry_user WHERE name = 'opal'),
                CAST(digest || {} AS {bytes}), {yes}, 1
            FROM api_key LIMIT 1",
        test_dir.bytes("00")
    );
    let no_seal = format!("UPDATE registry SET directory_seal = {}", test_dir.bytes(""));
    let alterations = [
        ("UPDATE registry_user SET role = 'OPERATOR' WHERE name = 'solo'", "a role"),
        ("UPDATE registry_user SET group_id = 1 WHERE name = 'solo'", "a group"),
        ("INSERT INTO group_account SELECT 1, id FROM account WHERE name = 'Rival'", "a membership"),
        ("UPDATE api_key SET user_id = (SELECT id FROM registry_user WHERE name = 'opal')", "the owner of a key"),
        ("UPDATE account SET state = 0 WHERE name = 'Leaving'", "the state of an account"),
        ("DELETE FROM api_key WHERE user_id = (SELECT id FROM registry_user WHERE name = 'rita')", "a key is deleted"),
        (&copied, "a copied key"),
        ("UPDATE registry_user SET role = 'GOD' WHERE name = 'solo'", "a role that there is not"),
        (&no_seal, "no seal"),
        ("UPDATE registry SET directory_version = directory_version + 5", "another version"),
    ];
    for (number, (alteration, what)) in alterations.into_iter().enumerate() {
        keep(test_dir);
        let changed = test_dir.sql(&format!("{alteration} RETURNING 1; {COUNT_UP}"));
        assert!(!changed.is_empty(), "{what}");
        is_told(server, &[ada, solo, rita, opal], what);
        create(ada, &format!("During {number}")).must_be(&UNAVAILABLE, what);
        // As before: requests are served again, with the same rights.
        put_back(test_dir);
        wait::until("the directory is whole again", wait::NOTICE, || {
            (server.client().get("/health/ready").status == 200).then_some(())
        });
        create(ada, &format!("After {number}")).must_succeed("as before");
        create(rita, "No").must_be(&ROLE_NOT_ALLOWED, "a reader stays one");
        server.client_of(solo).get("/admin/v1/users").must_be(&ROLE_NOT_ALLOWED, "no operator");
    }
}

#[test]
fn an_older_directory_that_is_put_back_with_its_seal_under_a_server_gives_nobody_rights() {
    let TenantFixture { server, test_dir, opal, solo, .. } = TenantFixture::start();
    keep(&test_dir);
    test_dir.cli(&["user", "disable", "--yes", "solo"]).done();
    wait::until("the user is disabled", wait::NOTICE, || {
        server.client_of(&solo).get(CUSTOMERS).is(&INVALID_CREDENTIALS).then_some(())
    });
    put_back(&test_dir);
    wait::until("it is noticed", wait::NOTICE, || (server.client().get("/health/ready").status == 503).then_some(()));
    for login in [&solo, &opal] {
        server.client_of(login).get(CUSTOMERS).must_be(&UNAVAILABLE, "an older directory");
    }
    wait::until("it is logged", wait::NOTICE, || server.log().contains(OLDER).then_some(()));
    drop(server);
    is_refused(&test_dir, OLDER);
}

#[test]
fn an_older_directory_that_is_put_back_with_its_seal_in_a_stopped_registry_gives_no_rights() {
    let TenantFixture { server, test_dir, ada, solo, .. } = TenantFixture::start();
    keep(&test_dir);
    test_dir.cli(&["user", "disable", "--yes", "solo"]).done();
    // The log continues after the change.
    server.client_of(&ada).create(&sample::minimal("Later", "Acme")).must_succeed("has every right");
    server.stop();
    put_back(&test_dir);
    is_refused(&test_dir, OLDER);

    test_dir.cli(&["directory", "reseal", "--yes"]).done();
    test_dir.cli(&["audit", "verify"]).done();
    let server = test_dir.serve();
    server.client_of(&solo).get(CUSTOMERS).must_succeed("the older state was accepted");
    server.stop();
    put_back(&test_dir);
    is_refused(&test_dir, OLDER);
}

#[test]
fn a_directory_is_not_trusted_once_the_end_of_the_audit_log_was_put_back_or_altered() {
    let TenantFixture { server, test_dir, opal, .. } = TenantFixture::start();
    server.stop();
    keep(&test_dir);
    test_dir.cli(&["user", "disable", "--yes", "solo"]).done();
    let newer = test_dir.sql("SELECT max(sequence) FROM audit");
    put_log_back(&test_dir);
    assert_ne!(test_dir.sql("SELECT max(sequence) FROM audit"), newer);
    is_refused(&test_dir, OLDER);
    test_dir.cli(&["directory", "reseal", "--yes"]).done();

    let no_seal = if test_dir.is_embedded() {
        format!("UPDATE registry SET audit_seal = {}", test_dir.bytes("00"))
    } else {
        "UPDATE audit SET seal = NULL".to_owned()
    };
    test_dir.sql(&no_seal);
    test_dir.cli(&["directory", "verify"]).fails(1);
    // The entry that follows does not make the end whole again.
    test_dir.cli(&["user", "enable", "solo"]).fails(1);
    test_dir.cli(&["directory", "reseal", "--yes"]).done();
    test_dir.cli(&["directory", "verify"]).done();
    test_dir.cli(&["audit", "verify"]).fails(1);
    test_dir.serve().client_of(&opal).get("/admin/v1/users").must_succeed("accepted");
}

#[test]
fn an_account_that_is_being_erased_takes_no_customers_although_its_row_says_otherwise() {
    let TenantFixture { server, test_dir, ada, .. } = TenantFixture::start();
    let client = server.client_of(&ada);
    let moved = client.create(&sample::minimal("Moved", "Acme")).customer_id();
    test_dir.sql("UPDATE account SET state = 0 WHERE name = 'Leaving'");
    // Neither the version nor anything else has changed: nothing but the seal shows it.
    client.create(&sample::minimal("A", "Leaving")).must_be(&ERASURE_IN_PROGRESS, "a create");
    client.edit(moved, &sample::minimal("Moved", "Leaving")).must_be(&ERASURE_IN_PROGRESS, "a move");
}

#[test]
fn a_row_that_is_put_back_to_an_older_state_does_not_verify() {
    let TenantFixture { server, test_dir, solo, .. } = TenantFixture::start();
    keep(&test_dir);
    test_dir.cli(&["user", "disable", "--yes", "solo"]).done();
    let kept = "(SELECT group_id, role, enabled FROM kept_registry_user WHERE name = 'solo')";
    test_dir
        .sql(&format!("UPDATE registry_user SET (group_id, role, enabled) = {kept} WHERE name = 'solo'; {COUNT_UP}"));
    is_told(&server, &[&solo], "a row of before");
    test_dir.cli(&["user", "list"]).fails(1);
}
