//! Imports: many customers in one transaction, and the progress of each import.

use crate::{
    commit::job::{WorkError, WriteTx},
    port::customers::{create, customer, holder_of_name, replace},
    store::SqliteStore,
};
use carnelian_domain::{Action, Object, Origin};
use carnelian_store::{
    AuditEntry, Conflict, EditCustomer, ImportBatch, ImportProgress, ImportRow, ImportStep, Imported, Imports,
    NewCustomer, Replace, RowOutcome, StoreError,
};
use rusqlite::{Connection, OptionalExtension, params};

/// What a row may be refused for, by the number that is stored.
const CONFLICTS: [Conflict; 3] = [Conflict::NoSuchAccount, Conflict::ErasureInProgress, Conflict::NameTaken];

#[async_trait::async_trait]
impl Imports for SqliteStore {
    async fn import_customers(&self, batch: ImportBatch, origin: &Origin) -> Result<Vec<RowOutcome>, StoreError> {
        let origin = origin.clone();
        self.write(move |tx| import(tx, batch, &origin)).await
    }

    async fn import_progress(&self, import: &[u8]) -> Result<Option<ImportProgress>, StoreError> {
        let import = import.to_vec();
        self.readers.read_fresh(move |connection| progress(connection, &import)).await
    }

    async fn finish_import(&self, import: &[u8]) -> Result<(), StoreError> {
        let import = import.to_vec();
        self.write(move |tx| {
            for forget in ["DELETE FROM import_refusal WHERE import_id = ?1", "DELETE FROM import WHERE id = ?1"] {
                tx.connection.prepare_cached(forget)?.execute([&import])?;
            }
            Ok(())
        })
        .await
    }
}

fn import(tx: &mut WriteTx<'_>, batch: ImportBatch, origin: &Origin) -> Result<Vec<RowOutcome>, WorkError> {
    if let Some(step) = &batch.step {
        advance(tx, step)?;
    }
    let mut outcomes = Vec::with_capacity(batch.rows.len());
    for (number, row) in batch.rows {
        let outcome = import_row(tx, row, origin)?;
        if let (Err(conflict), Some(step)) = (outcome, &batch.step) {
            note_refusal(tx.connection, &step.import, number, conflict)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Notes how far the import comes, unless it is somewhere else than expected: then nothing is written.
fn advance(tx: &WriteTx<'_>, step: &ImportStep) -> Result<(), WorkError> {
    let (begins, now) = (step.from == 0, tx.now.0);
    let advance = if begins {
        "INSERT INTO import (id, rows, at) VALUES (?1, ?3, ?4)
            ON CONFLICT (id) DO UPDATE SET rows = ?3, at = ?4 WHERE rows = ?2"
    } else {
        "UPDATE import SET rows = ?3, at = ?4 WHERE id = ?1 AND rows = ?2"
    };
    let advanced = tx.connection.prepare_cached(advance)?.execute(params![step.import, step.from, step.to, now])?;
    if advanced == 0 {
        return Err(Conflict::ImportMovedOn.into());
    }
    if begins {
        forget_old(tx)?;
    }
    Ok(())
}

/// Deletes the progress of imports that have not been resumed for too long.
fn forget_old(tx: &WriteTx<'_>) -> Result<(), rusqlite::Error> {
    let oldest = tx.now.0.saturating_sub(ImportProgress::KEPT_MILLIS);
    let refusals = "DELETE FROM import_refusal WHERE import_id IN (SELECT id FROM import WHERE at < ?1)";
    for forget in [refusals, "DELETE FROM import WHERE at < ?1"] {
        tx.connection.execute(forget, [oldest])?;
    }
    Ok(())
}

/// Stores a row, or says why it is refused; only an error of the database undoes the others.
fn import_row(tx: &mut WriteTx<'_>, row: ImportRow, origin: &Origin) -> Result<RowOutcome, WorkError> {
    let (new, replacement) = match row {
        ImportRow::Customer { new, replace } => (new, replace),
        ImportRow::Refused(conflict) => return Ok(Err(conflict)),
    };
    let entry = AuditEntry::record(origin, Action::CreateCustomer, Object::Customer(new.id), Some(new.account), &[]);
    let stored = match (create(tx, &new, &entry), replacement) {
        (Err(WorkError::Conflict(Conflict::NameTaken)), Some(replacement)) => {
            replace_holder(tx, new, replacement, origin)
        }
        (created, _) => created.map(|written| Imported::Created(written.id)),
    };
    match stored {
        Err(WorkError::Conflict(conflict)) => Ok(Err(conflict)),
        stored => stored.map(Ok),
    }
}

/// Replaces the customer that has the name.
fn replace_holder(
    tx: &mut WriteTx<'_>,
    new: NewCustomer,
    replacement: Replace,
    origin: &Origin,
) -> Result<Imported, WorkError> {
    let hash = tx.indexes()?.hash_key.hash_name(new.account, &new.unique_name);
    let id = holder_of_name(tx, hash, &new)?.ok_or(Conflict::NoSuchCustomer)?;
    let current = customer(tx.connection, id)?.ok_or(Conflict::NoSuchCustomer)?;
    let replacement = replacement(id, &current);
    let edit = EditCustomer {
        seen_in: new.account,
        seen_version: current.version,
        changed_fields: replacement.changed_fields,
        expected_versions: None,
        customer: NewCustomer { id, sealed: replacement.sealed, ..new },
    };
    replace(tx, &edit, origin).map(|written| Imported::Replaced(written.id))
}

fn note_refusal(connection: &Connection, import: &[u8], row: u64, conflict: Conflict) -> Result<(), rusqlite::Error> {
    let number = CONFLICTS.iter().position(|known| *known == conflict);
    let insert = "INSERT INTO import_refusal (import_id, row, conflict) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(insert)?.execute(params![import, row, number])?;
    Ok(())
}

fn progress(connection: &Connection, import: &[u8]) -> Result<Option<ImportProgress>, rusqlite::Error> {
    let mut select = connection.prepare_cached("SELECT rows FROM import WHERE id = ?1")?;
    let Some(rows) = select.query_row([import], |row| row.get(0)).optional()? else { return Ok(None) };
    let select = "SELECT row, conflict FROM import_refusal WHERE import_id = ?1 ORDER BY row";
    let mut select = connection.prepare_cached(select)?;
    let refused = select.query_map([import], |row| {
        let number: usize = row.get(1)?;
        // The table takes no other numbers.
        Ok((row.get(0)?, CONFLICTS[number.min(CONFLICTS.len() - 1)]))
    })?;
    Ok(Some(ImportProgress { rows, refused: refused.collect::<Result<_, _>>()? }))
}
