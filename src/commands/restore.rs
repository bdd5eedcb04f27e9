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
use carnelian_store_sqlite::{Noted, Restoring, SqliteStore, Staging, decide, take_back};
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
    refuse_where_it_may_not_be(&settings.data, replace)?;
    let master_key = master_key::existing(settings)?;
    let vault = BackupVault::new(&master_key);
    let ledger_path = ledger.map_or_else(|| backup::ledger_of(file), Path::to_owned);
    let text = fs::read_to_string(&ledger_path).map_err(|error| whole_file::explain(&ledger_path, &error))?;
    let ledger = read_ledger(&vault, &text).map_err(|error| whole_file::explain(&ledger_path, &error))?;
    if ledger_path == backup::ledger_of(file) {
        let path = ledger_path.display();
        words(format_args!("whoever was erased after {path} was written comes back; --ledger names a newer ledger"));
    }
    let open = || File::open(file).map(BufReader::new).map_err(|error| whole_file::explain(file, &error));
    // All of it is looked at before any of it is believed.
    let schema = check(&vault, &mut open()?).map_err(|error| whole_file::explain(file, &error))?;
    let staging = Staging::make(&settings.data).map_err(Refusal::refused)?;
    let noted = wiring::noted(&master_key, origin);
    let filled = fill(staging.path(), &vault, schema, &ledger, &mut open()?, noted);
    let filled = filled.map_err(|error| whole_file::explain(file, &error))?;
    decide(staging, &settings.data, replace).map_err(Refusal::refused)?;
    words("the backup is whole; it takes its place as soon as no other command has the registry open");
    wait_for_its_place(settings)?;
    let Filled { rows, accounts_left_out: accounts, customers_left_out: customers } = filled;
    if accounts + customers > 0 {
        words(format_args!(
            "left out, since the ledger no longer has them: {accounts} accounts, {customers} customers"
        ));
    }
    words(format_args!("{rows} rows are restored in {}", settings.data.display()));
    Ok(())
}

fn refuse_where_it_may_not_be(data: &Path, replace: bool) -> Result<(), Refusal> {
    let place = data.display();
    if is_marked(data) {
        return Err(Refusal::refused(format!("{place} belongs to a sandbox, which begins with a seed and no backup")));
    }
    if SqliteStore::exists(data) && !replace {
        return Err(Refusal::refused(format!("{place} holds a registry; --replace puts the backup in its place")));
    }
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

/// Opens the restored registry, as whatever opens one puts it in its place first; a server that has the old one open
/// does so, and is waited for. If nobody does, everything stays as it was.
fn wait_for_its_place(settings: &Settings) -> Result<(), Refusal> {
    let open = wiring::open_app(settings, Purpose::Administration, wiring::system_clock(), Box::new(drop));
    let Err(refusal) = runtime()?.block_on(open) else { return Ok(()) };
    let is_taken_back = take_back(&settings.data).map_err(Refusal::refused)?;
    let why = refusal.why();
    Err(if is_taken_back {
        Refusal::refused(format!("{why}; it was taken back, and nothing has changed"))
    } else {
        refusal
    })
}
