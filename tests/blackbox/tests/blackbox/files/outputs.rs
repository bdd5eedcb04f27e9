//! No output of a command takes the place of a file of the registry.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use blackbox::{Place, Site, sample};

use super::{everything_below, plain};

/// Every file with its content.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
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
fn assert_refused(place: &Place, output: &Path) {
    let before = contents(&place.data());
    let output = plain(output);
    let commands: [&[&str]; 4] = [
        &["ledger", output, "--replace"],
        &["backup", output, "--replace"],
        &["customer", "export", "--output", output, "--replace"],
        &["customer", "import", "rows.csv", "--rejects", output],
    ];
    for command in commands {
        let why = place.cli(command).fails(1);
        assert!(why.contains(output), "{command:?}: {why}");
    }
    assert!(contents(&place.data()) == before, "something has changed: {output}");
}

fn place() -> Place {
    let site = Site::start();
    site.client().create(&sample::full("Full", "Acme")).must_succeed("a create");
    site.place.write("rows.csv", "name,accountName\n,Acme\n");
    site.server.kill();
    site.place
}

#[test]
fn no_output_replaces_a_file_of_the_registry_by_whatever_path_it_is_named() {
    let place = place();
    let data = place.data();
    let names: Vec<_> = contents(&data).into_iter().map(|(path, _)| path).collect();
    assert!(names.len() >= 5, "{names:?}");
    symlink(&data, place.root().join("link")).expect("a link can be made");
    for path in names {
        let name = path.file_name().expect("a file has a name");
        assert_refused(&place, &path);
        assert_refused(&place, &place.root().join("link").join(name));
        assert_refused(&place, &data.join("../data").join(name));
        let (soft, hard) = (place.root().join("soft"), place.root().join("hard"));
        symlink(&path, &soft).expect("a link can be made");
        fs::hard_link(&path, &hard).expect("a link can be made");
        for link in [soft, hard] {
            assert_refused(&place, &link);
            fs::remove_file(link).expect("a link can be removed");
        }
    }
    place.serve().stop();
}

#[test]
fn no_output_takes_the_name_of_a_file_that_the_registry_may_make() {
    let place = place();
    for name in ["carnelian.db-journal", "carnelian.db.replaced", "demo.json", "carnelian.sandbox", "restore.tmp"] {
        assert_refused(&place, &place.data().join(name));
    }
    fs::create_dir(place.data().join("restore.tmp")).expect("a directory can be made");
    assert_refused(&place, &place.data().join("restore.tmp/export"));
    place.cli(&["ledger", plain(&place.data().join("my.ledger"))]).done();
}

#[test]
fn no_output_replaces_a_master_key_in_another_place() {
    let place = place();
    let key = place.root().join("elsewhere.key");
    fs::rename(place.data().join("master.key"), &key).expect("a file can be moved");
    let before = fs::read(&key).expect("is there");
    let why = place.cli(&["ledger", plain(&key), "--replace", "--master-key-file", plain(&key)]).fails(1);
    assert!(why.contains("file of the registry"), "{why}");
    assert_eq!(fs::read(&key).expect("is there"), before);
}

#[test]
fn no_output_replaces_a_file_of_a_sandbox() {
    let place = Place::new();
    place.launch().args(&["--sandbox"]).start().stop();
    let names: Vec<_> = contents(&place.data()).into_iter().map(|(path, _)| path).collect();
    assert!(names.len() >= 5, "{names:?}");
    for path in names.iter().chain([&place.data().join("7")]) {
        let why = place.cli(&["ledger", plain(path), "--replace"]).fails(1);
        assert!(why.contains("file of the registry"), "{why}");
    }
    place.launch().args(&["--sandbox"]).start().stop();
}

#[test]
fn an_output_replaces_nothing_but_a_file() {
    let place = place();
    fs::create_dir(place.root().join("folder")).expect("a directory can be made");
    for path in [place.root().join("folder"), PathBuf::from("/dev/null")] {
        let why = place.cli(&["ledger", plain(&path), "--replace"]).fails(1);
        assert!(why.contains("not a regular file"), "{why}");
    }
}
