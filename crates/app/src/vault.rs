//! Keys: every key that protects credentials and personal data is derived from one master key.
//!
//! ```text
//! master key --HKDF--+-- wrapping key ---- wraps the random data key of each account
//!                    |                       data key --+-- seals customers
//!                    |                                  +--HKDF-- seals the account's rows in backups
//!                    +-- HMAC keys: API keys, request fingerprints, setting digests, directory, audit chain, audit end,
//!                    |              backups
//!                    +-- backup key: seals the rows of backups that belong to no account
//!                    +-- Ed25519 seed: signs receipts
//! ```
//!
//! Each derivation is HKDF-SHA-256 with the salt `carnelian`, followed by the registry's id, and a label of its own that ends
//! in a version. With the id, registries with the same master key have no key in common: nothing of one is taken for that of
//! another. (What seals an account's rows in backups comes from its random data key, without the id.)
//!
//! Sealed bytes are a version (1 byte, 1), a nonce (12 bytes) and an AES-256-GCM-SIV ciphertext with its tag (16 bytes). The
//! associated data bind them to their place: the account id for a data key, account id and customer id for a customer's
//! details, each as 8 bytes, big-endian.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    constant_time::verify_slices_are_equal,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use carnelian_domain::{AccountId, Timestamp};
use carnelian_store::{AuditChain, AuditHead, DirectoryKey, Link, RegistryId, RegistryKeys, Seal};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A source of random bytes; the one that uses the operating system is made where the program is wired together.
pub trait Entropy: Send + Sync {
    /// Fills a buffer with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The length of every key, in bytes.
pub const KEY_BYTES: usize = 32;

/// The key that all other keys are derived from.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Generates a new key.
    pub fn generate(entropy: &dyn Entropy) -> MasterKey {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(bytes.as_mut());
        MasterKey(bytes)
    }

    /// Takes the bytes of a stored key; `None` unless there are [`KEY_BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Option<MasterKey> {
        Some(MasterKey(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The bytes, to be stored.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl RegistryKeys for MasterKey {
    fn audit_chain(&self, registry: RegistryId) -> Arc<dyn AuditChain> {
        Arc::new(AuditKey::new(self, registry))
    }

    fn directory_key(&self, registry: RegistryId) -> Arc<dyn DirectoryKey> {
        Arc::new(DirectoryMac(hmac_key(&root(self, registry), b"directory 1")))
    }
}

/// Sealed bytes cannot be opened: another key, another context, or damage.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed data cannot be opened")]
pub struct UnsealError;

/// An AES-256-GCM-SIV key, which stays safe even if a nonce is ever repeated.
pub struct SealingKey(LessSafeKey);

/// The version of the layout: version, nonce, ciphertext with tag.
const SEALED_VERSION: u8 = 1;

impl SealingKey {
    /// Takes the bytes of a key; fails unless there are [`KEY_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<SealingKey, UnsealError> {
        UnboundKey::new(&AES_256_GCM_SIV, bytes).map(|key| SealingKey(LessSafeKey::new(key))).map_err(|_| UnsealError)
    }

    /// Seals bytes; they can be opened only with the same context.
    pub fn seal(&self, entropy: &dyn Entropy, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(SEALED_VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let body = &mut sealed[1 + NONCE_LEN..];
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(context), body);
        // Sealing fails only beyond 64 GiB, which no request reaches.
        sealed.extend_from_slice(tag.expect("a message of less than 64 GiB").as_ref());
        sealed
    }

    /// Opens bytes that were sealed with the same context; never panics, whatever the bytes.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let (&version, rest) = sealed.split_first().ok_or(UnsealError)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(UnsealError)?;
        if version != SEALED_VERSION {
            return Err(UnsealError);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| UnsealError)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut body).map_err(|_| UnsealError)?.len();
        body.truncate(length);
        Ok(body)
    }
}

/// The purpose of the key that wraps data keys.
const WRAPPING: &[u8] = b"data key wrapping 1";

/// The purpose of the value that a registry stores to recognise its master key.
const PROOF: &[u8] = b"master key proof 1";

/// The keys of a registry in service, except those for audit, backups and receipts.
pub(crate) struct Vault {
    wrapping: SealingKey,
    pepper: hmac::Key,
    fingerprints: hmac::Key,
    settings: hmac::Key,
    proof: [u8; KEY_BYTES],
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    pub(crate) fn new(master: &MasterKey, registry: RegistryId, entropy: Arc<dyn Entropy>) -> Vault {
        let root = root(master, registry);
        Vault {
            wrapping: SealingKey::new(derive(&root, WRAPPING).as_slice()).expect("a key of 32 bytes"),
            pepper: hmac_key(&root, b"api key pepper 1"),
            fingerprints: hmac_key(&root, b"request fingerprint 1"),
            settings: hmac_key(&root, b"setting digest 1"),
            proof: *derive(&root, PROOF),
            entropy,
        }
    }

    /// The value that a registry stores to recognise its master key; it reveals nothing about the key.
    pub(crate) fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// Generates a data key for an account and wraps it.
    pub(crate) fn new_data_key(&self, account: AccountId) -> Vec<u8> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.entropy.fill(key.as_mut());
        self.wrapping.seal(&*self.entropy, &wrapping_context(account), key.as_slice())
    }

    /// Unwraps an account's data key.
    pub(crate) fn data_key(&self, account: AccountId, wrapped: &[u8]) -> Result<SealingKey, UnsealError> {
        SealingKey::new(&self.wrapping.open(&wrapping_context(account), wrapped)?)
    }

    /// The keyed digest of an API key: only this is stored.
    pub(crate) fn digest(&self, api_key: &str) -> [u8; KEY_BYTES] {
        sign(&self.pepper, &[api_key.as_bytes()])
    }

    /// A keyed digest that distinguishes requests and reveals nothing about them.
    pub(crate) fn fingerprint(&self, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        sign(&self.fingerprints, parts)
    }

    /// A keyed digest of a setting's value, or of its absence; it reveals nothing about the value.
    pub(crate) fn setting_digest(&self, name: &str, value: Option<&str>) -> [u8; KEY_BYTES] {
        let is_set = u8::from(value.is_some());
        sign(&self.settings, &[name.as_bytes(), &[is_set], value.unwrap_or_default().as_bytes()])
    }
}

/// Authenticates the directory, so that rights cannot be granted without the master key.
struct DirectoryMac(hmac::Key);

impl DirectoryKey for DirectoryMac {
    fn seal(&self, content: &[u8]) -> Seal {
        sign(&self.0, &[content])
    }
}

/// Links the entries of the audit log and seals its end: without the master key neither can be forged.
pub(crate) struct AuditKey {
    chain: hmac::Key,
    end: hmac::Key,
}

impl AuditKey {
    /// Derives the key of a registry.
    pub(crate) fn new(master: &MasterKey, registry: RegistryId) -> AuditKey {
        let root = root(master, registry);
        let (chain, end) = (hmac_key(&root, b"audit chain 1"), hmac_key(&root, b"audit end 1"));
        AuditKey { chain, end }
    }
}

impl AuditChain for AuditKey {
    fn link(&self, previous: &Link, sequence: u64, at: Timestamp, entry: &str) -> Link {
        sign(&self.chain, &[previous, &sequence.to_be_bytes(), &at.0.to_be_bytes(), entry.as_bytes()])
    }

    fn seal(&self, head: &AuditHead, directory: &Seal) -> [u8; KEY_BYTES] {
        sign(&self.end, &[&head.sequence.to_be_bytes(), &head.link, directory])
    }
}

/// Seals and signs backups.
pub struct BackupVault {
    registry: RegistryId,
    wrapping: SealingKey,
    general: SealingKey,
    signing: hmac::Key,
}

impl BackupVault {
    /// Derives the keys of a registry.
    pub fn new(master: &MasterKey, registry: RegistryId) -> BackupVault {
        let root = root(master, registry);
        let sealing = |purpose: &[u8]| SealingKey::new(derive(&root, purpose).as_slice()).expect("a key of 32 bytes");
        BackupVault {
            registry,
            wrapping: sealing(WRAPPING),
            general: sealing(b"backup sealing 1"),
            signing: hmac_key(&root, b"backup signing 1"),
        }
    }

    /// The registry whose keys these are.
    pub(crate) fn registry(&self) -> RegistryId {
        self.registry
    }

    /// The key for rows that belong to no account.
    pub(crate) fn general(&self) -> &SealingKey {
        &self.general
    }

    /// The key for rows of an account, derived from its data key, which itself seals only customers.
    pub(crate) fn account_key(&self, account: AccountId, wrapped: &[u8]) -> Result<SealingKey, UnsealError> {
        let key = self.wrapping.open(&wrapping_context(account), wrapped)?;
        let root = Salt::new(HKDF_SHA256, b"carnelian").extract(&key);
        SealingKey::new(derive(&root, b"backup of account 1").as_slice())
    }

    /// Starts a signature.
    pub(crate) fn sign(&self) -> Signing {
        Signing(hmac::Context::with_key(&self.signing))
    }
}

/// A signature in progress.
pub(crate) struct Signing(hmac::Context);

impl Signing {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.sign().as_ref().to_vec()
    }

    pub(crate) fn verify(&self, signature: &[u8]) -> bool {
        same_digest(self.0.clone().sign().as_ref(), signature)
    }
}

/// Signs receipts; anyone with the public key can check them.
pub(crate) struct ReceiptKey {
    pair: Ed25519KeyPair,
    registry: RegistryId,
}

impl ReceiptKey {
    /// Derives the key of a registry.
    pub(crate) fn new(master: &MasterKey, registry: RegistryId) -> ReceiptKey {
        let seed = derive(&root(master, registry), b"receipt signing 1");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).expect("a seed of 32 bytes");
        ReceiptKey { pair, registry }
    }

    /// The registry whose key this is.
    pub(crate) fn registry(&self) -> RegistryId {
        self.registry
    }

    /// The public key.
    pub(crate) fn public(&self) -> &impl AsRef<[u8]> {
        self.pair.public_key()
    }

    /// An Ed25519 signature.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// Whether a signature was made with this key.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public()).verify(message, signature).is_ok()
    }
}

/// Signs parts, each preceded by its length unless it is the only one.
fn sign(key: &hmac::Key, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        if parts.len() > 1 {
            context.update(&(part.len() as u64).to_be_bytes());
        }
        context.update(part);
    }
    let mut signature = [0; KEY_BYTES];
    signature.copy_from_slice(context.sign().as_ref());
    signature
}

/// The HKDF key from which every other key of a registry is derived.
fn root(master: &MasterKey, registry: RegistryId) -> Prk {
    Salt::new(HKDF_SHA256, &[b"carnelian".as_slice(), &registry.0].concat()).extract(master.as_bytes())
}

fn hmac_key(root: &Prk, purpose: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derive(root, purpose).as_slice())
}

/// Compares digests in constant time.
pub(crate) fn same_digest(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

fn wrapping_context(account: AccountId) -> [u8; 8] {
    account.0.to_be_bytes()
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

fn derive(root: &Prk, purpose: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let info = [purpose];
    let derived = root.expand(&info, KeyLength).and_then(|output| output.fill(key.as_mut()));
    derived.expect("HKDF-SHA-256 yields up to 8160 bytes");
    key
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use carnelian_store::PartitionId;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Returns consecutive numbers, so that tests are repeatable.
    #[derive(Default)]
    pub(crate) struct Counting(AtomicU64);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(197) as u8;
            }
        }
    }

    /// The registry of all tests but those of its id.
    pub(crate) const REGISTRY: RegistryId = RegistryId([3; 16]);

    pub(crate) fn vault() -> Vault {
        let entropy = Arc::new(Counting::default());
        Vault::new(&MasterKey::generate(&*entropy), REGISTRY, entropy)
    }

    #[test]
    fn parts_are_signed_with_their_lengths_and_a_single_one_as_it_is() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        assert_ne!(sign(&key, &[b"ab", b"c"]), sign(&key, &[b"a", b"bc"]));
        assert_ne!(sign(&key, &[b"abc", b""]), sign(&key, &[b"", b"abc"]));
        assert_eq!(sign(&key, &[b"abc"]), hmac::sign(&key, b"abc").as_ref());
    }

    #[test]
    fn a_data_key_opens_only_for_its_account() {
        let vault = vault();
        let wrapped = vault.new_data_key(AccountId(1));
        assert!(vault.data_key(AccountId(1), &wrapped).is_ok());
        assert!(vault.data_key(AccountId(2), &wrapped).is_err());
    }

    #[test]
    fn sealed_bytes_open_only_unaltered_and_in_their_context() {
        let vault = vault();
        let sealed = vault.wrapping.seal(&Counting::default(), b"here", b"Journey");
        assert_eq!(vault.wrapping.open(b"here", &sealed).map(|plain| plain.to_vec()), Ok(b"Journey".to_vec()));
        assert_eq!(vault.wrapping.open(b"there", &sealed), Err(UnsealError));
        for damaged in 0..sealed.len() {
            let mut sealed = sealed.clone();
            sealed[damaged] ^= 1;
            assert_eq!(vault.wrapping.open(b"here", &sealed), Err(UnsealError), "byte {damaged}");
        }
        for short in 0..sealed.len() {
            assert_eq!(vault.wrapping.open(b"here", &sealed[..short]), Err(UnsealError), "{short} bytes");
        }
    }

    #[test]
    fn keys_for_different_purposes_and_masters_differ() {
        let (one, entropy) = (vault(), Arc::new(Counting::default()));
        let other = Vault::new(&MasterKey::from_bytes(&[7; KEY_BYTES]).expect("32 bytes"), REGISTRY, entropy);
        assert_ne!(one.proof(), other.proof());
        assert_ne!(one.digest("key"), other.digest("key"));
        assert_ne!(one.digest("key"), one.digest("kez"));
    }

    #[test]
    fn no_key_of_a_registry_is_that_of_another_registry_with_the_same_master_key() {
        let master = MasterKey::from_bytes(&[7; KEY_BYTES]).expect("32 bytes");
        let of = |registry: RegistryId| {
            let (vault, audit) =
                (Vault::new(&master, registry, Arc::new(Counting::default())), AuditKey::new(&master, registry));
            let (backups, receipts) = (BackupVault::new(&master, registry), ReceiptKey::new(&master, registry));
            let head = AuditHead::empty(PartitionId::FIRST);
            let seals = [
                vault.proof().to_vec(),
                vault.digest("key").to_vec(),
                vault.fingerprint(&[b"request"]).to_vec(),
                vault.setting_digest("listen", None).to_vec(),
                audit.link(&head.link, 1, Timestamp(1), "entry").to_vec(),
                audit.seal(&head, &[0; 32]).to_vec(),
                master.directory_key(registry).seal(b"directory").to_vec(),
                backups.sign().finish(),
                receipts.public().as_ref().to_vec(),
                vault.new_data_key(AccountId(1)),
                backups.general.seal(&Counting::default(), b"", b"text"),
            ];
            assert!(vault.data_key(AccountId(1), &seals[9]).is_ok());
            seals
        };
        let (one, other) = (of(REGISTRY), of(RegistryId([4; 16])));
        for (at, (one, other)) in one.iter().zip(&other).enumerate() {
            assert_ne!(one, other, "key {at}");
        }
    }

    #[test]
    fn a_setting_s_digest_depends_on_its_name_its_value_and_the_master_key() {
        let (one, entropy) = (vault(), Arc::new(Counting::default()));
        let other = Vault::new(&MasterKey::from_bytes(&[7; KEY_BYTES]).expect("32 bytes"), REGISTRY, entropy);
        let digest = one.setting_digest("listen", Some("127.0.0.1:8080"));
        assert_eq!(digest, one.setting_digest("listen", Some("127.0.0.1:8080")));
        assert_ne!(digest, other.setting_digest("listen", Some("127.0.0.1:8080")));
        assert_ne!(digest, one.setting_digest("listen", Some("127.0.0.1:8081")));
        assert_ne!(digest, one.setting_digest("data", Some("127.0.0.1:8080")));
        assert_ne!(one.setting_digest("listen", None), one.setting_digest("listen", Some("")));
    }
}
