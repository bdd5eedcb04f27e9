//! Imports: many customers in one transaction, and the progress of each import.

use crate::{
    group::{ImportPart, Piece, Write, import::CONFLICTS},
    port::rows::number,
    store::PostgresStore,
};
use carnelian_domain::Origin;
use carnelian_store::{
    Conflict, ImportBatch, ImportProgress, ImportRow, Imported, Imports, RowOutcome, StoreError, Written,
};

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
