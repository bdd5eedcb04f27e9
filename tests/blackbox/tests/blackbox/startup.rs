//! How a server starts, or refuses to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use blackbox::{Fixture, TestDir, sample};

use crate::files::plain;

#[test]
fn it_prints_its_version_where_it_listens_and_where_the_data_is() {
    let test_dir = TestDir::new();
    let server = test_dir.launch().bare().args(&["--data", "relative", "--listen", "127.0.0.1:0"]).start();
    let data = if test_dir.is_embedded() {
        plain(&test_dir.root().canonicalize().expect("the directory exists").join("relative")).to_owned()
    } else {
        test_dir.database()
    };
    let printed = server.stdout();
    let lines: Vec<_> = printed.lines().collect();
    let listening = format!("Listening on http://{}", server.address());
    let data = format!("Data in {data}");
    assert_eq!(lines, ["Carnelian 0.1.0", listening.as_str(), data.as_str()]);
}

#[test]
fn it_makes_its_files_at_the_first_start_and_keeps_the_key_to_itself() {
    let test_dir = TestDir::new();
    let server = test_dir.serve();
    let embedded = ["master.key", "carnelian.db", "carnelian.lock"];
    let files = if test_dir.is_embedded() { &embedded[..] } else { &embedded[..1] };
    for name in files {
        assert!(test_dir.data().join(name).is_file(), "there is no {name}");
    }
    let key = test_dir.data().join("master.key");
    let mode = fs::metadata(&key).expect("the key exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the master key is readable by others");
    let before = fs::read(&key).expect("the key can be read");
    server.stop();
    test_dir.serve().stop();
    assert_eq!(fs::read(&key).expect("the key can be read"), before, "a later start keeps the key");
}

#[test]
fn without_settings_the_data_is_in_a_folder_of_its_own() {
    let test_dir = TestDir::new();
    let _server = test_dir.launch().bare().args(&["--listen", "127.0.0.1:0"]).start();
    assert!(test_dir.root().join("carnelian-data/master.key").is_file());
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let fixture = Fixture::start();
    let address = fixture.server.address().to_string();
    let other = TestDir::new();
    let refused = other.launch().bare().args(&["--data", "data", "--listen", &address]).run();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains(&address), "{refused:?}");
    assert!(!other.root().join("data").exists(), "a server that is refused has left a registry");
}

#[test]
fn the_world_is_not_served_without_tls_unless_a_proxy_does_it() {
    let test_dir = TestDir::new();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = test_dir.launch().bare().args(&["--data", "data", "--listen", address]).run();
        assert!([1, 2].contains(&refused.code), "{refused:?}");
        assert_eq!(refused.stdout, "", "nothing is said to have started");
        assert!(refused.stderr.contains("insecure-http"), "the way out is named: {refused:?}");
    }
    let launch = test_dir.launch().bare().args(&["--data", "data", "--listen", "0.0.0.0:0", "--insecure-http"]);
    let server = launch.start();
    server.client().get("/health/live").must_succeed("behind a proxy");
}

#[test]
fn another_master_key_is_refused() {
    let fixture = Fixture::start();
    let id = fixture.client().create(&sample::full("Sealed", "Acme")).customer_id();
    fixture.server.stop();
    let other = TestDir::new();
    other.account("Other");
    let foreign = other.data().join("master.key");
    let foreign = foreign.to_str().expect("a plain path");
    let refused = fixture.test_dir.launch().args(&["--master-key-file", foreign]).run();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.to_lowercase().contains("master key"), "{refused:?}");
    fixture.test_dir.cli(&["account", "create", "B", "--master-key-file", foreign]).fails(1);
    let server = fixture.test_dir.serve();
    sample::assert_shows(&server.client_of(&fixture.ada).read(id).json(), &sample::full("Sealed", "Acme"), id);
}

#[test]
fn the_master_key_can_be_in_another_directory() {
    let fixture = Fixture::start();
    let id = fixture.client().create(&sample::full("Sealed", "Acme")).customer_id();
    fixture.server.stop();
    let moved = fixture.test_dir.root().join("elsewhere.key");
    fs::rename(fixture.test_dir.data().join("master.key"), &moved).expect("a file can be moved");
    let moved = moved.to_str().expect("a plain path");
    let server = fixture.test_dir.launch().args(&["--master-key-file", moved]).start();
    sample::assert_shows(&server.client_of(&fixture.ada).read(id).json(), &sample::full("Sealed", "Acme"), id);
    fixture.test_dir.cli(&["--master-key-file", moved, "account", "create", "B"]).done();
    assert!(!fixture.test_dir.data().join("master.key").exists(), "no second key is made");
}

#[test]
fn a_lost_master_key_is_not_quietly_replaced() {
    let fixture = Fixture::start();
    fixture.client().create(&sample::full("Sealed", "Acme")).must_succeed("a customer");
    fixture.server.stop();
    fs::remove_file(fixture.test_dir.data().join("master.key")).expect("a file can be removed");
    let refused = fixture.test_dir.launch().run();
    assert_eq!(refused.code, 1, "{refused:?}");
}
