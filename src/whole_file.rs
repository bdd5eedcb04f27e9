//! Files that are there whole or not at all.

use crate::CliError;
use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file that gets its name when it is whole; dropped before, it is gone.
pub(crate) struct Draft {
    path: PathBuf,
    draft: PathBuf,
    file: BufWriter<File>,
}

/// Where a file is written before it is whole: the same place each time, so that what a kill leaves is written over.
pub(crate) fn draft_of(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    draft.into()
}

/// Refuses to overwrite files, unless `replace` allows it.
pub(crate) fn refuse_if_there<'a>(files: impl IntoIterator<Item = &'a Path>, replace: bool) -> Result<(), CliError> {
    match files.into_iter().find(|file| !replace && file.symlink_metadata().is_ok()) {
        Some(file) => Err(CliError::failed(format!("{} is there already; --replace overwrites it", file.display()))),
        None => Ok(()),
    }
}

/// Makes sure that a file's name is still there after a power cut.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// An error of a file, with its name.
pub(crate) fn explain(path: &Path, error: &dyn fmt::Display) -> CliError {
    CliError::failed(format!("{}: {error}", path.display()))
}

impl Draft {
    /// Begins a file that only its owner can read.
    pub(crate) fn new(path: &Path) -> Result<Draft, CliError> {
        let draft = draft_of(path);
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft);
        let file = BufWriter::new(file.map_err(|error| explain(&draft, &error))?);
        Ok(Draft { path: path.to_owned(), draft, file })
    }

    /// Where to write.
    pub(crate) fn file(&mut self) -> &mut (dyn Write + Send) {
        &mut self.file
    }

    /// Writes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.file.write_all(bytes).map_err(|error| explain(&self.draft, &error))
    }

    /// Makes sure that all of it is on stable storage, and gives it its name.
    pub(crate) fn keep(mut self) -> Result<(), CliError> {
        let kept = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        let kept = kept.and_then(|()| fs::rename(&self.draft, &self.path));
        kept.and_then(|()| sync_name(&self.path)).map_err(|error| explain(&self.path, &error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it has its name, there is no draft left.
        let _ = fs::remove_file(&self.draft);
    }
}
