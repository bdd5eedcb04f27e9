//! Carrying out erasures of accounts, and writing their receipts.
//!
//! ```text
//! every second:  claim an erasure that is due or interrupted --> run it --> next one
//!                accounts erased without a receipt?  yes --> remove results of jobs --> purge --> sign and store a receipt for each
//!                                                    no  --> purge, at most once an hour, for single customers
//! ```
//!
//! Every server does this; the lease of a claim keeps two of them from running the same erasure (see
//! `carnelian_store::Erasures`). A receipt states only what the store observed: without `overwritten_at` it does not claim
//! that files were overwritten. Copies of the database that the operator makes are known by a setting alone.

pub use carnelian_store::{ErasureRecord, ErasureState};

use crate::{App, exact::parse_exact, failure::Failure, vault::ReceiptKey};
use carnelian_domain::{Actor, Origin, Timestamp};
use carnelian_store::{Conflict, Purged, StoreError};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, time::Duration};

/// How long a claim of an erasure lasts without being renewed: far longer than a transaction takes, also on a slow disk.
const LEASE: Duration = Duration::from_secs(30);

/// The time between two purges for customers who were erased one by one.
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What comes before the signature, which ends a receipt.
const SIGNATURE: &str = ",\"signature\":\"";

/// What comes after it.
const END: &str = "\"}";

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
        // Results of exports and imports may have data of the account.
        if !self.remove_customer_files().await? {
            return Ok(());
        }
        // The data keys must not stay in memory either.
        self.refresh_directory().await?;
        let purged = self.purge().await?;
        for erasure in erased {
            let receipt = receipt(&self.keys.receipts, &erasure, purged.overwritten_at, self.erasures.copies_kept);
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

    /// Whether this is the text of a receipt, byte for byte, as this registry has signed it.
    pub fn is_receipt(&self, text: &str) -> bool {
        is_receipt(&self.keys.receipts, text)
    }
}

/// What a receipt says, in the order in which it says it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Receipt<'a> {
    registry_id: Cow<'a, str>,
    erasure_id: u64,
    account_id: u64,
    requested_by: Cow<'a, str>,
    requested_at: Cow<'a, str>,
    reason: Option<Cow<'a, str>>,
    customers: u64,
    users: u64,
    keys: u64,
    rows_removed_at: Option<Cow<'a, str>>,
    files_overwritten_at: Option<Cow<'a, str>>,
    copies_expire_at: Option<Cow<'a, str>>,
    public_key: Cow<'a, str>,
}

/// A signed statement of what was erased and when, and when copies expire that are kept for some seconds.
fn receipt(
    key: &ReceiptKey,
    erasure: &ErasureRecord,
    overwritten_at: Option<Timestamp>,
    copies_kept: Option<u64>,
) -> String {
    // What is copied until then may hold erased data.
    let last_copy_at = overwritten_at.or(erasure.erased_at);
    let copies_expire_at = last_copy_at.zip(copies_kept).map(|(at, kept)| at.plus_seconds(kept));
    let moment = |at: Option<Timestamp>| at.map(|at| Cow::from(at.to_iso8601()));
    let receipt = Receipt {
        registry_id: key.registry().to_string().into(),
        erasure_id: erasure.id.0,
        account_id: erasure.account.0,
        requested_by: (&*erasure.requested_by).into(),
        requested_at: erasure.requested_at.to_iso8601().into(),
        reason: erasure.reason.as_deref().map(Cow::from),
        customers: erasure.customers,
        users: erasure.users,
        keys: erasure.keys,
        rows_removed_at: moment(erasure.erased_at),
        files_overwritten_at: moment(overwritten_at),
        copies_expire_at: moment(copies_expire_at),
        public_key: BASE64.encode(key.public().as_ref()).into(),
    };
    let text = serde_json::to_string(&receipt).expect("a receipt is made of numbers and strings");
    let signature = BASE64.encode(&key.sign(text.as_bytes()));
    let fields = text.strip_suffix('}').expect("it is an object");
    format!("{fields}{SIGNATURE}{signature}{END}")
}

/// Whether a text is a receipt, byte for byte, that was signed with a key. The signed bytes are those before the signature
/// and the brace that closes them; there is one way to write the signature itself.
fn is_receipt(key: &ReceiptKey, text: &str) -> bool {
    let Some((fields, signature)) = text.strip_suffix(END).and_then(|text| text.rsplit_once(SIGNATURE)) else {
        return false;
    };
    let signed = format!("{fields}}}");
    BASE64.decode(signature.as_bytes()).is_ok_and(|signature| key.has_signed(signed.as_bytes(), &signature))
        && parse_exact::<Receipt<'_>>(signed.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::MasterKey;
    use carnelian_domain::{AccountId, ErasureId};
    use carnelian_store::RegistryId;

    fn key() -> ReceiptKey {
        ReceiptKey::new(&MasterKey::from_bytes(&[7; 32]).expect("32 bytes"), RegistryId([3; 16]))
    }

    fn erasure() -> ErasureRecord {
        ErasureRecord {
            id: ErasureId(3),
            account: AccountId(5),
            state: ErasureState::Erased,
            requested_at: Timestamp(0),
            requested_by: "user:2".into(),
            reason: Some("contract \"ended\"".into()),
            due_at: Timestamp(0),
            erased_at: Some(Timestamp(1000)),
            customers: 41,
            users: 2,
            keys: 4,
            receipt: None,
        }
    }

    fn signed() -> (ReceiptKey, String) {
        let key = key();
        let receipt = receipt(&key, &erasure(), Some(Timestamp(2000)), Some(60));
        (key, receipt)
    }

    #[test]
    fn copies_expire_some_time_after_the_last_one_that_may_hold_erased_data() {
        let later = Some(Timestamp(2000));
        for (overwritten_at, copies_kept, expected) in [
            (None, None, "\"filesOverwrittenAt\":null,\"copiesExpireAt\":null"),
            (None, Some(60), "\"filesOverwrittenAt\":null,\"copiesExpireAt\":\"1970-01-01T00:01:01.000Z\""),
            (later, None, "\"filesOverwrittenAt\":\"1970-01-01T00:00:02.000Z\",\"copiesExpireAt\":null"),
            (later, Some(0), "\"copiesExpireAt\":\"1970-01-01T00:00:02.000Z\""),
        ] {
            let receipt = receipt(&key(), &erasure(), overwritten_at, copies_kept);
            assert!(receipt.contains("\"rowsRemovedAt\":\"1970-01-01T00:00:01.000Z\""), "{receipt}");
            assert!(receipt.contains(expected), "{receipt}");
        }
    }

    #[test]
    fn a_receipt_contains_every_fact_and_its_signature_covers_them() {
        let (key, receipt) = signed();
        let (fields, signature) = receipt.rsplit_once(",\"signature\":\"").expect("it is signed");
        let expected = "{\"registryId\":\"03030303030303030303030303030303\",\"erasureId\":3,\"accountId\":5,\"requestedBy\":\"user:2\",\
            \"requestedAt\":\"1970-01-01T00:00:00.000Z\",\"reason\":\"contract \\\"ended\\\"\",\"customers\":41,\"users\":2,\
            \"keys\":4,\"rowsRemovedAt\":\"1970-01-01T00:00:01.000Z\",\
            \"filesOverwrittenAt\":\"1970-01-01T00:00:02.000Z\",\"copiesExpireAt\":\"1970-01-01T00:01:02.000Z\",\
            \"publicKey\":";
        assert!(fields.starts_with(expected), "{fields}");
        let signature = BASE64.decode(signature.trim_end_matches("\"}").as_bytes()).expect("is Base64");
        assert!(key.has_signed(format!("{fields}}}").as_bytes(), &signature));
        assert!(!key.has_signed(format!("{}}}", fields.replace("41", "40")).as_bytes(), &signature));
    }

    #[test]
    fn a_receipt_is_the_very_bytes_that_were_signed() {
        let (key, receipt) = signed();
        assert!(is_receipt(&key, &receipt));
        let signature = &receipt[receipt.find(SIGNATURE).expect("it is signed")..receipt.len() - 1];
        let fields = &receipt[1..receipt.len() - signature.len() - 1];
        let moved = format!("{{{}{}{signature}}}", "\"accountId\":5,", fields.replace("\"accountId\":5,", ""));
        let others = [
            ("a repeated key before", receipt.replacen('{', "{\"customers\":41,", 1)),
            ("another value before the signed one", receipt.replacen('{', "{\"customers\":1,", 1)),
            ("a repeated key after", receipt.replace(",\"signature\"", ",\"customers\":41,\"signature\"")),
            ("a repeated signature", format!("{{{fields}{signature}{signature}}}")),
            ("the signature first", format!("{{{},{fields}}}", &signature[1..])),
            ("another order", moved),
            ("another member", receipt.replace(",\"signature\"", ",\"note\":null,\"signature\"")),
            ("a member less", receipt.replace("\"users\":2,", "")),
            ("a member after the signature", format!("{{{fields}{signature},\"users\":2}}")),
            ("white space", receipt.replacen(':', ": ", 1)),
            ("white space before", format!(" {receipt}")),
            ("white space after", format!("{receipt} ")),
            ("a line break after", format!("{receipt}\n")),
            ("data after it", format!("{receipt}{receipt}")),
            ("an escape", receipt.replace("contract", "\\u0063ontract")),
            ("another number", receipt.replace("41", "41.0")),
            ("padding less", receipt.replace("=\"}", "\"}")),
            ("without a signature", format!("{{{fields}}}")),
            ("nothing", String::new()),
        ];
        for (case, other) in others {
            assert_ne!(other, receipt, "{case}");
            assert!(!is_receipt(&key, &other), "{case}: {other}");
        }
        for at in 0..receipt.len() {
            for bit in 0..7 {
                let mut bytes = receipt.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let other = String::from_utf8(bytes).expect("seven bits are a character");
                assert!(!is_receipt(&key, &other), "bit {bit} of byte {at}: {other}");
            }
        }
    }

    #[test]
    fn a_text_that_is_no_receipt_is_none_even_if_it_is_signed() {
        let (key, receipt) = signed();
        let fields = &receipt[..receipt.find(SIGNATURE).expect("it is signed")];
        let repeated = fields.replacen('{', "{\"customers\":1,", 1);
        let spaced = fields.replacen(':', ": ", 1);
        let more = format!("{fields},\"note\":1");
        for fields in [&repeated, &spaced, &more, "{"] {
            let signature = BASE64.encode(&key.sign(format!("{fields}}}").as_bytes()));
            assert!(!is_receipt(&key, &format!("{fields}{SIGNATURE}{signature}{END}")), "{fields}");
        }
    }
}
