//! The files of a data directory, of a sandbox too.

use std::fs;

use blackbox::{TestDir, sample};

use crate::files::modes::{assert_private, cli};
use crate::files::outputs::contents;
use crate::files::{mode_of, plain};

#[test]
fn everything_personal_or_secret_is_private_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let test_dir = TestDir::embedded();
        let prelude = format!("umask {umask}");
        let outputs = test_dir.root().join("outputs");
        fs::create_dir(&outputs).expect("a directory can be made");
        let output = |name: &str| plain(&outputs.join(name)).to_owned();
        test_dir.write("rows.csv", "name,accountName\nNew,Acme\n,Acme\n");
        cli(&test_dir, umask, &["account", "create", "Acme"], 0);
        cli(&test_dir, umask, &["customer", "import", "rows.csv", "--rejects", &output("rejects.csv")], 1);
        let ada = test_dir.user("ada", "Acme", &[]);
        let server = test_dir.launch().after_shell(&prelude).start();
        server.client_of(&ada).create(&sample::full("Full", "Acme")).must_succeed("a create");
        cli(&test_dir, umask, &["backup", &output("backup")], 0);
        cli(&test_dir, umask, &["ledger", &output("ledger")], 0);
        cli(&test_dir, umask, &["customer", "export", "--output", &output("export.jsonl")], 0);
        // The database, its log and index, three locks and the key; a rejects file, a backup, two ledgers and an export.
        assert_private(&test_dir.data(), 7);
        assert_private(&outputs, 5);
        assert_eq!(mode_of(&test_dir.data()), 0o700);
        server.stop();
        cli(&test_dir, umask, &["restore", &output("backup"), "--replace", "--yes"], 0);
        assert_private(&test_dir.data(), 5);
        let demo = TestDir::embedded();
        let server = demo.launch().args(&["--demo"]).after_shell(&prelude).start();
        assert_private(&demo.data(), 8);
        assert!(demo.data().join("demo.json").is_file());
        server.stop();
        let sandbox = TestDir::embedded();
        let server = sandbox.launch().args(&["--sandbox"]).after_shell(&prelude).start();
        assert_private(sandbox.root().join("data").as_path(), 10);
        server.stop();
    }
}

#[test]
fn no_output_replaces_a_file_of_a_sandbox() {
    let test_dir = TestDir::embedded();
    test_dir.launch().args(&["--sandbox"]).start().stop();
    let names: Vec<_> = contents(&test_dir.data()).into_iter().map(|(path, _)| path).collect();
    assert!(names.len() >= 5, "{names:?}");
    for path in names.iter().chain([&test_dir.data().join("7")]) {
        let why = test_dir.cli(&["ledger", plain(path), "--replace"]).fails(1);
        assert!(why.contains("file of the registry"), "{why}");
    }
    test_dir.launch().args(&["--sandbox"]).start().stop();
}
