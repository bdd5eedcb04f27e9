//! An import into an embedded registry: by the server that has it open, or else by the command, which makes one where there is none.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;

use blackbox::{CUSTOMERS, Fixture, TestDir, wait};

#[test]
fn a_running_server_imports_for_the_command_and_the_rejected_rows_come_back() {
    let fixture = Fixture::embedded();
    fixture.test_dir.write("customers.csv", "name,accountName\nOne,Acme\nTwo,Nowhere\n");
    let import = ["customer", "import", "customers.csv", "--rejects", "rejects.csv"];
    let dry = fixture.test_dir.cli(&[&import[..3], &["--dry-run"]].concat()).fails(1);
    assert!(dry.contains("2 rows: 1 created") && dry.contains("nothing was written"), "{dry}");
    let refused = fixture.test_dir.cli(&import).fails(1);
    assert!(refused.contains("2 rows: 1 created, 0 updated, 0 skipped, 1 rejected"), "{refused}");
    let rejects = fs::read_to_string(fixture.test_dir.root().join("rejects.csv")).expect("is there");
    assert!(rejects.lines().nth(1).is_some_and(|row| row.ends_with(",Two,Nowhere")), "{rejects}");
    let found = fixture.client().get(&format!("{CUSTOMERS}?name=One")).json();
    assert_eq!(found["customers"].as_array().map(Vec::len), Some(1), "{found}");
    let exists = fixture.test_dir.cli(&import).fails(1);
    assert!(exists.contains("rejects.csv already exists"), "{exists}");
}

#[test]
fn a_server_that_is_killed_resumes_the_import_of_a_command() {
    let fixture = Fixture::embedded();
    let rows: String = (0..30_000).map(|row| format!("Row {row},Acme\n")).collect();
    fixture.test_dir.write("customers.csv", &format!("name,accountName\n{rows}"));
    let mut import = fixture.test_dir.command();
    import.args(["customer", "import", "customers.csv", "--data"]).arg(fixture.test_dir.data());
    let mut import = import.stderr(Stdio::piped()).spawn().expect("runs");
    let jobs = fixture.test_dir.data().join("jobs");
    let is_begun = |path: PathBuf| fs::read_to_string(path).is_ok_and(|record| record.contains("\"running\""));
    wait::until("the server imports", wait::PATIENCE, || {
        fs::read_dir(&jobs).ok()?.flatten().any(|entry| is_begun(entry.path())).then_some(())
    });
    let Fixture { server, test_dir, .. } = fixture;
    server.kill();
    let mut message = String::new();
    import.stderr.take().expect("is piped").read_to_string(&mut message).expect("is text");
    assert_eq!(import.wait().expect("ends").code(), Some(1));
    assert!(message.contains("it resumes job"), "{message}");
    let _server = test_dir.serve();
    wait::until("the import is complete", wait::PATIENCE, || {
        (test_dir.cli(&["customer", "export"]).done().lines().count() == 30_001).then_some(())
    });
}

#[test]
fn a_dry_run_makes_no_registry() {
    let test_dir = TestDir::embedded();
    test_dir.write("customers.csv", "name,accountName\nOne,Acme\n");
    test_dir.cli(&["customer", "import", "customers.csv", "--dry-run", "--create-accounts"]).fails(1);
    assert!(!test_dir.data().exists());
}

#[test]
fn an_import_that_cannot_begin_creates_no_registry() {
    let test_dir = TestDir::embedded();
    test_dir.write("bad.csv", "name;accountName\nOne;Acme\n");
    test_dir.write("good.csv", "name,accountName\nOne,Acme\n");
    let cases: [&[&str]; 3] = [&["missing.csv"], &["bad.csv"], &["good.csv", "--rejects", "missing/r.csv"]];
    for arguments in cases {
        test_dir.cli(&[&["customer", "import", "--create-accounts"], arguments].concat()).fails(1);
        assert!(!test_dir.data().exists(), "{arguments:?}");
    }
}
