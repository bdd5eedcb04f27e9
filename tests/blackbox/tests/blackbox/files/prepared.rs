//! Files that another user could have prepared where a command writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use blackbox::{Fixture, TestDir, sample};

use super::{everything_below, mode_of, plain};

/// A registry with a customer, and a folder for what the commands write.
fn test_dir() -> (TestDir, PathBuf) {
    let fixture = Fixture::start();
    fixture.client().create(&sample::full("Full", "Acme")).must_succeed("a create");
    fixture.server.stop();
    let folder = fixture.test_dir.root().join("outputs");
    fs::create_dir(&folder).expect("a directory can be made");
    (fixture.test_dir, folder)
}

#[test]
fn a_draft_that_somebody_prepared_receives_nothing() {
    let (test_dir, folder) = test_dir();
    let trap = test_dir.write("trap", "as it was");
    let rows = test_dir.write("rows.csv", "name,accountName\n,Acme\n");
    let output = |name: &str| plain(&folder.join(name)).to_owned();
    let names = ["export.csv", "backup", "backup.ledger", "ledger", "rejects.csv"];
    for name in names {
        symlink(&trap, folder.join(format!("{name}.part"))).expect("a link can be made");
    }
    test_dir.cli(&["customer", "export", "--output", &output("export.csv")]).done();
    test_dir.cli(&["backup", &output("backup")]).done();
    test_dir.cli(&["ledger", &output("ledger")]).done();
    test_dir.cli(&["customer", "import", plain(&rows), "--rejects", &output("rejects.csv")]);
    assert_eq!(fs::read_to_string(&trap).expect("is there"), "as it was");
    for name in names {
        let path = folder.join(name);
        assert!(path.symlink_metadata().is_ok_and(|file| file.is_file()), "{name} is no file of its own");
        assert_eq!(mode_of(&path), 0o600, "{name}");
        assert_eq!(fs::metadata(&path).expect("is there").nlink(), 1, "{name} has a second name");
    }
    assert_eq!(everything_below(&folder).len(), 2 * names.len(), "a draft was left: {:?}", everything_below(&folder));
}

#[test]
fn the_credentials_of_a_demo_are_not_written_to_a_file_that_was_there() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let (trap, data) = (test_dir.write("trap", "as it was"), test_dir.data());
    for draft in ["demo.draft", "demo.json.part"] {
        symlink(&trap, data.join(draft)).expect("a link can be made");
    }
    test_dir.launch().args(&["--demo"]).start().stop();
    assert_eq!(fs::read_to_string(&trap).expect("is there"), "as it was");
    assert_eq!(mode_of(&data.join("demo.json")), 0o600);
}

#[test]
fn a_command_that_fails_leaves_no_draft() {
    let (test_dir, folder) = test_dir();
    // The ledger cannot be put in the place of a directory.
    fs::create_dir(folder.join("backup.ledger")).expect("a directory can be made");
    test_dir.cli(&["backup", plain(&folder.join("backup")), "--replace"]).fails(1);
    let export = folder.join("export.csv");
    test_dir.cli(&["customer", "export", "--account", "Nobody", "--output", plain(&export)]).fails(1);
    assert_eq!(everything_below(&folder), [folder.join("backup.ledger")]);
}
