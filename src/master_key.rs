//! The file with the master key: it is made when a registry is made, readable by its owner alone, and never changed.

use crate::{
    CliError,
    config::Settings,
    registry_files::{Access, check_key},
};
use carnelian_app::{
    Entropy, MasterKey,
    atomic_file::{Draft, sync_name},
};
use data_encoding::HEXLOWER;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What the file begins with; the key follows in hexadecimal digits.
const PREFIX: &str = "carnelian-master-key-1:";

/// The file's name in the data directory.
const FILE: &str = "master.key";

/// Reads the master key; makes one if there is no registry yet and no file was named.
pub(crate) fn load(settings: &Settings, has_registry: bool, entropy: &dyn Entropy) -> Result<MasterKey, CliError> {
    if let Some(path) = &settings.master_key_file {
        return read(settings, path);
    }
    let path = settings.data.join(FILE);
    let settled = match path.try_exists() {
        Ok(false) if has_registry => {
            let advice = if settings.database_url.is_some() {
                "copy it from another server of the registry; for a new registry, carnelian migrate makes it"
            } else {
                "without the master key this registry cannot be read"
            };
            let path = path.display();
            return Err(CliError::failed(format!(
                "{path} is missing; {advice} (--master-key-file names another place)"
            )));
        }
        Ok(false) => make(&path, &MasterKey::generate(entropy)),
        // The process that made the key may have been killed before it synced the name, and a registry needs it next.
        _ if !has_registry => sync_name(&path),
        _ => Ok(()),
    };
    settled.map_err(|error| explain(&path, &error))?;
    read(settings, &path)
}

/// Where the master key is.
pub(crate) fn path(settings: &Settings) -> PathBuf {
    settings.master_key_file.clone().unwrap_or_else(|| settings.data.join(FILE))
}

/// Reads the master key where it must be.
pub(crate) fn existing(settings: &Settings) -> Result<MasterKey, CliError> {
    let path = path(settings);
    if path.try_exists().map_err(|error| explain(&path, &error))? {
        return read(settings, &path);
    }
    let advice = "put the master key of the backup there, or name it with --master-key-file";
    Err(CliError::failed(format!("{} is missing: {advice}", path.display())))
}

fn read(settings: &Settings, path: &Path) -> Result<MasterKey, CliError> {
    check_key(settings, path, Access::Owner)?;
    let text = fs::read_to_string(path).map_err(|error| explain(path, &error))?;
    parse(&text).ok_or_else(|| CliError::failed(format!("{}: this is not a master key", path.display())))
}

/// Reads the text of a master key's file; total for any text.
pub fn parse(text: &str) -> Option<MasterKey> {
    let digits = text.trim().strip_prefix(PREFIX)?;
    MasterKey::from_bytes(&HEXLOWER.decode(digits.as_bytes()).ok()?)
}

/// Writes the key so that the file is either whole or not there, and never takes the place of another one.
fn make(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut draft = Draft::new(path)?;
    writeln!(draft, "{PREFIX}{}", HEXLOWER.encode(key.as_bytes()))?;
    // If another process has made a key at the same time, that is the one to use.
    draft.keep_unless_there().map(drop)
}

fn explain(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn settings(directory: &Path) -> Settings {
        Settings { data: directory.to_owned(), ..Settings::default() }
    }

    #[test]
    fn a_new_registry_gets_a_private_key_file_and_keeps_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let settings = settings(directory.path());
        let made = load(&settings, false, &Fixed).expect("a key");
        let mode = fs::metadata(directory.path().join(FILE)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = load(&settings, false, &Fixed).expect("a key");
        assert_eq!(made.as_bytes(), read.as_bytes());
    }

    #[test]
    fn a_file_for_everybody_and_a_file_that_is_no_key_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(FILE);
        let settings = settings(directory.path());
        load(&settings, false, &Fixed).expect("a key");
        for mode in [0o604, 0o640, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changes");
            assert!(load(&settings, false, &Fixed).is_err(), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changes");
        fs::write(&path, "carnelian-master-key-1:00").expect("writes");
        assert!(load(&settings, false, &Fixed).is_err());
    }

    #[test]
    fn a_registry_that_lost_its_key_is_not_given_a_new_one() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("carnelian.db"), "").expect("writes");
        assert!(load(&settings(directory.path()), true, &Fixed).is_err());
    }
}
