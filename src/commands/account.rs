//! `carnelian account`.

use super::{
    input::read_text,
    output::{Cell, Columns, print_documents, print_message, print_result},
};
use crate::{
    CliError,
    administration::{Administration, text},
    cli::Account,
    seconds::Seconds,
};
use carnelian_app::App;
use carnelian_domain::Origin;
use std::path::Path;

/// The columns of a listing of accounts.
const ACCOUNTS: &Columns = &[("accountName", Cell::Same), ("accountId", Cell::Same), ("status", Cell::Same)];

/// The columns of a listing of erasures.
const ERASURES: &Columns = &[
    ("erasureId", Cell::Number),
    ("accountId", Cell::Number),
    ("status", Cell::Same),
    ("requestedAt", Cell::Same),
    ("requestedBy", Cell::Same),
    ("reason", Cell::Same),
    ("dueAt", Cell::Same),
    ("erasedAt", Cell::Same),
    ("customers", Cell::Same),
];

/// Runs a command that a server can carry out, too. The others are [`erasure_grace`] and [`check_receipt`].
pub(super) async fn run(admin: &dyn Administration, command: Account) -> Result<(), CliError> {
    match command {
        Account::Create { name } => {
            print_result(text(&admin.create_account(&name).await?, "accountId")?)?;
            print_message(format_args!("created account {name:?}"));
            Ok(())
        }
        Account::List(options) => print_documents(options.json, ACCOUNTS, &admin.list_accounts().await?),
        Account::RequestErasure { name, confirmation } => {
            admin.get_account(&name).await?;
            let what = format!("request the erasure of account {name:?} with its customers, users and keys");
            if !confirmation.allows(what, &name)? {
                return Ok(());
            }
            let erasure = admin.request_erasure(&name).await?;
            print_message(format_args!(
                "requested the erasure of account {name:?}; nothing can be created or edited in it"
            ));
            print_result(erasure)
        }
        Account::CancelErasure { name } => {
            admin.cancel_erasure(&name).await?;
            print_message(format_args!("cancelled the erasure of account {name:?}"));
            Ok(())
        }
        Account::Erasures(options) => print_documents(options.json, ERASURES, &admin.list_erasures().await?),
        Account::Receipt { erasure } => {
            let receipt = admin.get_erasure(erasure).await?["receipt"].take();
            if receipt.is_null() {
                return Err(CliError::failed(format!("erasure {erasure} has no receipt yet")));
            }
            print_result(receipt)
        }
        Account::ErasureGrace { .. } | Account::CheckReceipt { .. } => Err(CliError::usage(
            "a server does not offer this: run it on the machine of the registry, without --server",
        )),
    }
}

/// Prints or sets the grace period of erasures.
pub(super) async fn erasure_grace(app: &App, grace: Option<Seconds>, origin: &Origin) -> Result<(), CliError> {
    let Some(grace) = grace else {
        return print_result(Seconds(app.erasure_grace().await.map_err(CliError::failed)?));
    };
    app.local_admin(origin).set_erasure_grace(grace.0).await.map_err(CliError::failed)?;
    print_message(format_args!("erasures that are requested from now on begin {grace} later"));
    Ok(())
}

/// Verifies a receipt.
pub(super) fn check_receipt(app: &App, file: &Path) -> Result<(), CliError> {
    let text = read_text(file).map_err(|error| CliError::failed(format!("{}: {error}", file.display())))?;
    if !app.is_receipt(text.strip_suffix("\n").unwrap_or(&text)) {
        return Err(CliError::failed(format!("{}: not a receipt of this registry, or altered", file.display())));
    }
    print_message("the receipt was signed by this registry and is unaltered");
    Ok(())
}
