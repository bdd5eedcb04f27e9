//! `carnelian backup` and `carnelian ledger`.

use super::{
    input::is_dash,
    output::{print_message, print_result},
};
use crate::{CliError, atomic_file};
use carnelian_app::App;
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
    atomic_file::refuse_if_there([file, &ledger], replace)?;
    let mut draft = atomic_file::Draft::new(file)?;
    let records = app.back_up(draft.file(), origin).await.map_err(|error| atomic_file::explain(file, &error))?;
    // Written after it, so that the ledger knows every account that is in the backup.
    write_ledger(app, &ledger).await?;
    draft.keep()?;
    print_message(format_args!("{records} records written to {}; its ledger is {}", file.display(), ledger.display()));
    Ok(())
}

pub(super) async fn ledger(app: &App, file: &Path, replace: bool) -> Result<(), CliError> {
    if is_dash(file) {
        return print_result(app.ledger().await.map_err(CliError::failed)?.trim_end());
    }
    atomic_file::refuse_if_there([file], replace)?;
    write_ledger(app, file).await
}

async fn write_ledger(app: &App, file: &Path) -> Result<(), CliError> {
    let text = app.ledger().await.map_err(CliError::failed)?;
    let mut draft = atomic_file::Draft::new(file)?;
    draft.write(text.as_bytes())?;
    draft.keep()
}
