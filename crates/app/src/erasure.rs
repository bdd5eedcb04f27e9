//! Erasing accounts: in small steps, until nothing is left, with a signed receipt for each.

pub use carnelian_store::{ErasureRecord, ErasureState};

use crate::{App, administration::AdminError, failure::Failure, vault::ReceiptKey};
use carnelian_domain::{Actor, Origin, Timestamp};
use carnelian_store::StoreError;
use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use std::{sync::PoisonError, time::Duration};

/// How many customers are erased in one transaction: few enough that nobody else's write waits long for it.
const STEP: usize = 5;

/// How many times as long as a step took the next one waits, so that others have most of the time.
const PAUSE: u32 = 3;

/// How long it takes at least until the files are gone through again for customers who were erased one by one.
const OVERWRITE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The signature's place in a receipt.
const SIGNATURE: &str = "signature";

impl App {
    /// Every erasure, in the order in which they were asked for.
    pub async fn list_erasures(&self) -> Result<Vec<ErasureRecord>, AdminError> {
        Ok(self.store.erasures().await?)
    }

    /// Carries out every erasure that is due, one after the other, and goes on with one that was interrupted; then writes
    /// their receipts.
    pub async fn run_erasures(&self) -> Result<(), Failure> {
        while let Some(mut erasure) = self.store.begin_erasure().await? {
            let (id, account_id, origin) = (erasure.id, erasure.account.0, Origin::of(Actor::Server));
            tracing::info!(erasure = id.0, account_id, "an account is being erased");
            while erasure.state == ErasureState::Running {
                let step = self.store.continue_erasure(id, STEP, &origin);
                erasure = self.with_pause(step).await?;
            }
            let customers = erasure.customers;
            tracing::info!(erasure = id.0, account_id, customers, "an account was erased");
        }
        self.write_receipts().await
    }

    /// Writes the receipts of all accounts that are erased, once no file holds anything of them.
    async fn write_receipts(&self) -> Result<(), Failure> {
        let mut erased = self.store.erasures().await?;
        erased.retain(|erasure| erasure.state == ErasureState::Erased);
        if erased.is_empty() {
            return self.overwrite_if_due().await;
        }
        // Nobody may find a data key in memory either.
        self.refresh_directory().await?;
        self.overwrite_everything().await?;
        for erasure in erased {
            let receipt = receipt(&self.receipt_key, &erasure, self.clock.now());
            self.store.keep_receipt(erasure.id, receipt).await?;
        }
        Ok(())
    }

    /// Overwrites what erasures of single customers may have left, if that is not too soon.
    async fn overwrite_if_due(&self) -> Result<(), Failure> {
        let now = self.clock.monotonic();
        let due = *self.overwrite_again_at.lock().unwrap_or_else(PoisonError::into_inner) <= now;
        if due && self.store.leftovers().await? > 0 {
            self.overwrite_everything().await?;
        }
        Ok(())
    }

    /// Goes through all of the files, and waits until nothing that was erased before is in any.
    async fn overwrite_everything(&self) -> Result<(), Failure> {
        let (leftovers, mut next) = (self.store.leftovers().await?, Some(1));
        while let Some(from) = next {
            next = self.with_pause(self.store.overwrite_leftovers(from, leftovers)).await?;
        }
        self.store.overwrite_erased().await?;
        let again_at = self.clock.monotonic() + OVERWRITE_INTERVAL;
        *self.overwrite_again_at.lock().unwrap_or_else(PoisonError::into_inner) = again_at;
        Ok(())
    }

    /// Does one of many steps, and waits then, so that others have most of the time.
    async fn with_pause<T>(&self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let start = self.clock.monotonic();
        let done = step.await;
        let took: Duration = self.clock.monotonic().saturating_sub(start);
        tokio::time::sleep(took * PAUSE).await;
        done
    }

    /// Whether a receipt is one of this registry, as it was written.
    pub fn is_receipt(&self, receipt: &str) -> bool {
        let Ok(Value::Object(mut told)) = serde_json::from_str::<Value>(receipt) else { return false };
        let Some(Value::String(signature)) = told.shift_remove(SIGNATURE) else { return false };
        let signature = BASE64.decode(signature.as_bytes());
        signature.is_ok_and(|signature| self.receipt_key.has_signed(signed(&told).as_bytes(), &signature))
    }
}

/// Says what was erased and when, signed.
fn receipt(key: &ReceiptKey, erasure: &ErasureRecord, overwritten_at: Timestamp) -> String {
    let told = json!({
        "erasureId": erasure.id.0,
        "accountId": erasure.account.0,
        "requestedBy": erasure.requested_by,
        "requestedAt": erasure.requested_at.to_iso8601(),
        "reason": erasure.reason,
        "customers": erasure.customers,
        "users": erasure.users,
        "keys": erasure.keys,
        "dataKeyDestroyedAt": erasure.erased_at.map(Timestamp::to_iso8601),
        "filesOverwrittenAt": overwritten_at.to_iso8601(),
        "publicKey": BASE64.encode(key.public().as_ref()),
    });
    let Value::Object(mut told) = told else { return String::new() };
    let signature = key.sign(signed(&told).as_bytes());
    told.insert(SIGNATURE.to_owned(), BASE64.encode(&signature).into());
    Value::Object(told).to_string()
}

/// What is signed of a receipt: everything before the signature, without white space between its parts.
fn signed(told: &Map<String, Value>) -> String {
    Value::Object(told.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKey;
    use carnelian_domain::{AccountId, ErasureId};

    #[test]
    fn a_receipt_tells_everything_and_its_signature_covers_it() {
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
        let receipt = receipt(&key, &erasure, Timestamp(2000));
        let (told, signature) = receipt.rsplit_once(",\"signature\":\"").expect("it is signed");
        let expected = "{\"erasureId\":3,\"accountId\":5,\"requestedBy\":\"user:2\",\
            \"requestedAt\":\"1970-01-01T00:00:00.000Z\",\"reason\":\"contract ended\",\"customers\":41,\"users\":2,\
            \"keys\":4,\"dataKeyDestroyedAt\":\"1970-01-01T00:00:01.000Z\",\
            \"filesOverwrittenAt\":\"1970-01-01T00:00:02.000Z\",\"publicKey\":";
        assert!(told.starts_with(expected), "{told}");
        let signature = BASE64.decode(signature.trim_end_matches("\"}").as_bytes()).expect("is Base64");
        assert!(key.has_signed(format!("{told}}}").as_bytes(), &signature));
        assert!(!key.has_signed(format!("{}}}", told.replace("41", "40")).as_bytes(), &signature));
    }
}
