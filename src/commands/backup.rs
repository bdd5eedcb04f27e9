//! `carnelian backup` and `carnelian ledger`.

use super::{
    input::is_dash,
    output::{counted, print_bytes, print_message},
};
use crate::{
    CliError,
    file_errors::{explain, refuse_if_there},
};
use carnelian_app::{App, atomic_file::Draft};
use carnelian_domain::Origin;
use std::path::{Path, PathBuf};

/// What is added to the name of a backup for its ledger.
const LEDGER: &str = ".ledger";

/// Where the ledger of a backup is, unless another place is named.
pub(super) fn ledger_of(backup: &Path) -> PathBuf {
    let mut ledger = backup.as_os_str().to_owned();
    ledger.push(LEDGER);
    ledger.into()
}

pub(super) async fn back_up(app: &App, file: &Path, replace: bool, origin: &Origin) -> Result<(), CliError> {
    let ledger = ledger_of(file);
    refuse_if_there([file, &ledger], replace)?;
    let mut draft = Draft::new(file).map_err(|error| explain(file, &error))?;
    let records = app.back_up(&mut draft, origin).await.map_err(|error| explain(file, &error))?;
    // Written after it, so that the ledger knows everything that is in the backup.
    write_ledger(app, &ledger, origin).await?;
    draft.keep().map_err(|error| explain(file, &error))?;
    let records = counted(records, "record");
    print_message(format_args!("{records} written to {}; its ledger is {}", file.display(), ledger.display()));
    Ok(())
}

pub(super) async fn ledger(app: &App, file: &Path, replace: bool, origin: &Origin) -> Result<(), CliError> {
    if is_dash(file) {
        let mut bytes = Vec::new();
        app.write_ledger(&mut bytes, origin).await.map_err(CliError::failed)?;
        return print_bytes(&bytes);
    }
    refuse_if_there([file], replace)?;
    write_ledger(app, file, origin).await
}

async fn write_ledger(app: &App, file: &Path, origin: &Origin) -> Result<(), CliError> {
    let mut draft = Draft::new(file).map_err(|error| explain(file, &error))?;
    app.write_ledger(&mut draft, origin).await.map_err(|error| explain(file, &error))?;
    draft.keep().map_err(|error| explain(file, &error))
}
