//! An import needs an embedded registry to itself, and makes one where there is none.

use blackbox::{Fixture, TestDir};

#[test]
fn an_import_under_a_running_server_is_refused_with_advice() {
    let fixture = Fixture::embedded();
    fixture.test_dir.write("customers.csv", "name,accountName\nOne,Acme\n");
    for more in [&[][..], &["--dry-run"]] {
        let refused = fixture.test_dir.cli(&[&["customer", "import", "customers.csv"], more].concat()).fails(1);
        assert!(refused.contains("already serving") && refused.contains("stop the server"), "{refused}");
    }
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
