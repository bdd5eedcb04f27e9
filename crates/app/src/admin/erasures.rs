//! Erasures of accounts, with their receipts.

use super::{Admin, AdminError};
use carnelian_domain::{ErasureId, Page, Paging};
use carnelian_store::{Conflict, ErasureRecord};

impl Admin<'_> {
    /// Lists the erasures, in the order of their requests.
    pub async fn list_erasures(&self, paging: Paging) -> Result<Page<ErasureRecord>, AdminError> {
        Ok(paging.page(self.app.store.erasures().await?))
    }

    /// Reads an erasure, with its receipt if there is one.
    pub async fn get_erasure(&self, id: ErasureId) -> Result<ErasureRecord, AdminError> {
        let erasures = self.app.store.erasures().await?;
        let erasure = erasures.into_iter().find(|erasure| erasure.id == id);
        erasure.ok_or(AdminError::Conflict(Conflict::NoSuchErasure))
    }
}
