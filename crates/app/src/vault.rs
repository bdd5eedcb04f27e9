//! The keys: one master key, and from it everything that protects credentials and personal data.

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    constant_time::verify_slices_are_equal,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use carnelian_domain::{AccountId, Timestamp};
use carnelian_store::{AuditChain, AuditHead, Link};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Makes random bytes; the one that asks the system is made where the program is wired together.
pub trait Entropy: Send + Sync {
    /// Fills a buffer with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The length of every key here, in bytes.
pub const KEY_BYTES: usize = 32;

/// The key that all other keys come from.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Makes a new one.
    pub fn generate(entropy: &dyn Entropy) -> MasterKey {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(bytes.as_mut());
        MasterKey(bytes)
    }

    /// Takes one that was kept.
    pub fn from_bytes(bytes: &[u8]) -> Option<MasterKey> {
        Some(MasterKey(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The bytes, to be kept.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// Sealed bytes that do not open: another key, another place, or damage.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open")]
pub struct DoesNotOpen;

/// An AES-256-GCM-SIV key, which stays safe even if a nonce should ever come twice.
pub struct SealingKey(LessSafeKey);

/// The version of the layout: version, nonce, ciphertext with tag.
const SEALED_VERSION: u8 = 1;

impl SealingKey {
    /// Takes the bytes of a key, of which there must be [`KEY_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<SealingKey, DoesNotOpen> {
        UnboundKey::new(&AES_256_GCM_SIV, bytes).map(|key| SealingKey(LessSafeKey::new(key))).map_err(|_| DoesNotOpen)
    }

    /// Seals bytes so that they open only together with the same context.
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

    /// Opens what was sealed with the same context; total for any bytes.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (&version, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        if version != SEALED_VERSION {
            return Err(DoesNotOpen);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut body).map_err(|_| DoesNotOpen)?.len();
        body.truncate(length);
        Ok(body)
    }
}

/// What the key is derived for that wraps data keys.
const WRAPPING: &[u8] = b"data key wrapping 1";

/// What is derived to recognise a master key.
const PROOF: &[u8] = b"master key proof 1";

/// Derives, wraps and unwraps.
pub(crate) struct Vault {
    wrapping: SealingKey,
    pepper: hmac::Key,
    fingerprints: hmac::Key,
    settings: hmac::Key,
    proof: [u8; KEY_BYTES],
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    pub(crate) fn new(master: &MasterKey, entropy: Arc<dyn Entropy>) -> Vault {
        let root = root(master);
        Vault {
            wrapping: SealingKey::new(derive(&root, WRAPPING).as_slice()).expect("a key of 32 bytes"),
            pepper: hmac_key(&root, b"api key pepper 1"),
            fingerprints: hmac_key(&root, b"request fingerprint 1"),
            settings: hmac_key(&root, b"setting digest 1"),
            proof: *derive(&root, PROOF),
            entropy,
        }
    }

    /// What a registry keeps to recognise its master key; it gives nothing away.
    pub(crate) fn proof(&self) -> &[u8] {
        &self.proof
    }

    /// Makes a data key for an account and wraps it.
    pub(crate) fn new_data_key(&self, account: AccountId) -> Vec<u8> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        self.entropy.fill(key.as_mut());
        self.wrapping.seal(&*self.entropy, &wrapping_context(account), key.as_slice())
    }

    /// Unwraps an account's data key.
    pub(crate) fn data_key(&self, account: AccountId, wrapped: &[u8]) -> Result<SealingKey, DoesNotOpen> {
        SealingKey::new(&self.wrapping.open(&wrapping_context(account), wrapped)?)
    }

    /// The keyed digest of an API key, which is all that is stored of it.
    pub(crate) fn digest(&self, api_key: &str) -> [u8; KEY_BYTES] {
        sign(&self.pepper, &[api_key.as_bytes()])
    }

    /// What tells requests apart and gives nothing of them away.
    pub(crate) fn fingerprint(&self, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        sign(&self.fingerprints, parts)
    }

    /// What stands for the value of a setting, or for there being none, and gives nothing of it away.
    pub(crate) fn setting_digest(&self, name: &str, value: Option<&str>) -> [u8; KEY_BYTES] {
        let is_there = u8::from(value.is_some());
        sign(&self.settings, &[name.as_bytes(), &[is_there], value.unwrap_or_default().as_bytes()])
    }
}

/// Links the entries of the audit log and seals its end, so that nobody without the master key can make one or move it.
pub struct AuditKey {
    chain: hmac::Key,
    end: hmac::Key,
}

impl AuditKey {
    /// The key of a registry with this master key.
    pub fn new(master: &MasterKey) -> AuditKey {
        let root = root(master);
        let (chain, end) = (hmac_key(&root, b"audit chain 1"), hmac_key(&root, b"audit end 1"));
        AuditKey { chain, end }
    }
}

impl AuditChain for AuditKey {
    fn link(&self, previous: &Link, sequence: u64, at: Timestamp, entry: &str) -> Link {
        sign(&self.chain, &[previous, &sequence.to_be_bytes(), &at.0.to_be_bytes(), entry.as_bytes()])
    }

    fn seal(&self, head: &AuditHead) -> Link {
        sign(&self.end, &[&head.sequence.to_be_bytes(), &head.link])
    }
}

/// Seals and signs backups.
pub struct BackupVault {
    wrapping: SealingKey,
    general: SealingKey,
    signing: hmac::Key,
}

impl BackupVault {
    /// The keys of a registry with this master key.
    pub fn new(master: &MasterKey) -> BackupVault {
        let root = root(master);
        let sealing = |purpose: &[u8]| SealingKey::new(derive(&root, purpose).as_slice()).expect("a key of 32 bytes");
        BackupVault {
            wrapping: sealing(WRAPPING),
            general: sealing(b"backup sealing 1"),
            signing: hmac_key(&root, b"backup signing 1"),
        }
    }

    /// Seals what belongs to no account.
    pub(crate) fn general(&self) -> &SealingKey {
        &self.general
    }

    /// Seals what belongs to an account; it comes from the account's data key, which seals nothing twice.
    pub(crate) fn account_key(&self, account: AccountId, wrapped: &[u8]) -> Result<SealingKey, DoesNotOpen> {
        let key = self.wrapping.open(&wrapping_context(account), wrapped)?;
        let root = Salt::new(HKDF_SHA256, b"carnelian").extract(&key);
        SealingKey::new(derive(&root, b"backup of account 1").as_slice())
    }

    /// Begins a signature.
    pub(crate) fn sign(&self) -> Signing {
        Signing(hmac::Context::with_key(&self.signing))
    }
}

/// A signature that is being made.
pub(crate) struct Signing(hmac::Context);

impl Signing {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.sign().as_ref().to_vec()
    }

    pub(crate) fn verify(self, signature: &[u8]) -> bool {
        same_digest(&self.finish(), signature)
    }
}

/// Signs receipts, so that whoever has the public key can check them.
pub(crate) struct ReceiptKey(Ed25519KeyPair);

impl ReceiptKey {
    /// The key of a registry with this master key.
    pub(crate) fn new(master: &MasterKey) -> ReceiptKey {
        let seed = derive(&root(master), b"receipt signing 1");
        ReceiptKey(Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).expect("a seed of 32 bytes"))
    }

    /// The public key.
    pub(crate) fn public(&self) -> &impl AsRef<[u8]> {
        self.0.public_key()
    }

    /// An Ed25519 signature.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// Whether a signature is this key's.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public()).verify(message, signature).is_ok()
    }
}

/// Signs parts; each is told from its neighbours by its length.
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

/// What every other key is derived from.
fn root(master: &MasterKey) -> Prk {
    Salt::new(HKDF_SHA256, b"carnelian").extract(master.as_bytes())
}

fn hmac_key(root: &Prk, purpose: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derive(root, purpose).as_slice())
}

/// Compares digests in a time that tells nothing about them.
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
    derived.expect("HKDF-SHA-256 gives up to 8160 bytes");
    key
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Counts instead of rolling dice, so that tests are repeatable.
    #[derive(Default)]
    pub(crate) struct Counting(AtomicU64);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(197) as u8;
            }
        }
    }

    pub(crate) fn vault() -> Vault {
        let entropy = Arc::new(Counting::default());
        Vault::new(&MasterKey::generate(&*entropy), entropy)
    }

    #[test]
    fn a_data_key_opens_only_for_its_account() {
        let vault = vault();
        let wrapped = vault.new_data_key(AccountId(1));
        assert!(vault.data_key(AccountId(1), &wrapped).is_ok());
        assert!(vault.data_key(AccountId(2), &wrapped).is_err());
    }

    #[test]
    fn sealed_bytes_open_only_whole_and_in_their_context() {
        let vault = vault();
        let sealed = vault.wrapping.seal(&Counting::default(), b"here", b"Journey");
        assert_eq!(vault.wrapping.open(b"here", &sealed).map(|plain| plain.to_vec()), Ok(b"Journey".to_vec()));
        assert_eq!(vault.wrapping.open(b"there", &sealed), Err(DoesNotOpen));
        for damaged in 0..sealed.len() {
            let mut sealed = sealed.clone();
            sealed[damaged] ^= 1;
            assert_eq!(vault.wrapping.open(b"here", &sealed), Err(DoesNotOpen), "byte {damaged}");
        }
        for short in 0..sealed.len() {
            assert_eq!(vault.wrapping.open(b"here", &sealed[..short]), Err(DoesNotOpen), "{short} bytes");
        }
    }

    #[test]
    fn keys_for_different_purposes_and_masters_differ() {
        let (one, entropy) = (vault(), Arc::new(Counting::default()));
        let other = Vault::new(&MasterKey::from_bytes(&[7; KEY_BYTES]).expect("32 bytes"), entropy);
        assert_ne!(one.proof(), other.proof());
        assert_ne!(one.digest("key"), other.digest("key"));
        assert_ne!(one.digest("key"), one.digest("kez"));
    }

    #[test]
    fn a_setting_s_digest_depends_on_its_name_its_value_and_the_master_key() {
        let (one, entropy) = (vault(), Arc::new(Counting::default()));
        let other = Vault::new(&MasterKey::from_bytes(&[7; KEY_BYTES]).expect("32 bytes"), entropy);
        let digest = one.setting_digest("listen", Some("127.0.0.1:8080"));
        assert_eq!(digest, one.setting_digest("listen", Some("127.0.0.1:8080")));
        assert_ne!(digest, other.setting_digest("listen", Some("127.0.0.1:8080")));
        assert_ne!(digest, one.setting_digest("listen", Some("127.0.0.1:8081")));
        assert_ne!(digest, one.setting_digest("data", Some("127.0.0.1:8080")));
        assert_ne!(one.setting_digest("listen", None), one.setting_digest("listen", Some("")));
    }
}
