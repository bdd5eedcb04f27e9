//! How a server starts, or refuses to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use blackbox::{Place, Site, sample};

#[test]
fn it_prints_its_version_where_it_listens_and_where_the_data_is() {
    let place = Place::new();
    let server = place.launch().bare().args(&["--data", "relative", "--listen", "127.0.0.1:0"]).start();
    let data = place.root().canonicalize().expect("the place exists").join("relative");
    let printed = server.stdout();
    let lines: Vec<_> = printed.lines().collect();
    let listening = format!("Listening on http://{}", server.address());
    let data = format!("Data in {}", data.display());
    assert_eq!(lines, ["Carnelian 0.1.0", listening.as_str(), data.as_str()]);
}

#[test]
fn it_makes_its_files_at_the_first_start_and_keeps_the_key_to_itself() {
    let place = Place::new();
    let server = place.serve();
    for name in ["carnelian.db", "master.key", "carnelian.lock"] {
        assert!(place.data().join(name).is_file(), "there is no {name}");
    }
    let key = place.data().join("master.key");
    let mode = fs::metadata(&key).expect("the key exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the master key is readable by others");
    let before = fs::read(&key).expect("the key can be read");
    server.stop();
    place.serve().stop();
    assert_eq!(fs::read(&key).expect("the key can be read"), before, "a later start keeps the key");
}

#[test]
fn without_settings_the_data_is_in_a_folder_of_its_own() {
    let place = Place::new();
    let _server = place.launch().bare().args(&["--listen", "127.0.0.1:0"]).start();
    assert!(place.root().join("carnelian-data/carnelian.db").is_file());
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let site = Site::start();
    let words = site.place.launch().run();
    assert_eq!(words.code, 1, "{words:?}");
    let data = site.place.data();
    let named = words.stderr.contains(data.to_str().expect("a plain path"));
    assert!(named && words.stderr.trim().contains(' '), "no sentence that names the directory: {words:?}");
    site.client().create(&sample::minimal("Still here", "Acme")).must_succeed("the first server");
    site.server.kill();
    let server = site.place.serve();
    server.client_of(&site.ada).create(&sample::minimal("Again", "Acme")).must_succeed("the next server");
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let site = Site::start();
    let address = site.server.address().to_string();
    let other = Place::new();
    let refused = other.launch().bare().args(&["--data", "data", "--listen", &address]).run();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains(&address), "{refused:?}");
    assert!(!other.root().join("data").exists(), "a server that is refused has left a registry");
}

#[test]
fn the_world_is_not_served_without_tls_unless_a_proxy_does_it() {
    let place = Place::new();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = place.launch().bare().args(&["--data", "data", "--listen", address]).run();
        assert!([1, 2].contains(&refused.code), "{refused:?}");
        assert_eq!(refused.stdout, "", "nothing is said to have started");
        assert!(refused.stderr.contains("insecure-http"), "the way out is named: {refused:?}");
    }
    let launch = place.launch().bare().args(&["--data", "data", "--listen", "0.0.0.0:0", "--insecure-http"]);
    let server = launch.start();
    server.client().get("/health/live").must_succeed("behind a proxy");
}

#[test]
fn another_master_key_is_refused() {
    let site = Site::start();
    let id = site.client().create(&sample::full("Sealed", "Acme")).customer_id();
    site.server.stop();
    let other = Place::new();
    other.account("Other");
    let foreign = other.data().join("master.key");
    let foreign = foreign.to_str().expect("a plain path");
    let refused = site.place.launch().args(&["--master-key-file", foreign]).run();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.to_lowercase().contains("master key"), "{refused:?}");
    site.place.cli(&["account", "create", "B", "--master-key-file", foreign]).fails(1);
    let server = site.place.serve();
    sample::assert_shows(&server.client_of(&site.ada).read(id).json(), &sample::full("Sealed", "Acme"), id);
}

#[test]
fn the_master_key_can_be_in_another_directory() {
    let site = Site::start();
    let id = site.client().create(&sample::full("Sealed", "Acme")).customer_id();
    site.server.stop();
    let moved = site.place.root().join("elsewhere.key");
    fs::rename(site.place.data().join("master.key"), &moved).expect("a file can be moved");
    let moved = moved.to_str().expect("a plain path");
    let server = site.place.launch().args(&["--master-key-file", moved]).start();
    sample::assert_shows(&server.client_of(&site.ada).read(id).json(), &sample::full("Sealed", "Acme"), id);
    site.place.cli(&["--master-key-file", moved, "account", "create", "B"]).done();
    assert!(!site.place.data().join("master.key").exists(), "no second key is made");
}

#[test]
fn a_lost_master_key_is_not_quietly_replaced() {
    let site = Site::start();
    site.client().create(&sample::full("Sealed", "Acme")).must_succeed("a customer");
    site.server.stop();
    fs::remove_file(site.place.data().join("master.key")).expect("a file can be removed");
    let refused = site.place.launch().run();
    assert_eq!(refused.code, 1, "{refused:?}");
}
