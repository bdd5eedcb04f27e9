//! Files that are written atomically: a draft is written and synced, renamed, and the directory is synced.
//!
//! ```text
//! FILE.RANDOM.part   created exclusively, mode 0600; the random name cannot have been prepared by another user
//! FILE               the draft, synced and renamed                                                sync the directory
//! ```
//!
//! A draft is removed when it is dropped. Only a process that is killed leaves one, and no later one uses it.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// The permissions of a file that only its owner can read.
const PRIVATE: u32 = 0o600;

/// A file that gets its name when it is complete. If it is dropped before, it is removed.
pub struct Draft {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

/// Syncs the directory of a file, so that the file's name survives a power cut.
pub fn sync_name(path: &Path) -> io::Result<()> {
    File::open(parent_of(path))?.sync_all()
}

/// The directory of a file.
pub fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a file that only its owner can read, whatever the umask. Fails if there is one, or a link, of that name.
pub fn create_private(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    Ok(file)
}

impl Draft {
    /// Creates the draft of a file.
    pub fn new(path: &Path) -> io::Result<Draft> {
        let name = path.file_name().ok_or_else(|| io::Error::other("this is not the name of a file"))?;
        let mut prefix = name.to_owned();
        prefix.push(".");
        let file = tempfile::Builder::new().prefix(&prefix).suffix(".part").make_in(parent_of(path), create_private)?;
        Ok(Draft { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Puts the file on stable storage under its final name, in the place of a file that has it.
    pub fn keep(self) -> io::Result<()> {
        let (path, file) = self.synced()?;
        fs::rename(&file, &path)?;
        // It has no name left that could be removed.
        file.into_temp_path().keep().map_err(io::Error::from)?;
        sync_name(&path)
    }

    /// The same, but another file of that name stays. Returns whether there was none.
    pub fn keep_unless_there(self) -> io::Result<bool> {
        let (path, file) = self.synced()?;
        let is_new = match fs::hard_link(&file, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            linked => linked.map(|()| true)?,
        };
        file.close()?;
        sync_name(&path)?;
        Ok(is_new)
    }

    /// Whether it has the same content as the file whose name it is to get.
    pub fn is_there(&mut self) -> io::Result<bool> {
        self.flush()?;
        Ok(fs::read(self.file.get_ref())? == fs::read(&self.path)?)
    }

    fn synced(self) -> io::Result<(PathBuf, NamedTempFile)> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        Ok((self.path, file))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
