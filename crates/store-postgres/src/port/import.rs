//! Imports: many customers in one transaction, and the progress of each import.

use crate::{
    error::DatabaseError,
    group::{ImportPart, Piece, Write},
    port::rows::number,
    store::PostgresStore,
    transaction::Transaction,
};
use carnelian_domain::Origin;
use carnelian_store::{
    Conflict, ImportBatch, ImportProgress, ImportRow, ImportStep, Imported, Imports, RowOutcome, StoreError, Written,
};

/// What a row may be refused for, by the number that is stored.
const CONFLICTS: [Conflict; 3] = [Conflict::NoSuchAccount, Conflict::ErasureInProgress, Conflict::NameTaken];

const BEGIN: &str = "
    INSERT INTO import (id, rows_done, at) VALUES ($1, $3, $4)
    ON CONFLICT (id) DO UPDATE SET rows_done = excluded.rows_done, at = excluded.at WHERE import.rows_done = $2";
const ADVANCE: &str = "UPDATE import SET rows_done = $3, at = $4 WHERE id = $1 AND rows_done = $2";

const FORGET_OLD_REFUSALS: &str = "
    DELETE FROM import_refusal WHERE import_id IN (SELECT id FROM import WHERE at < $1)";
const FORGET_OLD: &str = "DELETE FROM import WHERE at < $1";

const REFUSE: &str = "
    INSERT INTO import_refusal (import_id, row_number, conflict)
    SELECT $1::BYTEA, t.row_number, t.conflict FROM unnest($2::BIGINT[], $3::BIGINT[]) AS t (row_number, conflict)";

const PROGRESS: &str = "SELECT rows_done FROM import WHERE id = $1";
const REFUSED: &str = "SELECT row_number, conflict FROM import_refusal WHERE import_id = $1 ORDER BY row_number";

const FORGET_REFUSALS: &str = "DELETE FROM import_refusal WHERE import_id = $1";
const FORGET: &str = "DELETE FROM import WHERE id = $1";

#[async_trait::async_trait]
impl Imports for PostgresStore {
    async fn import_customers(&self, batch: ImportBatch, origin: &Origin) -> Result<Vec<RowOutcome>, StoreError> {
        let (mut pieces, mut numbers, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        // The conflict of each row that the caller refuses; the outcomes of the others come later.
        let mut rows = Vec::new();
        for (number, row) in batch.rows {
            match row {
                ImportRow::Customer { new, replace } => {
                    rows.push(Ok(new.id));
                    numbers.push(number);
                    pieces.push(Piece { write: Write::Create { new, replace }, origin: origin.clone(), key: None });
                }
                ImportRow::Refused(conflict) => {
                    rows.push(Err(conflict));
                    refused.push((number, conflict));
                }
            }
        }
        let import = ImportPart { step: batch.step, numbers, refused };
        let mut outcomes = self.writer.import(pieces, import).await?.into_iter();
        let mut outcome = |row: Result<_, Conflict>| match row {
            Err(conflict) => Ok(Err(conflict)),
            Ok(id) => match outcomes.next() {
                Some(Ok(Written { id: written, .. })) if written == id => Ok(Ok(Imported::Created(id))),
                Some(Ok(Written { id: written, .. })) => Ok(Ok(Imported::Replaced(written))),
                Some(Err(StoreError::Conflict(conflict))) => Ok(Err(conflict)),
                Some(Err(error)) => Err(error),
                None => Err(StoreError::unknown("a row has no outcome")),
            },
        };
        rows.into_iter().map(&mut outcome).collect()
    }

    async fn import_progress(&self, import: &[u8]) -> Result<Option<ImportProgress>, StoreError> {
        let sessions = &self.core.sessions;
        let done = sessions.read_all(&[(PROGRESS, &[&import]), (REFUSED, &[&import])]).await?;
        let Some(progress) = done[0].rows.first() else { return Ok(None) };
        let refused = done[1].rows.iter().map(|row| {
            // The table takes no other numbers.
            let conflict = usize::try_from(row.get::<_, i64>(1)).unwrap_or_default().min(CONFLICTS.len() - 1);
            (number(row, 0), CONFLICTS[conflict])
        });
        Ok(Some(ImportProgress { rows: number(progress, 0), refused: refused.collect() }))
    }

    async fn finish_import(&self, import: &[u8]) -> Result<(), StoreError> {
        let transaction = self.core.begin().await?;
        transaction.run_all(&[(FORGET_REFUSALS, &[&import]), (FORGET, &[&import])]).await?;
        transaction.commit().await
    }
}

/// Notes how far an import comes, unless it is somewhere else than expected: then nothing is written.
pub(crate) async fn advance(transaction: &Transaction, step: &ImportStep) -> Result<(), StoreError> {
    let (from, to, now) = (step.from.cast_signed(), step.to.cast_signed(), transaction.now.0);
    let statement = if step.from == 0 { BEGIN } else { ADVANCE };
    if transaction.run(statement, &[&step.import, &from, &to, &now]).await?.count == 0 {
        return Err(Conflict::ImportMovedOn.into());
    }
    if step.from == 0 {
        let oldest = now.saturating_sub(ImportProgress::KEPT_MILLIS);
        transaction.run_all(&[(FORGET_OLD_REFUSALS, &[&oldest]), (FORGET_OLD, &[&oldest])]).await?;
    }
    Ok(())
}

/// Stores which rows of an import were refused. Fails if a row failed otherwise.
pub(crate) async fn note_refused(
    transaction: &Transaction,
    import: &ImportPart,
    outcomes: &[Result<Written, StoreError>],
) -> Result<(), StoreError> {
    let mut refused = import.refused.clone();
    for (number, outcome) in import.numbers.iter().zip(outcomes) {
        match outcome {
            Ok(_) => {}
            Err(StoreError::Conflict(conflict)) => refused.push((*number, *conflict)),
            Err(error) => return Err(error.clone()),
        }
    }
    let Some(step) = import.step.as_ref().filter(|_| !refused.is_empty()) else { return Ok(()) };
    let numbers: Vec<_> = refused.iter().map(|(number, _)| number.cast_signed()).collect();
    let conflicts: Vec<_> = refused.iter().map(|(_, conflict)| number_of(*conflict)).collect();
    let stored = transaction.run(REFUSE, &[&step.import, &numbers, &conflicts]).await?;
    if stored.count == refused.len() as u64 {
        Ok(())
    } else {
        Err(DatabaseError::Corrupt("the refused rows of an import were not stored").into())
    }
}

/// The number by which a conflict is stored; one that no row may be refused for has none.
fn number_of(conflict: Conflict) -> Option<i64> {
    CONFLICTS.iter().position(|known| *known == conflict).map(|number| number as i64)
}
