//! Small real file systems. Tests that need them are skipped where mounting is not permitted.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use chaos::{TestRegistry, gaps};

/// A mounted file system, unmounted when dropped.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Mounts a file system in memory of `size` MiB.
    pub(crate) fn tmpfs(size: u64, at: &Path) -> Option<Self> {
        let options = format!("size={size}m,mode=0700");
        let mounted = permitted(&["mount", "-t", "tmpfs", "-o", &options, "chaos", plain(at)]);
        mounted.then(|| Self(at.to_owned()))
    }

    /// Mounts an ext4 file system of `size` MiB in an image file, which is made if it does not exist.
    pub(crate) fn ext4(size: u64, image: &Path, at: &Path) -> Option<Self> {
        if !image.exists() {
            let file = File::create(image).and_then(|file| file.set_len(size << 20));
            file.expect("a file can be made");
            if !permitted(&["mkfs.ext4", "-q", "-F", plain(image)]) {
                return None;
            }
        }
        let mounted = permitted(&["mount", "-o", "loop,errors=remount-ro", plain(image), plain(at)]);
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let at = plain(&self.0);
        let _ = permitted(&["umount", at]) || permitted(&["umount", "--lazy", at]);
    }
}

/// A file that fills a file system.
pub(crate) struct Ballast(PathBuf);

impl Ballast {
    /// The ballast of a directory; it takes up no space yet.
    pub(crate) fn of(directory: &Path) -> Self {
        Self(directory.join("ballast"))
    }

    /// Takes up all free space.
    pub(crate) fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(&self.0).expect("a file can be made");
        let block = [0; 4096];
        while file.write_all(&block).is_ok() {}
    }

    /// Frees the space again.
    pub(crate) fn free(&self) {
        fs::remove_file(&self.0).expect("a file can be removed");
    }
}

/// Remounts a file system with other options.
pub(crate) fn remount(at: &Path, options: &str) {
    let options = format!("remount,{options}");
    assert!(permitted(&["mount", "-o", &options, plain(at)]), "{options} is not possible");
}

/// Moves the registry under test to the file system that `mount` mounts. No process may have it open.
pub(crate) fn move_registry(registry: &TestRegistry, mount: impl FnOnce(&Path) -> Option<Mount>) -> Option<Mount> {
    let moved = registry.test_dir.root().join("moved");
    fs::rename(registry.data(), &moved).expect("a directory can be renamed");
    fs::create_dir(registry.data()).expect("a directory can be made");
    let Some(mount) = mount(&registry.data()) else {
        gaps::report("real file systems that fill up or become read-only: mounting is not permitted");
        return None;
    };
    for name in ["carnelian.db", "master.key"] {
        let copy = registry.data().join(name);
        fs::copy(moved.join(name), &copy).expect("a file can be copied");
        // Synced, since the registry is older than the fault of the test.
        File::open(copy).and_then(|copy| copy.sync_all()).expect("a file can be synced");
    }
    Some(mount)
}

/// Runs a command that may be missing or need a permission, and returns whether it succeeded.
fn permitted(command: &[&str]) -> bool {
    let output = Command::new(command[0]).args(&command[1..]).output();
    output.is_ok_and(|output| output.status.success())
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("the paths of these tests are plain")
}
