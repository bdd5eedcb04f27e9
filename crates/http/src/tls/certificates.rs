//! Reads a certificate chain and its private key, and says what is wrong with them.

use carnelian_app::host::CertificateStatus;
use carnelian_domain::Timestamp;
use rustls::{
    CertificateError,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SigningKey},
};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};
use x509_cert::{
    Certificate,
    der::{Decode, Reader, SliceReader, asn1::ObjectIdentifier, asn1::UintRef},
    ext::pkix::{SubjectAltName, name::GeneralName},
    spki::SubjectPublicKeyInfoOwned,
};

/// The sizes of RSA keys that can be used, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// P-256, P-384 and P-521.
const CURVES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    ObjectIdentifier::new_unwrap("1.3.132.0.34"),
    ObjectIdentifier::new_unwrap("1.3.132.0.35"),
];

/// Why a certificate and its key cannot be used.
#[derive(Debug)]
pub enum TlsError {
    /// The reason is in the certificate file.
    Certificate(String),
    /// The reason is in the key file.
    Key(String),
}

impl TlsError {
    fn certificate(why: impl fmt::Display) -> TlsError {
        TlsError::Certificate(why.to_string())
    }

    fn key(why: impl fmt::Display) -> TlsError {
        TlsError::Key(why.to_string())
    }
}

/// A chain and its key that can be used.
pub(super) struct Credentials {
    pub(super) certified: CertifiedKey,
    /// The certificates of the chain.
    pub(super) chain: Vec<CertificateStatus>,
    /// The certificates that are not valid at the time of reading, with the reason.
    pub(super) warnings: Vec<String>,
}

/// Reads a chain and its key, both in PEM form. `now` is the time since the UNIX epoch.
pub(super) fn read(
    provider: &CryptoProvider,
    chain: &[u8],
    key: &[u8],
    now: Duration,
) -> Result<Credentials, TlsError> {
    let chain = read_chain(chain)?;
    let parsed: Vec<_> = chain.iter().map(|der| Certificate::from_der(der)).collect();
    if let Some(index) = parsed.iter().position(Result::is_err) {
        return Err(TlsError::certificate(format!("certificate {} is damaged", index + 1)));
    }
    let parsed: Vec<_> = parsed.into_iter().flatten().collect();
    let key = read_key(key)?;
    if let Some(why) = parsed.first().and_then(|own| unusable_key(&own.tbs_certificate.subject_public_key_info)) {
        return Err(TlsError::certificate(why));
    }
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| TlsError::key(format!("the private key cannot be used: {error}")))?;
    check_owner(&chain, &key)?;
    check_order(&parsed)?;
    let described = parsed.iter().map(describe).collect();
    let warnings = parsed.iter().enumerate().filter_map(|(index, one)| invalid_at(index, one, now)).collect();
    Ok(Credentials { certified: CertifiedKey::new(chain, key), chain: described, warnings })
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) if contains(pem, "PRIVATE KEY-----") => {
            Err(TlsError::certificate("this is a private key, not a certificate"))
        }
        Ok(_) => Err(TlsError::certificate(format!("there is no certificate in it{}", advice(pem)))),
        Err(error) => Err(TlsError::certificate(format!("the PEM is damaged: {error}"))),
    }
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    // The older form names a kind of key that is not encrypted.
    if contains(pem, "BEGIN ENCRYPTED PRIVATE KEY") || contains(pem, "Proc-Type: 4,ENCRYPTED") {
        let how = "decrypt it with `openssl pkey -in FILE -out NEWFILE`, readable by the server alone";
        return Err(TlsError::key(format!("the private key is encrypted; {how}")));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if contains(pem, "BEGIN OPENSSH PRIVATE KEY") => TlsError::key("this is a key of OpenSSH, not of TLS"),
        _ if contains(pem, "BEGIN PUBLIC KEY") => TlsError::key("this is a public key, not a private key"),
        rustls::pki_types::pem::Error::NoItemsFound if contains(pem, "BEGIN CERTIFICATE") => {
            TlsError::key("this is a certificate, not a private key")
        }
        rustls::pki_types::pem::Error::NoItemsFound => {
            TlsError::key(format!("there is no private key in it{}", advice(pem)))
        }
        error => TlsError::key(format!("the PEM is damaged: {error}")),
    })
}

fn contains(pem: &[u8], text: &str) -> bool {
    pem.windows(text.len()).any(|part| part == text.as_bytes())
}

/// What to do with a file that is not in PEM.
fn advice(file: &[u8]) -> &'static str {
    // Every certificate and key in DER, and every PKCS #12 file, is an ASN.1 sequence.
    if file.first() == Some(&0x30) { "; it is in DER or PKCS #12: convert it to PEM" } else { "" }
}

/// Why a key of a certificate is of a kind that cannot be used.
fn unusable_key(key: &SubjectPublicKeyInfoOwned) -> Option<String> {
    let parameter = || key.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match key.algorithm.oid {
        ED25519 => None,
        RSA => {
            let bits = rsa_bits(key.subject_public_key.raw_bytes()).filter(|bits| !RSA_BITS.contains(bits))?;
            let (min, max) = (RSA_BITS.start(), RSA_BITS.end());
            Some(format!("the RSA key of the certificate has {bits} bits; from {min} to {max} can be used"))
        }
        ELLIPTIC => match parameter() {
            Some(curve) if CURVES.contains(&curve) => None,
            Some(curve) => {
                Some(format!("the key of the certificate is on the curve {curve}; P-256, P-384 and P-521 can be used"))
            }
            None => Some("the key of the certificate is on a curve without a name".to_owned()),
        },
        other => Some(format!("the key of the certificate is of the kind {other}; RSA, ECDSA and Ed25519 can be used")),
    }
}

/// The size of an RSA key: the length of its modulus.
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus = reader.sequence(|reader| {
        let modulus = UintRef::decode(reader)?.as_bytes().to_vec();
        UintRef::decode(reader)?;
        Ok(modulus)
    });
    let modulus = modulus.ok()?;
    Some((modulus.len() * 8).saturating_sub(modulus.first()?.leading_zeros() as usize))
}

/// Checks that the key is that of the first certificate.
fn check_owner(chain: &[CertificateDer<'static>], key: &Arc<dyn SigningKey>) -> Result<(), TlsError> {
    let is_of = |one: &CertificateDer<'static>| match CertifiedKey::new(vec![one.clone()], key.clone()).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Ok(false),
        // A key that does not know its public part is tried, as by rustls.
        Ok(()) | Err(rustls::Error::InconsistentKeys(_)) => Ok(true),
        Err(rustls::Error::InvalidCertificate(error)) => Err(error),
        Err(_) => Err(CertificateError::BadEncoding),
    };
    let own = chain.iter().map(is_of).collect::<Result<Vec<_>, _>>();
    let own = own.map_err(|error| TlsError::certificate(format!("a certificate cannot be used: {error}")))?;
    match own.iter().position(|is_own| *is_own) {
        Some(0) => Ok(()),
        Some(index) => Err(TlsError::certificate(format!(
            "the chain is out of order: the server's own certificate must be the first, but the key is that of \
             certificate {}",
            index + 1
        ))),
        None => Err(TlsError::key("this is the key of another certificate")),
    }
}

/// Checks that each certificate has issued the one before it.
fn check_order(chain: &[Certificate]) -> Result<(), TlsError> {
    for (index, pair) in chain.windows(2).enumerate() {
        let [issued, issuer] = pair else { continue };
        let (wanted, found) = (&issued.tbs_certificate.issuer, &issuer.tbs_certificate.subject);
        if wanted != found {
            return Err(TlsError::certificate(format!(
                "the chain is out of order: certificate {} was issued by {wanted}, but certificate {} is of {found}",
                index + 1,
                index + 2
            )));
        }
    }
    Ok(())
}

fn describe(certificate: &Certificate) -> CertificateStatus {
    let own = &certificate.tbs_certificate;
    let names = own.get::<SubjectAltName>().ok().flatten().map(|(_, names)| names.0).unwrap_or_default();
    let expires = own.validity.not_after.to_unix_duration().as_millis();
    CertificateStatus {
        subject: own.subject.to_string(),
        names: names.iter().filter_map(name_of).collect(),
        expires_at: Timestamp(i64::try_from(expires).unwrap_or(i64::MAX)),
    }
}

/// A name or an address that a client can connect to.
fn name_of(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let address = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Why a certificate is not valid now.
fn invalid_at(index: usize, certificate: &Certificate, now: Duration) -> Option<String> {
    let validity = &certificate.tbs_certificate.validity;
    let number = index + 1;
    if now < validity.not_before.to_unix_duration() {
        return Some(format!("certificate {number} is not valid before {}", validity.not_before));
    }
    (now > validity.not_after.to_unix_duration())
        .then(|| format!("certificate {number} has expired on {}", validity.not_after))
}
