//! Carrying out erasures of accounts, and writing their receipts.
//!
//! ```text
//! every second:  claim an erasure that is due or interrupted --> run it --> next one
//!                accounts erased without a receipt?  yes --> purge --> sign and store a receipt for each
//!                                                    no  --> purge, at most once an hour, for single customers
//! ```
//!
//! Every server does this; the lease of a claim keeps two of them from running the same erasure (see
//! `carnelian_store::Erasures`). A receipt states only what the store observed: without `overwritten_at` it does not claim
//! that files were overwritten.

pub use carnelian_store::{ErasureRecord, ErasureState};

use crate::{App, failure::Failure, vault::ReceiptKey};
use carnelian_domain::{Actor, Origin, Timestamp};
use carnelian_store::{Conflict, Purged, StoreError};
use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long a claim of an erasure lasts without being renewed: far longer than a transaction takes, also on a slow disk.
const LEASE: Duration = Duration::from_secs(30);

/// The time between two purges for customers who were erased one by one.
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The name of the signature in a receipt.
const SIGNATURE: &str = "signature";

impl App {
    /// Carries out every erasure that is due or was interrupted, unless another server does; then writes receipts.
    pub async fn run_erasures(&self) -> Result<(), Failure> {
        while let Some(claimed) = self.store.claim_erasure(self.erasures.id, LEASE).await? {
            let (id, account_id, origin) = (claimed.id, claimed.account.0, Origin::new(Actor::Server));
            tracing::info!(erasure = id.0, account_id, "an account is being erased");
            match self.store.run_erasure(id, self.erasures.id, LEASE, &origin).await? {
                Some(ErasureRecord { customers, .. }) => {
                    tracing::info!(erasure = id.0, account_id, customers, "an account was erased")
                }
                None => tracing::warn!(erasure = id.0, account_id, "another server has taken over an erasure"),
            }
        }
        self.write_receipts().await
    }

    /// Writes the receipts of all erased accounts, after a purge.
    async fn write_receipts(&self) -> Result<(), Failure> {
        let mut erased = self.store.erasures().await?;
        erased.retain(|erasure| erasure.state == ErasureState::Erased);
        if erased.is_empty() {
            return self.purge_if_due().await;
        }
        // The data keys must not stay in memory either.
        self.refresh_directory().await?;
        let purged = self.purge().await?;
        for erasure in erased {
            let receipt = receipt(&self.keys.receipts, &erasure, purged.overwritten_at);
            match self.store.keep_receipt(erasure.id, receipt).await {
                // Another server has written a receipt.
                Ok(()) | Err(StoreError::Conflict(Conflict::NoSuchErasure)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Purges for customers who were erased one by one, unless the last purge was a short time ago.
    async fn purge_if_due(&self) -> Result<(), Failure> {
        let now = self.clock.monotonic();
        if *self.erasures.purge_again_at.lock() <= now {
            self.purge().await?;
        }
        Ok(())
    }

    async fn purge(&self) -> Result<Purged, StoreError> {
        let purged = self.store.purge().await?;
        if purged.erasures > 0 {
            let again_at = self.clock.monotonic() + PURGE_INTERVAL;
            *self.erasures.purge_again_at.lock() = again_at;
        }
        Ok(purged)
    }

    /// Whether a receipt was signed by this registry and is unaltered.
    pub fn is_receipt(&self, receipt: &str) -> bool {
        let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(receipt) else { return false };
        let Some(Value::String(signature)) = fields.shift_remove(SIGNATURE) else { return false };
        let signature = BASE64.decode(signature.as_bytes());
        signature.is_ok_and(|signature| self.keys.receipts.has_signed(signed_text(&fields).as_bytes(), &signature))
    }
}

/// A signed statement of what was erased and when.
fn receipt(key: &ReceiptKey, erasure: &ErasureRecord, overwritten_at: Option<Timestamp>) -> String {
    let fields = json!({
        "erasureId": erasure.id.0,
        "accountId": erasure.account.0,
        "requestedBy": erasure.requested_by,
        "requestedAt": erasure.requested_at.to_iso8601(),
        "reason": erasure.reason,
        "customers": erasure.customers,
        "users": erasure.users,
        "keys": erasure.keys,
        "dataKeyDestroyedAt": erasure.erased_at.map(Timestamp::to_iso8601),
        "filesOverwrittenAt": overwritten_at.map(Timestamp::to_iso8601),
        "publicKey": BASE64.encode(key.public().as_ref()),
    });
    let Value::Object(mut fields) = fields else { return String::new() };
    let signature = key.sign(signed_text(&fields).as_bytes());
    fields.insert(SIGNATURE.to_owned(), BASE64.encode(&signature).into());
    Value::Object(fields).to_string()
}

/// The signed text of a receipt: all fields but the signature, as JSON without white space.
fn signed_text(fields: &Map<String, Value>) -> String {
    Value::Object(fields.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKey;
    use carnelian_domain::{AccountId, ErasureId};

    #[test]
    fn a_receipt_contains_every_fact_and_its_signature_covers_them() {
        let key = ReceiptKey::new(&MasterKey::from_bytes(&[7; 32]).expect("32 bytes"));
        let erasure = ErasureRecord {
            id: ErasureId(3),
            account: AccountId(5),
            state: ErasureState::Erased,
            requested_at: Timestamp(0),
            requested_by: "user:2".into(),
            reason: Some("contract ended".into()),
            due_at: Timestamp(0),
            erased_at: Some(Timestamp(1000)),
            customers: 41,
            users: 2,
            keys: 4,
            receipt: None,
        };
        let receipt = receipt(&key, &erasure, Some(Timestamp(2000)));
        let (fields, signature) = receipt.rsplit_once(",\"signature\":\"").expect("it is signed");
        let expected = "{\"erasureId\":3,\"accountId\":5,\"requestedBy\":\"user:2\",\
            \"requestedAt\":\"1970-01-01T00:00:00.000Z\",\"reason\":\"contract ended\",\"customers\":41,\"users\":2,\
            \"keys\":4,\"dataKeyDestroyedAt\":\"1970-01-01T00:00:01.000Z\",\
            \"filesOverwrittenAt\":\"1970-01-01T00:00:02.000Z\",\"publicKey\":";
        assert!(fields.starts_with(expected), "{fields}");
        let signature = BASE64.decode(signature.trim_end_matches("\"}").as_bytes()).expect("is Base64");
        assert!(key.has_signed(format!("{fields}}}").as_bytes(), &signature));
        assert!(!key.has_signed(format!("{}}}", fields.replace("41", "40")).as_bytes(), &signature));
    }
}
