//! Another user of the system, for tests of whose files are used. Only root can give files away and run commands as others.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::path::Path;

use crate::gaps;

/// The id of the other user, `nobody` on most systems.
pub const ID: u32 = 65_534;

/// Whether the tests may give files away; reported if not.
#[must_use]
pub fn is_possible() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        gaps::report("files and commands of another user: the tests do not run as root");
    }
    is_root
}

/// Gives a file to the other user, or a directory with everything in it.
pub fn give(path: &Path) {
    change_owner(path, ID);
}

/// Gives it back to root.
pub fn take_back(path: &Path) {
    change_owner(path, 0);
}

fn change_owner(path: &Path, owner: u32) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory can be listed") {
            change_owner(&entry.expect("a directory can be listed").path(), owner);
        }
        chown(path, Some(owner), None).expect("root can change owners");
    } else {
        lchown(path, Some(owner), None).expect("root can change owners");
    }
}
