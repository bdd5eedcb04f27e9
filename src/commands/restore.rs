//! `carnelian restore`.

use super::{backup, output::words};
use crate::{Refusal, config::Settings, master_key, whole_file};
use carnelian_app::{
    BackupVault,
    backup::{BackupError, Restored, check, read, read_ledger},
};
use carnelian_store::Ledger;
use carnelian_store_sqlite::{Restoring, SqliteStore, install, make_directory};
use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

pub(super) fn run(settings: &Settings, file: &Path, ledger: Option<&Path>, replace: bool) -> Result<(), Refusal> {
    if SqliteStore::exists(&settings.data) && !replace {
        let place = settings.data.display();
        return Err(Refusal::refused(format!("{place} holds a registry; --replace puts the backup in its place")));
    }
    let vault = BackupVault::new(&master_key::existing(settings)?);
    let ledger_path = ledger.map_or_else(|| backup::ledger_of(file), Path::to_owned);
    let text = fs::read_to_string(&ledger_path).map_err(|error| whole_file::explain(&ledger_path, &error))?;
    let ledger = read_ledger(&vault, &text).map_err(|error| whole_file::explain(&ledger_path, &error))?;
    let open = || File::open(file).map(BufReader::new).map_err(|error| whole_file::explain(file, &error));
    // All of it is looked at before any of it is believed.
    let schema = check(&vault, &mut open()?).map_err(|error| whole_file::explain(file, &error))?;
    make_directory(&settings.data).map_err(Refusal::refused)?;
    let staging = Staging::new(&settings.data)?;
    let rows = fill(&staging.0, &vault, schema, &ledger, &mut open()?);
    let rows = rows.map_err(|error| whole_file::explain(file, &error))?;
    install(&staging.0, &settings.data).map_err(Refusal::refused)?;
    words(format_args!("{rows} rows are restored in {}", settings.data.display()));
    Ok(())
}

/// Makes a database of a backup that was checked, and says how many rows came back.
fn fill(
    staging: &Path,
    vault: &BackupVault,
    schema: u32,
    ledger: &Ledger,
    file: &mut BufReader<File>,
) -> Result<u64, Box<dyn std::error::Error>> {
    let restoring = Restoring::begin(staging, schema, ledger)?;
    let mut rows = 0;
    let done: Result<(), BackupError> = read(vault, ledger, file, &mut |restored| {
        match restored {
            Restored::Row(row) => restoring.put(&row)?,
            Restored::Erased(row) => restoring.put_erased(&row)?,
        }
        rows += 1;
        Ok(())
    });
    done?;
    restoring.finish(ledger)?;
    Ok(rows)
}

/// A folder in which the database is made; gone in the end.
struct Staging(PathBuf);

impl Staging {
    fn new(data: &Path) -> Result<Staging, Refusal> {
        let path = data.join(format!("restore.{}", std::process::id()));
        make_directory(&path).map_err(Refusal::refused)?;
        Ok(Staging(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
