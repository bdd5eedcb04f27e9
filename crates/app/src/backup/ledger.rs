//! The ledger: the keys that open backups, and the customers that no restore brings back.

use super::BackupError;
use crate::{App, MasterKey, exact::parse_exact, vault::BackupVault};
use carnelian_domain::{AccountId, CustomerId};
use carnelian_store::{Ledger, RegistryId};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// How many erased customers are read from the store at once.
const PAGE: usize = 10_000;

/// A ledger as it was read from a file.
#[derive(Clone, Debug)]
pub struct KnownLedger {
    /// The registry that it belongs to.
    pub(super) registry: RegistryId,
    /// The accounts that are not erased, and which ids were given.
    pub(super) ledger: Ledger,
    /// The customers that were erased one by one.
    pub(super) erased_customers: HashSet<CustomerId>,
}

impl KnownLedger {
    /// The registry that it belongs to.
    pub fn registry(&self) -> RegistryId {
        self.registry
    }
}

impl App {
    /// The text of the ledger that opens this registry's backups.
    pub async fn ledger(&self) -> Result<String, BackupError> {
        let ledger = self.store.ledger().await?;
        let mut file = LedgerFile {
            version: VERSION,
            registry: self.keys.backups.registry().to_string(),
            last_account: ledger.last_account,
            next_customer_id: ledger.next_customer_id,
            keys: ledger.keys.iter().map(|(account, key)| (account.0, BASE64.encode(key))).collect(),
            erased_customers: Vec::new(),
        };
        loop {
            let last = file.erased_customers.last().copied().unwrap_or_default();
            let page = self.store.erased_customers(CustomerId(last), PAGE).await?;
            file.erased_customers.extend(page.iter().map(|id| id.0));
            if page.len() < PAGE {
                return Ok(file.to_text(&self.keys.backups));
            }
        }
    }
}

/// The version of the format.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LedgerFile {
    #[serde(rename = "carnelianLedger")]
    version: u32,
    registry: String,
    last_account: u64,
    next_customer_id: u64,
    keys: BTreeMap<u64, String>,
    erased_customers: Vec<u64>,
}

impl LedgerFile {
    fn to_text(&self, vault: &BackupVault) -> String {
        let text = serde_json::to_string(self).expect("a ledger is made of numbers and strings");
        let mut signature = vault.sign();
        signature.update(text.as_bytes());
        format!("{text} {}\n", BASE64.encode(&signature.finish()))
    }
}

/// Reads a ledger from the text of its file.
pub fn read_ledger(master: &MasterKey, text: &str) -> Result<KnownLedger, BackupError> {
    let (text, signature) =
        text.strip_suffix('\n').and_then(|text| text.rsplit_once(' ')).ok_or(BackupError::NotALedger)?;
    let file: LedgerFile = parse_exact(text.as_bytes()).ok_or(BackupError::NotALedger)?;
    let registry = file.registry.parse().map_err(|_| BackupError::NotALedger)?;
    // The signature says whether anything in it may be believed, the id that chooses the key included.
    let vault = BackupVault::new(master, registry);
    let mut signed = vault.sign();
    signed.update(text.as_bytes());
    let signature = BASE64.decode(signature.as_bytes()).map_err(|_| BackupError::NotALedger)?;
    if !signed.verify(&signature) {
        return Err(BackupError::NotALedger);
    }
    let key = |(account, key): (u64, String)| Some((AccountId(account), BASE64.decode(key.as_bytes()).ok()?));
    let keys = file.keys.into_iter().map(key).collect::<Option<_>>().ok_or(BackupError::NotALedger)?;
    Ok(KnownLedger {
        registry,
        ledger: Ledger { keys, last_account: file.last_account, next_customer_id: file.next_customer_id },
        erased_customers: file.erased_customers.into_iter().map(CustomerId).collect(),
    })
}
