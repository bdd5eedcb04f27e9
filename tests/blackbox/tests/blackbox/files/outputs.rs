//! No output of a command takes the place of a file of the registry.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use blackbox::{Fixture, TestDir, sample};

use super::{everything_below, plain};

/// Every file with its content.
pub(crate) fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = everything_below(directory).into_iter().filter(|path| path.is_file());
    let mut contents: Vec<_> = files
        .filter(|path| !plain(path).ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).expect("a file can be read")))
        .collect();
    contents.sort();
    contents
}

/// Asserts that no command writes to `output`, and that the files of the registry stay as they are.
#[track_caller]
pub(crate) fn assert_refused(test_dir: &TestDir, output: &Path) {
    let before = contents(&test_dir.data());
    let output = plain(output);
    let commands: [&[&str]; 4] = [
        &["ledger", output, "--replace"],
        &["backup", output, "--replace"],
        &["customer", "export", "--output", output, "--replace"],
        &["customer", "import", "rows.csv", "--rejects", output],
    ];
    for command in commands {
        let why = test_dir.cli(command).fails(1);
        assert!(why.contains(output), "{command:?}: {why}");
    }
    assert!(contents(&test_dir.data()) == before, "something has changed: {output}");
}

fn test_dir() -> TestDir {
    let fixture = Fixture::start();
    fixture.client().create(&sample::full("Full", "Acme")).must_succeed("a create");
    fixture.test_dir.write("rows.csv", "name,accountName\n,Acme\n");
    fixture.server.kill();
    fixture.test_dir
}

#[test]
fn no_output_replaces_a_file_of_the_registry_by_whatever_path_it_is_named() {
    let test_dir = test_dir();
    let data = test_dir.data();
    let names: Vec<_> = contents(&data).into_iter().map(|(path, _)| path).collect();
    let expected = if test_dir.is_embedded() { 5 } else { 1 };
    assert!(names.len() >= expected, "{names:?}");
    symlink(&data, test_dir.root().join("link")).expect("a link can be made");
    for path in names {
        let name = path.strip_prefix(&data).expect("it is in the directory");
        assert_refused(&test_dir, &path);
        assert_refused(&test_dir, &test_dir.root().join("link").join(name));
        assert_refused(&test_dir, &data.join("../data").join(name));
        let (soft, hard) = (test_dir.root().join("soft"), test_dir.root().join("hard"));
        symlink(&path, &soft).expect("a link can be made");
        fs::hard_link(&path, &hard).expect("a link can be made");
        for link in [soft, hard] {
            assert_refused(&test_dir, &link);
            fs::remove_file(link).expect("a link can be removed");
        }
    }
    test_dir.serve().stop();
}

#[test]
fn no_output_takes_the_name_of_a_file_that_the_registry_may_make() {
    let test_dir = test_dir();
    for name in ["carnelian.db-journal", "carnelian.db.replaced", "demo.json", "carnelian.sandbox", "restore.tmp"] {
        assert_refused(&test_dir, &test_dir.data().join(name));
    }
    fs::create_dir(test_dir.data().join("restore.tmp")).expect("a directory can be made");
    assert_refused(&test_dir, &test_dir.data().join("restore.tmp/export"));
    test_dir.cli(&["ledger", plain(&test_dir.data().join("my.ledger"))]).done();
}

#[test]
fn no_output_replaces_a_master_key_in_another_place() {
    let test_dir = test_dir();
    let key = test_dir.root().join("elsewhere.key");
    fs::rename(test_dir.data().join("master.key"), &key).expect("a file can be moved");
    let before = fs::read(&key).expect("is there");
    let why = test_dir.cli(&["ledger", plain(&key), "--replace", "--master-key-file", plain(&key)]).fails(1);
    assert!(why.contains("file of the registry"), "{why}");
    assert_eq!(fs::read(&key).expect("is there"), before);
}

#[test]
fn no_output_replaces_the_configuration_file() {
    let test_dir = test_dir();
    let config = test_dir.write("carnelian.toml", "[limits]\nrequests_per_second = 9\n");
    let before = fs::read(&config).expect("is there");
    let why = test_dir.cli(&["ledger", plain(&config), "--replace", "--config", plain(&config)]).fails(1);
    assert!(why.contains("file of the registry"), "{why}");
    let mut command = test_dir.command();
    command.env("CARNELIAN_CONFIG", &config).args(["ledger", plain(&config), "--replace", "--data"]);
    let refused = command.arg(test_dir.data()).output().expect("can be run");
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && why.contains("file of the registry"), "{why}");
    assert_eq!(fs::read(&config).expect("is there"), before);
}

#[test]
fn an_output_replaces_nothing_but_a_file() {
    let test_dir = test_dir();
    fs::create_dir(test_dir.root().join("folder")).expect("a directory can be made");
    for path in [test_dir.root().join("folder"), PathBuf::from("/dev/null")] {
        let why = test_dir.cli(&["ledger", plain(&path), "--replace"]).fails(1);
        assert!(why.contains("not a regular file"), "{why}");
    }
}
