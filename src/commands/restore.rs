//! `carnelian restore`.

use super::{
    backup,
    input::open_input,
    output::{counted, print_listing, print_message},
    runtime,
};
use crate::{
    CliError,
    backend::{Purpose, RestoreTarget},
    cli::Confirmation,
    config::Settings,
    file_errors::explain,
    host::ProcessHost,
    master_key, registry_files,
    sandbox::is_marked,
    wiring,
};
use carnelian_app::{
    App, BackupVault,
    admin::keys::KeyStatus,
    backup::{KnownLedger, Restored, TakenAway, check, read_ledger, restore},
};
use carnelian_domain::{Origin, Paging};
use carnelian_store::IdOrName;
use serde_json::json;
use std::{fs::File, io::BufReader, path::Path, sync::Arc};

pub(super) fn run(
    settings: &Settings,
    file: &Path,
    ledger: Option<&Path>,
    (replace, confirmation): (bool, Confirmation),
    origin: &Origin,
) -> Result<(), CliError> {
    if is_marked(&settings.data) {
        let data = settings.data.display();
        return Err(CliError::failed(format!("{data} belongs to a sandbox, which is made from a seed, not a backup")));
    }
    if !file.metadata().map_err(|error| explain(file, &error))?.is_file() {
        return Err(explain(file, &"a backup is read twice, so it must be a regular file"));
    }
    registry_files::check_owner(&settings.data)?;
    let master_key = master_key::existing(settings)?;
    let ledger_path = ledger.map_or_else(|| backup::ledger_of(file), Path::to_owned);
    let input = open_input(&ledger_path);
    let mut input = input.map_err(|error| explain(&ledger_path, &error))?;
    let (registry, ledger) = read_ledger(&master_key, &mut input).map_err(|error| explain(&ledger_path, &error))?;
    if ledger_path == backup::ledger_of(file) {
        let path = ledger_path.display();
        print_message(format_args!(
            "warning: what was erased, revoked or taken away after {path} was written comes back, unless the registry that \
             is replaced has a record of it; pass a newer ledger with --ledger"
        ));
    }
    let vault = BackupVault::new(&master_key, registry);
    let open = || File::open(file).map(BufReader::new).map_err(|error| explain(file, &error));
    let what = format!("restore {} to {}", file.display(), settings.place());
    if confirmation.dry_run {
        check(&vault, &mut open()?).map_err(|error| explain(file, &error))?;
        print_message("the backup and the ledger are whole");
    }
    let what = if replace { format!("{what}, in place of the registry that is there") } else { what };
    if (replace || confirmation.dry_run) && !confirmation.allows(what, &settings.place())? {
        return Ok(());
    }
    let (clock, keys) = (wiring::system_clock(), Arc::new(master_key));
    let target = runtime()?.block_on(RestoreTarget::new(settings, replace, clock.clone(), keys))?;
    for reason in target.unreadable() {
        print_message(format_args!(
            "warning: the registry that is replaced cannot be read ({reason}): what was erased, revoked or taken away in it \
             is not known, and ids that it has given may be given again"
        ));
    }
    // The signature comes last, so the file is read to its end before any of it is used.
    check(&vault, &mut open()?).map_err(|error| explain(file, &error))?;
    let replaced = target.replaced().map(KnownLedger::from_registry);
    let (store, mut backup) = (target.store(), open()?);
    let restored = runtime()?.block_on(restore(store, &vault, &ledger, replaced.as_ref(), &mut backup, origin));
    let restored = restored.map_err(|error| explain(file, &error))?;
    target.finish()?;
    // Opening it removes the registry that was replaced.
    let host = Arc::new(ProcessHost::of_command(settings));
    let opened = wiring::open_app(settings, Purpose::Administration, clock, host, Box::new(drop));
    runtime()?.block_on(async {
        let app = opened.await?;
        cancel_jobs(&app, origin).await?;
        report(&app, &restored, origin).await
    })?;
    print_message(format_args!("{} restored to {}", counted(restored.records, "record"), settings.place()));
    Ok(())
}

/// Cancels the jobs that have not ended: an import that the replaced registry had begun must not continue in this one.
async fn cancel_jobs(app: &App, origin: &Origin) -> Result<(), CliError> {
    let admin = app.local_admin(origin);
    let mut jobs = admin.list_jobs(Paging::ALL).await.map_err(CliError::failed)?.entries;
    jobs.retain(|job| !job.state.is_end());
    for job in &jobs {
        admin.cancel_job(job.id()).await.map_err(CliError::failed)?;
    }
    if !jobs.is_empty() {
        print_message(format_args!("cancelled, since they had not ended: {}", counted(jobs.len() as u64, "job")));
    }
    Ok(())
}

/// Says what was left out, and lists who can sign in now.
async fn report(app: &App, restored: &Restored, origin: &Origin) -> Result<(), CliError> {
    let Restored { accounts_left_out: accounts, customers_left_out: customers, erasures_forgotten, taken_away, .. } =
        restored;
    if accounts + customers > 0 {
        let (accounts, customers) = (counted(*accounts, "account"), counted(*customers, "customer"));
        print_message(format_args!("left out, since they were erased: {accounts}, {customers}"));
    }
    let TakenAway { keys, users, roles, groups, members } = taken_away;
    if *taken_away != TakenAway::default() {
        print_message(format_args!(
            "stays taken away: {} revoked, {} disabled, {} lowered, {} and {} removed from a group",
            counted(*keys, "key"),
            counted(*users, "user"),
            counted(*roles, "role"),
            counted(*groups, "user"),
            counted(*members, "account")
        ));
    }
    let admin = app.local_admin(origin);
    for id in erasures_forgotten {
        let account = admin.get_account(&IdOrName::Id(*id)).await.map_err(CliError::failed)?;
        print_message(format_args!(
            "warning: the erasure of account {:?} was requested after the backup and is forgotten; request it again",
            account.name
        ));
    }
    let mut rows = Vec::new();
    for user in admin.list_users(Paging::ALL, None).await.map_err(CliError::failed)?.entries {
        let keys = admin.list_keys(&IdOrName::Id(user.id), Paging::ALL).await.map_err(CliError::failed)?.entries;
        let usable = keys.into_iter().filter(|key| key.status == KeyStatus::Active).map(|key| key.key_id);
        let usable: Vec<_> = usable.collect();
        if user.enabled && !usable.is_empty() {
            let group = json!(user.group_name.as_deref());
            rows.push(vec![
                json!(*user.name),
                json!(*user.account_name),
                group,
                json!(user.role.name()),
                json!(usable),
            ]);
        }
    }
    if rows.is_empty() {
        print_message("no user can sign in: none is enabled and has a key that is in force");
        return Ok(());
    }
    print_message(format_args!("{} can sign in, with these roles and keys:", counted(rows.len() as u64, "user")));
    print_listing(false, &["username", "accountName", "accountGroup", "roleName", "keys"], rows)
}
