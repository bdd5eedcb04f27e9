//! The program under test.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The binary under test: `CARNELIAN_TEST_BINARY`, or the one that was built with this test.
pub fn path() -> PathBuf {
    let binary = match env::var_os("CARNELIAN_TEST_BINARY") {
        Some(path) => PathBuf::from(path),
        None => profile_directory().join("carnelian"),
    };
    assert!(
        binary.is_file(),
        "there is no binary at {}: run `{}` first, or name another in CARNELIAN_TEST_BINARY",
        binary.display(),
        build_command(&profile_directory()),
    );
    binary
}

/// A command that runs the program `binary` in `directory`, without the `CARNELIAN_` variables of the environment.
pub(crate) fn command(binary: &Path, directory: &Path) -> Command {
    let mut command = Command::new(binary);
    command.current_dir(directory);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARNELIAN_") {
            command.env_remove(name);
        }
    }
    command
}

/// `target/<profile>`: a test executable is in its folder `deps`.
fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own executable");
    test.ancestors().nth(2).expect("a test executable is two folders below it").to_path_buf()
}

fn build_command(profile_directory: &Path) -> String {
    match profile_directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "cargo build -p carnelian".to_owned(),
        Some(profile) => format!("cargo build --profile {profile} -p carnelian"),
    }
}
