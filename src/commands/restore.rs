//! `carnelian restore`.

use super::{backup, output::words, runtime};
use crate::{
    Refusal,
    config::Settings,
    master_key,
    sandbox::is_marked,
    whole_file,
    wiring::{self, Purpose},
};
use carnelian_app::{
    BackupVault,
    backup::{BackupError, Restored, check, read, read_ledger},
};
use carnelian_domain::Origin;
use carnelian_store::Ledger;
use carnelian_store_sqlite::{Noted, Restore, Restoring};
use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
};

pub(super) fn run(
    settings: &Settings,
    file: &Path,
    ledger: Option<&Path>,
    replace: bool,
    origin: &Origin,
) -> Result<(), Refusal> {
    if is_marked(&settings.data) {
        let data = settings.data.display();
        return Err(Refusal::refused(format!("{data} belongs to a sandbox, which is made from a seed, not a backup")));
    }
    let master_key = master_key::existing(settings)?;
    let vault = BackupVault::new(&master_key);
    let ledger_path = ledger.map_or_else(|| backup::ledger_of(file), Path::to_owned);
    let text = fs::read_to_string(&ledger_path).map_err(|error| whole_file::explain(&ledger_path, &error))?;
    let ledger = read_ledger(&vault, &text).map_err(|error| whole_file::explain(&ledger_path, &error))?;
    if ledger_path == backup::ledger_of(file) {
        let path = ledger_path.display();
        words(format_args!(
            "warning: people erased after {path} was written are restored; pass a newer ledger with --ledger"
        ));
    }
    let open = || File::open(file).map(BufReader::new).map_err(|error| whole_file::explain(file, &error));
    let restore = Restore::begin(&settings.data, replace).map_err(Refusal::refused)?;
    // The signature comes last, so the file is read to its end before any of it is used.
    let schema = check(&vault, &mut open()?).map_err(|error| whole_file::explain(file, &error))?;
    let noted = wiring::noted(&master_key, origin);
    let filled = fill(restore.staging(), &vault, schema, &ledger, &mut open()?, noted);
    let filled = filled.map_err(|error| whole_file::explain(file, &error))?;
    restore.finish().map_err(Refusal::refused)?;
    // Opening it removes the registry that was replaced.
    let opened = wiring::open_app(settings, Purpose::Administration, wiring::system_clock(), Box::new(drop));
    runtime()?.block_on(opened)?;
    let Filled { rows, accounts_left_out: accounts, customers_left_out: customers } = filled;
    if accounts + customers > 0 {
        words(format_args!(
            "left out, since the ledger no longer has them: {accounts} accounts, {customers} customers"
        ));
    }
    words(format_args!("{rows} rows are restored in {}", settings.data.display()));
    Ok(())
}

/// What came of a backup.
#[derive(Default)]
struct Filled {
    rows: u64,
    accounts_left_out: u64,
    customers_left_out: u64,
}

/// Makes a database of a backup that was checked.
fn fill(
    staging: &Path,
    vault: &BackupVault,
    schema: u32,
    ledger: &Ledger,
    file: &mut BufReader<File>,
    noted: Noted,
) -> Result<Filled, Box<dyn std::error::Error>> {
    let mut restoring = Restoring::begin(staging, schema, ledger, &*noted.chain)?;
    let mut filled = Filled::default();
    let done: Result<(), BackupError> = read(vault, ledger, file, &mut |restored| match restored {
        Restored::Row(row) => {
            filled.rows += 1;
            restoring.put(&row)
        }
        Restored::Erased(row) => {
            filled.accounts_left_out += u64::from(row.table == "account");
            filled.customers_left_out += u64::from(row.table == "customer");
            restoring.put_erased(&row)
        }
    });
    done?;
    restoring.finish(ledger, noted)?;
    Ok(filled)
}
