//! The rooms of the workspace and the only dependencies that they may have; see `ARCHITECTURE.md`.

use std::{fs, path::Path};

/// A crate's folder, and the crates of the workspace that it may depend on.
const ROOMS: [(&str, &[&str]); 10] = [
    ("crates/domain", &[]),
    ("crates/store", &["carnelian-domain"]),
    ("crates/store-sqlite", &["carnelian-domain", "carnelian-store"]),
    ("crates/app", &["carnelian-domain", "carnelian-store"]),
    ("crates/http", &["carnelian-app", "carnelian-domain"]),
    (".", &["carnelian-app", "carnelian-domain", "carnelian-http", "carnelian-store", "carnelian-store-sqlite"]),
    ("tests/blackbox", &[]),
    ("tests/chaos", &[]),
    ("bench", &[]),
    ("fuzz", &["carnelian", "carnelian-app", "carnelian-domain", "carnelian-http"]),
];

/// What only some rooms may know.
const KNOWN_TO: [(&str, &[&str]); 11] = [
    ("rusqlite", &["crates/store-sqlite", "tests/blackbox", "tests/chaos", "bench"]),
    ("axum", &["bench"]),
    ("hyper", &["crates/http"]),
    ("hyper-util", &["crates/http"]),
    ("aws-lc-rs", &["crates/app", "."]),
    ("clap", &[".", "bench", "fuzz"]),
    ("csv", &["."]),
    ("toml", &["."]),
    ("stateright", &["tests/chaos"]),
    ("rustix", &[".", "tests/chaos", "bench"]),
    ("tokio", &["crates/store-sqlite", "crates/app", "crates/http", ".", "bench"]),
];

fn manifest(room: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(room).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dependencies(room: &str) -> Vec<String> {
    manifest(room)["dependencies"].as_table().expect("a table").keys().cloned().collect()
}

#[test]
fn every_crate_is_a_room() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    for entry in fs::read_dir(crates).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let room = format!("crates/{name}");
        assert!(ROOMS.iter().any(|(known, _)| *known == room), "{room} has no row in this test");
    }
}

#[test]
fn rooms_depend_on_each_other_only_as_drawn() {
    for (room, allowed) in ROOMS {
        for dependency in dependencies(room).iter().filter(|name| name.starts_with("carnelian")) {
            assert!(allowed.contains(&dependency.as_str()), "{room} must not depend on {dependency}");
        }
    }
}

#[test]
fn what_one_room_knows_no_other_does() {
    for (room, _) in ROOMS {
        for dependency in dependencies(room) {
            let known_to = KNOWN_TO.iter().find(|(name, _)| *name == dependency).map(|(_, rooms)| *rooms);
            assert!(known_to.is_none_or(|rooms| rooms.contains(&room)), "{dependency} must not be known in {room}");
        }
    }
}
