//! The crates of the workspace, and the dependencies that they may have; see `ARCHITECTURE.md`.

use std::{fs, path::Path};

/// A crate's directory, and the workspace crates that it may depend on.
const CRATES: [(&str, &[&str]); 13] = [
    ("crates/domain", &[]),
    ("crates/store", &["carnelian-domain"]),
    ("crates/store-postgres", &["carnelian-domain", "carnelian-store"]),
    ("crates/store-sqlite", &["carnelian-domain", "carnelian-store"]),
    ("crates/app", &["carnelian-domain", "carnelian-store"]),
    ("crates/http", &["carnelian-app", "carnelian-domain"]),
    ("crates/transfer", &["carnelian-app", "carnelian-domain", "carnelian-http"]),
    (
        ".",
        &[
            "carnelian-app",
            "carnelian-domain",
            "carnelian-http",
            "carnelian-store",
            "carnelian-store-postgres",
            "carnelian-store-sqlite",
            "carnelian-transfer",
        ],
    ),
    ("tests/blackbox", &[]),
    ("tests/chaos", &[]),
    ("tests/postgres", &[]),
    ("bench", &[]),
    ("fuzz", &["carnelian", "carnelian-app", "carnelian-domain", "carnelian-http", "carnelian-transfer"]),
];

/// A dependency, and the only crates that may use it.
const RESTRICTED: [(&str, &[&str]); 14] = [
    ("rusqlite", &["crates/store-sqlite", "tests/blackbox", "tests/chaos", "bench"]),
    ("axum", &["bench"]),
    ("hyper", &["crates/http"]),
    ("hyper-util", &["crates/http"]),
    ("aws-lc-rs", &["crates/app", "crates/transfer", "."]),
    ("clap", &[".", "bench", "fuzz"]),
    ("csv", &["crates/transfer"]),
    ("toml", &["."]),
    ("stateright", &["tests/chaos"]),
    // rustix has no call that disables transparent huge pages, which the binary does with nix.
    ("nix", &["."]),
    ("rustix", &[".", "tests/blackbox", "tests/chaos", "bench"]),
    ("tokio-postgres", &["crates/store-postgres", "bench"]),
    ("tokio-postgres-rustls", &["crates/store-postgres"]),
    (
        "tokio",
        &["crates/store-postgres", "crates/store-sqlite", "crates/app", "crates/http", "crates/transfer", ".", "bench"],
    ),
];

fn manifest(directory: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn dependencies(directory: &str) -> Vec<String> {
    manifest(directory)["dependencies"].as_table().expect("a table").keys().cloned().collect()
}

#[test]
fn every_crate_is_listed() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    for entry in fs::read_dir(crates).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let directory = format!("crates/{name}");
        assert!(CRATES.iter().any(|(known, _)| *known == directory), "{directory} is not listed in this test");
    }
}

#[test]
fn crates_depend_only_on_allowed_workspace_crates() {
    for (directory, allowed) in CRATES {
        for dependency in dependencies(directory).iter().filter(|name| name.starts_with("carnelian")) {
            assert!(allowed.contains(&dependency.as_str()), "{directory} must not depend on {dependency}");
        }
    }
}

#[test]
fn restricted_dependencies_are_used_only_where_allowed() {
    for (directory, _) in CRATES {
        for dependency in dependencies(directory) {
            let allowed = RESTRICTED.iter().find(|(name, _)| *name == dependency).map(|(_, rooms)| *rooms);
            assert!(
                allowed.is_none_or(|crates| crates.contains(&directory)),
                "{directory} must not depend on {dependency}"
            );
        }
    }
}
