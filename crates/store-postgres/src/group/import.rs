//! The part of a group that belongs to an import: its progress, and the rows that were refused.

use super::piece::ImportPart;
use crate::transaction::Transaction;
use carnelian_store::{Conflict, ImportProgress, ImportStep, StoreError, Written};

/// What a row may be refused for, by the number that is stored.
pub(crate) const CONFLICTS: [Conflict; 3] = [Conflict::NoSuchAccount, Conflict::ErasureInProgress, Conflict::NameTaken];

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

/// Notes how far an import comes, unless it is somewhere else than expected: then nothing is written.
pub(super) async fn advance(transaction: &Transaction, step: &ImportStep) -> Result<(), StoreError> {
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
pub(super) async fn note_refused(
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
    Ok(transaction.run(REFUSE, &[&step.import, &numbers, &conflicts]).await?.must_count(refused.len())?)
}

/// The number by which a conflict is stored; one that no row may be refused for has none.
fn number_of(conflict: Conflict) -> Option<i64> {
    CONFLICTS.iter().position(|known| *known == conflict).map(|number| number as i64)
}
