//! Files that are written atomically: a draft is written and synced, renamed, and the directory is synced.

use crate::CliError;
use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file that gets its name when it is complete. If it is dropped before, the draft is removed.
pub(crate) struct Draft {
    path: PathBuf,
    draft: PathBuf,
    file: BufWriter<File>,
}

/// The path of a file's draft. It is always the same, so that the next attempt overwrites what a killed process has left.
pub(crate) fn draft_of(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    draft.into()
}

/// Fails if a file exists, unless it may be replaced.
pub(crate) fn refuse_if_there<'a>(files: impl IntoIterator<Item = &'a Path>, replace: bool) -> Result<(), CliError> {
    match files.into_iter().find(|file| !replace && file.symlink_metadata().is_ok()) {
        Some(file) => Err(CliError::failed(format!("{} already exists; --replace overwrites it", file.display()))),
        None => Ok(()),
    }
}

/// Syncs the directory of a file, so that the file's name survives a power cut.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// An error about a file.
pub(crate) fn explain(path: &Path, error: &dyn fmt::Display) -> CliError {
    CliError::failed(format!("{}: {error}", path.display()))
}

/// Creates a draft that only its owner can read.
pub(crate) fn create_draft(draft: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o600).open(draft)
}

/// Syncs a draft that was written, and renames it to its final name.
pub(crate) fn publish(file: &File, draft: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(draft, path)?;
    sync_name(path)
}

impl Draft {
    /// Creates the draft of a file.
    pub(crate) fn new(path: &Path) -> Result<Draft, CliError> {
        let draft = draft_of(path);
        let file = create_draft(&draft);
        let file = BufWriter::new(file.map_err(|error| explain(&draft, &error))?);
        Ok(Draft { path: path.to_owned(), draft, file })
    }

    /// The writer.
    pub(crate) fn file(&mut self) -> &mut (dyn Write + Send) {
        &mut self.file
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.file.write_all(bytes).map_err(|error| explain(&self.draft, &error))
    }

    /// Puts the file on stable storage under its final name.
    pub(crate) fn keep(mut self) -> Result<(), CliError> {
        let kept = self.file.flush().and_then(|()| publish(self.file.get_ref(), &self.draft, &self.path));
        kept.map_err(|error| explain(&self.path, &error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the rename there is no draft left.
        let _ = fs::remove_file(&self.draft);
    }
}
