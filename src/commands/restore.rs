//! `carnelian restore`.

use super::{backup, input::read_text, output::print_message, runtime};
use crate::{
    CliError, atomic_file,
    backend::{Purpose, RestoreTarget},
    config::Settings,
    master_key, registry_files,
    sandbox::is_marked,
    wiring,
};
use carnelian_app::{
    BackupVault,
    backup::{Restored, check, read_ledger, restore},
};
use carnelian_domain::Origin;
use std::{fs::File, io::BufReader, path::Path, sync::Arc};

pub(super) fn run(
    settings: &Settings,
    file: &Path,
    ledger: Option<&Path>,
    replace: bool,
    origin: &Origin,
) -> Result<(), CliError> {
    if is_marked(&settings.data) {
        let data = settings.data.display();
        return Err(CliError::failed(format!("{data} belongs to a sandbox, which is made from a seed, not a backup")));
    }
    if !file.metadata().map_err(|error| atomic_file::explain(file, &error))?.is_file() {
        return Err(atomic_file::explain(file, &"a backup is read twice, so it must be a regular file"));
    }
    registry_files::check_owner(&settings.data)?;
    let master_key = master_key::existing(settings)?;
    let ledger_path = ledger.map_or_else(|| backup::ledger_of(file), Path::to_owned);
    let text = read_text(&ledger_path).map_err(|error| atomic_file::explain(&ledger_path, &error))?;
    let ledger = read_ledger(&master_key, &text).map_err(|error| atomic_file::explain(&ledger_path, &error))?;
    if ledger_path == backup::ledger_of(file) {
        let path = ledger_path.display();
        print_message(format_args!(
            "warning: people erased after {path} was written are restored; pass a newer ledger with --ledger"
        ));
    }
    let vault = BackupVault::new(&master_key, ledger.registry());
    let (clock, keys) = (wiring::system_clock(), Arc::new(master_key));
    let target = RestoreTarget::new(settings, replace, clock.clone(), keys)?;
    let open = || File::open(file).map(BufReader::new).map_err(|error| atomic_file::explain(file, &error));
    // The signature comes last, so the file is read to its end before any of it is used.
    check(&vault, &mut open()?).map_err(|error| atomic_file::explain(file, &error))?;
    let restored = runtime()?.block_on(restore(target.store(), &vault, &ledger, &mut open()?, origin));
    let Restored { records, accounts_left_out: accounts, customers_left_out: customers } =
        restored.map_err(|error| atomic_file::explain(file, &error))?;
    target.finish()?;
    // Opening it removes the registry that was replaced.
    let opened = wiring::open_app(settings, Purpose::Administration, clock, Box::new(drop));
    runtime()?.block_on(opened)?;
    if accounts + customers > 0 {
        print_message(format_args!(
            "left out, since the ledger no longer has them: {accounts} accounts, {customers} customers"
        ));
    }
    print_message(format_args!("{records} records restored to {}", settings.data.display()));
    Ok(())
}
