//! TLS: versions, and certificates that are replaced while the server runs.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use blackbox::connection::is_silence;
use blackbox::{CUSTOMERS, Connection, Login, Request, Server, TestDir, sample, wait};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

pub(crate) type TlsConnection = Connection<StreamOwned<ClientConnection, TcpStream>>;

/// A private key that is encrypted.
const ENCRYPTED_KEY: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhApSkNTxzb/wICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECA5p9gQKO80jOfOBH2pYbEEgZB+\n\
ZS5GhkFyXOn90UIjPiB7KpoLeiNUt73TqZK9ha405/va+O0BtaGe1TrTQa1jDYyv\n\
t8K8GFIBxLfY6bWenSrNSc5L5F1dePl0iqw8NrGIKdPqd10k4rQaTlU6s0XJmpoy\n\
NX0o+yyaLAVKuPlhYKR3y1Oo1CQf4lB1zUe8HUIPZcbjsZL4zLm5Mv+jh17yczc=\n\
-----END ENCRYPTED PRIVATE KEY-----\n";

/// The certificate of an RSA key of 1024 bits.
const SHORT_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIICEDCCAXmgAwIBAgIUN/hvMI5jQclhZb1RhQ1fMFxQzrEwDQYJKoZIhvcNAQEL\n\
BQAwGTEXMBUGA1UEAwwOY2FybmVsaWFuLnRlc3QwIBcNMjYxMTMwMDkwODEwWhgP\n\
MjEyNjExMDYwOTA4MTBaMBkxFzAVBgNVBAMMDmNhcm5lbGlhbi50ZXN0MIGfMA0G\n\
CSqGSIb3DQEBAQUAA4GNADCBiQKBgQC2N/Pvo2ZDhN3UHT+Nhn5exfdBp+7pNMEV\n\
U84XRw4bfyyJhpqKK2mHIH8XSxynXcUmeR1aJT2peCsE4sLORCkpXDVG3Ued1VFV\n\
ef5PJJWqeZMtEA3UpoDlEcr1JOdOiS3i3Sfj8Cascpth7ANaNgtcXTehKHOJmJfa\n\
Uh85ZhP0dwIDAQABo1MwUTAdBgNVHQ4EFgQUAnT1qiP/vBIK2i8IfeYsrX92w9kw\n\
HwYDVR0jBBgwFoAUAnT1qiP/vBIK2i8IfeYsrX92w9kwDwYDVR0TAQH/BAUwAwEB\n\
/zANBgkqhkiG9w0BAQsFAAOBgQA0r7cSrKKPsI3Q7nfZwCEiEaYQ2rmuNC6utu+I\n\
qHqKE3U2im+W7Rs8iKH5c1o8XlKRvo13sv3W2U+h33ZwJ+qOraiKB0Dkj+DqYnM3\n\
Ef+qXIpzwBOybGdUUuQwjnocWBNTj6yYqctEXMjF5pC2N2WakDFZxV7YKiv8g/e8\n\
WZOwTg==\n\
-----END CERTIFICATE-----\n";

/// An RSA key of 1024 bits.
const SHORT_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALY38++jZkOE3dQd\n\
P42Gfl7F90Gn7uk0wRVTzhdHDht/LImGmooraYcgfxdLHKddxSZ5HVolPal4KwTi\n\
ws5EKSlcNUbdR53VUVV5/k8klap5ky0QDdSmgOURyvUk506JLeLdJ+PwJqxym2Hs\n\
A1o2C1xdN6Eoc4mYl9pSHzlmE/R3AgMBAAECgYBF0M5f5MVL3V545PPyr7M/cK45\n\
s7QwGgxYtZFjDdBz7JgN4UrY4aU/Js5LCHZkEeN1yDXc0iP8CJTC/HcTPL5f+tV9\n\
z/InDV7pTeAPcFP3mjGrncUBENhcSfumksi1iikc7KGLhLovb/ME+/FAsscFDOIS\n\
3Ye8v9BtENbCQdFU4QJBAOD9VzJughLfqyQGv74zCi07/RoGMIB0rej+cIWWUKKl\n\
rXuMU2HMThh/4i9E03znsikkMoZ7PAPf01zuqXuGtQ8CQQDPVXRp8jgWJYAzkzoA\n\
YPRyf4qpqXMxbmyEab3qIrkTDssw+NlD2ZT0rnZt9Cqj77EYqO+v1EVEKk5FJEvj\n\
a1oZAkAuprku3tUfvrsIxFF7ya+Bg5/OhpwF9quc1S1Vtb5Qi1P2ezlK3QcQc2vd\n\
60KC8rPxbe0AD4t5Li7wZRhFYcAnAkEAsWCmi81R9oB2waj/QjuwZhR/iM8TYgLa\n\
jB37AEhcldVeOLNtDQMk0IBBiagOotn5ZOOCy6aK69pVxAldc17wYQJBAMWrcACA\n\
DJFDIkCyvHP5K/V4VswbUJEuQXm7cp5ePZLmuTfsaBIrD57LeVKgT7XTQdlr3CXE\n\
JKqts4Eng6Npzuo=\n\
-----END PRIVATE KEY-----\n";

/// The certificate of a key on the curve secp256k1.
const KOBLITZ_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBhzCCASygAwIBAgIUYaDOFBMX0LevSGm3ksgpaLbrR9cwCgYIKoZIzj0EAwIw\n\
GTEXMBUGA1UEAwwOY2FybmVsaWFuLnRlc3QwIBcNMjYxMTMwMDkwODEwWhgPMjEy\n\
NjExMDYwOTA4MTBaMBkxFzAVBgNVBAMMDmNhcm5lbGlhbi50ZXN0MFYwEAYHKoZI\n\
zj0CAQYFK4EEAAoDQgAES7J1UO/m6515n8lvhqD4gFdvaHfIpOdnWAzhtdq87juD\n\
J5RMd0Zzy8A7/Ao+EdTG8kkVte7HbkDSArZvfMRjDaNTMFEwHQYDVR0OBBYEFMSg\n\
BQdqMVENy+xPM52PossrN1RXMB8GA1UdIwQYMBaAFMSgBQdqMVENy+xPM52Possr\n\
N1RXMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAJKsLdosfRRJ\n\
3hJ7YkU5jorLvTIGMbtLBS5i8cndOLGTAiEApMj6rn8YfwR75OeoiqC7jNiYh82Q\n\
a/AQOXUPql0YEQw=\n\
-----END CERTIFICATE-----\n";

/// A key on the curve secp256k1.
const KOBLITZ_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgCFbiRu9wIMs9Degxi3TG\n\
Rw6P8rKZYKCCM01IjdxD+mihRANCAARLsnVQ7+brnXmfyW+GoPiAV29od8ik52dY\n\
DOG12rzuO4MnlEx3RnPLwDv8Cj4R1MbySRW17sduQNICtm98xGMN\n\
-----END PRIVATE KEY-----\n";

/// Writes a new certificate and its key to the server's files, and returns the certificate.
fn write_certificate(test_dir: &TestDir) -> String {
    let generated =
        rcgen::generate_simple_self_signed(vec!["carnelian.test".to_owned()]).expect("a certificate can be made");
    test_dir.write("key.pem", &generated.signing_key.serialize_pem());
    let certificate = generated.cert.pem();
    test_dir.write("cert.pem", &certificate);
    certificate
}

/// A place with a user and a certificate.
fn prepare() -> (TestDir, Login, String) {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let ada = test_dir.user("ada", "Acme", &[]);
    let certificate = write_certificate(&test_dir);
    (test_dir, ada, certificate)
}

pub(crate) fn serve(test_dir: &TestDir) -> Server {
    test_dir.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).start()
}

/// A server with a certificate that a CA has issued, a connection to it, and an operator.
pub(crate) fn over_tls([own, ca, key]: [String; 3]) -> (Server, TestDir, TlsConnection, Login) {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let root = test_dir.user("root", "Acme", &["--role", "OPERATOR"]);
    test_dir.write("cert.pem", &format!("{own}{ca}"));
    test_dir.write("key.pem", &key);
    let server = serve(&test_dir);
    let connection = connect(&server, &ca, &BOTH).expect("a handshake");
    (server, test_dir, connection, root)
}

/// Connects and completes the handshake; the client trusts `certificate` only.
fn connect(
    server: &Server,
    certificate: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<TlsConnection> {
    connect_with_patience(server, certificate, versions, wait::PROCESS)
}

/// The same; then reads wait so long for the server.
fn connect_with_patience(
    server: &Server,
    certificate: &str,
    versions: &[&'static SupportedProtocolVersion],
    patience: Duration,
) -> io::Result<TlsConnection> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate in PEM");
    roots.add(certificate).expect("a certificate can be trusted");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = builder.expect("the versions are known").with_root_certificates(roots).with_no_client_auth();
    let name = "carnelian.test".try_into().expect("a name");
    let mut session = ClientConnection::new(Arc::new(config), name).expect("a session can be created");
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(wait::PROCESS))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(Connection::over(StreamOwned::new(session, stream)))
}

fn create(connection: &mut TlsConnection, login: &Login, name: &str) {
    let request = Request::new("POST", CUSTOMERS).login(login).json(&sample::minimal(name, "Acme"));
    connection.exchange(&request).expect("the server responds").must_succeed(name);
}

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[test]
fn tls_1_2_and_1_3_are_supported() {
    let (test_dir, ada, certificate) = prepare();
    let server = serve(&test_dir);
    assert!(server.stdout().contains("\nListening on https://127.0.0.1:"), "{}", server.stdout());
    for (version, name) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
        let mut connection = connect(&server, &certificate, &[version]).expect("a handshake");
        create(&mut connection, &ada, name);
    }
}

#[test]
fn with_tls_the_server_listens_on_all_addresses() {
    let (test_dir, ada, certificate) = prepare();
    let launch = test_dir.launch().bare().args(&["--data", "data", "--listen", "0.0.0.0:0"]);
    let server = launch.args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).start();
    create(&mut connect(&server, &certificate, &BOTH).expect("a handshake"), &ada, "On all addresses");
}

#[test]
fn an_invalid_handshake_does_not_affect_others() {
    let (test_dir, ada, certificate) = prepare();
    let server = serve(&test_dir);
    let bytes: [&[u8]; 4] = [
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\xff\xff\x01\x00\x00",
        b"\x16\x03\x01\x00\x05hello",
        &[0; 3000],
    ];
    for bytes in bytes {
        let mut connection = Connection::open(server.address()).expect("the server accepts connections");
        let _ = connection.send_bytes(bytes);
        // Plain HTTP must not be served.
        let answer = if bytes.starts_with(b"GET") { connection.read_to_end().unwrap_or_default() } else { Vec::new() };
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "a plain HTTP request was served");
        create(
            &mut connect(&server, &certificate, &BOTH).expect("a handshake"),
            &ada,
            &format!("After {} bytes", bytes.len()),
        );
    }
}

#[test]
fn a_new_certificate_is_used_without_closing_connections() {
    let (test_dir, ada, first) = prepare();
    let server = serve(&test_dir);
    let mut open = connect(&server, &first, &BOTH).expect("a handshake");
    create(&mut open, &ada, "Before");
    let second = write_certificate(&test_dir);
    connect(&server, &first, &BOTH).expect("the old certificate is used before the signal");
    server.signal("HUP");
    wait::until("the new certificate is used", wait::PROCESS, || connect(&server, &second, &BOTH).ok().map(drop));
    assert!(connect(&server, &first, &BOTH).is_err(), "the old certificate is still used");
    create(&mut open, &ada, "On the open connection");
    create(&mut connect(&server, &second, &BOTH).expect("a handshake"), &ada, "On a new one");
}

#[test]
fn an_invalid_new_certificate_leaves_the_old_one_in_use() {
    let (test_dir, ada, first) = prepare();
    let server = serve(&test_dir);
    let mut open = connect(&server, &first, &BOTH).expect("a handshake");
    test_dir.write("cert.pem", "no certificate");
    let before = server.log().len();
    server.signal("HUP");
    wait::until("the failure is logged", wait::PROCESS, || (server.log().len() > before).then_some(()));
    create(&mut open, &ada, "On the open connection");
    create(&mut connect(&server, &first, &BOTH).expect("a handshake"), &ada, "On a new one");
}

#[test]
fn invalid_certificate_and_key_files_are_named_in_the_error() {
    let (test_dir, _, certificate) = prepare();
    let key = fs::read_to_string(test_dir.root().join("key.pem")).expect("the key was written");
    test_dir.write("empty.pem", "");
    test_dir.write("both.pem", &format!("{certificate}{key}"));
    let cases = [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
        ("empty.pem", "key.pem", "empty.pem"),
        ("cert.pem", "empty.pem", "empty.pem"),
        ("cert.pem", "cert.pem", "cert.pem"),
    ];
    for (cert, key, named) in cases {
        let refused = test_dir.launch().args(&["--tls-cert", cert, "--tls-key", key]).run();
        assert!([1, 2].contains(&refused.code), "{cert} and {key}: {refused:?}");
        assert!(refused.stderr.contains(named), "{named} is not named: {refused:?}");
        assert_eq!(refused.stdout, "", "no start is announced");
    }
    drop(test_dir.launch().args(&["--tls-cert", "both.pem", "--tls-key", "both.pem"]).start());
}

#[test]
fn a_private_key_that_others_can_read_is_refused_at_the_start_and_on_a_reload() {
    let (test_dir, ada, first) = prepare();
    let key = test_dir.root().join("key.pem");
    let set_mode = |mode| fs::set_permissions(&key, Permissions::from_mode(mode)).expect("permissions can be changed");
    for mode in [0o644, 0o604, 0o602] {
        set_mode(mode);
        let refused = test_dir.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).run().fails(1);
        assert!(refused.contains("key.pem") && refused.contains("chmod o-rwx"), "{mode:o}: {refused}");
    }
    set_mode(0o640);
    let server = serve(&test_dir);
    write_certificate(&test_dir);
    set_mode(0o644);
    server.signal("HUP");
    wait::until("the refusal is logged", wait::PROCESS, || server.log().contains("chmod o-rwx").then_some(()));
    create(&mut connect(&server, &first, &BOTH).expect("the old certificate is used"), &ada, "On a new connection");
}

/// The time that a slow client has, in seconds.
const TIMEOUT: &str = "1";

/// More than that, and less than the default of ten.
const DEADLINE: Duration = Duration::from_secs(7);

/// How long a slow client waits before it sends the next byte.
const PACE: Duration = Duration::from_millis(50);

/// A server with TLS and a short patience, and another setting.
fn impatient(test_dir: &TestDir, more: &[&str]) -> Server {
    let timeouts = ["--timeouts-header-seconds", TIMEOUT, "--timeouts-body-seconds", TIMEOUT];
    test_dir.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).args(&timeouts).args(more).start()
}

/// Sends a byte now and then, or nothing, until the server responds or closes; returns the status of the response.
fn until_disconnected(connection: &mut TlsConnection, filler: &[u8]) -> Option<u16> {
    wait::until("the slow client is disconnected", DEADLINE, || {
        let _ = connection.send_bytes(filler);
        match connection.receive("POST", "-") {
            Ok(reply) => Some(Some(reply.status)),
            Err(error) if is_silence(&error) => None,
            Err(_) => Some(None),
        }
    })
}

#[test]
fn a_client_that_is_slow_or_silent_in_the_handshake_is_disconnected() {
    let (test_dir, ada, certificate) = prepare();
    let server = impatient(&test_dir, &[]);
    // The start of a handshake message of 512 bytes.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for (start, filler) in [(b"".as_slice(), b"".as_slice()), (hello, b""), (hello, b"x")] {
        let mut stream = TcpStream::connect(server.address()).expect("the server accepts connections");
        stream.set_read_timeout(Some(PACE)).expect("a socket takes a timeout");
        stream.write_all(start).expect("the server reads");
        wait::until("the connection is closed", DEADLINE, || {
            let _ = stream.write_all(filler);
            let read = stream.read(&mut [0; 64]);
            (!read.is_err_and(|error| is_silence(&error))).then_some(())
        });
    }
    create(&mut connect(&server, &certificate, &BOTH).expect("a handshake"), &ada, "After slow handshakes");
}

#[test]
fn a_client_that_is_slow_or_silent_after_the_handshake_is_disconnected() {
    let (test_dir, ada, certificate) = prepare();
    let server = impatient(&test_dir, &[]);
    let header = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_vec();
    let body = Request::new("POST", CUSTOMERS).login(&ada).header("Content-Length", "30000").bytes();
    for version in BOTH {
        for (start, is_header) in [(&Vec::new(), true), (&header, true), (&body, false)] {
            for filler in [b"".as_slice(), b"x"] {
                let connected = connect_with_patience(&server, &certificate, &[version], PACE);
                let mut connection = connected.expect("a handshake");
                connection.send_bytes(start).expect("the server reads");
                let status = until_disconnected(&mut connection, filler);
                let expected = if is_header { matches!(status, None | Some(400 | 408)) } else { status == Some(408) };
                assert!(expected, "{:?} and then {filler:?}: {status:?}", String::from_utf8_lossy(start));
            }
        }
    }
    create(&mut connect(&server, &certificate, &BOTH).expect("a handshake"), &ada, "After slow requests");
}

#[test]
fn a_client_that_does_not_read_responses_is_disconnected() {
    let (test_dir, ada, certificate) = prepare();
    // Its connection is the only one that there may be.
    let server = impatient(&test_dir, &["--limits-connections", "1"]);
    let mut client = connect_with_patience(&server, &certificate, &BOTH, Duration::from_secs(1)).expect("a handshake");
    // More responses than the buffers hold, so that the server has to wait for the client.
    let requests = Request::new("GET", "/health/live").bytes().repeat(1000);
    for _ in 0..200 {
        if client.send_bytes(&requests).is_err() {
            break;
        }
    }
    wait::until("its connection is closed", DEADLINE, || {
        let mut next = connect(&server, &certificate, &BOTH).ok()?;
        let request = Request::new("GET", "/rws/api/v1/echo/hello").login(&ada);
        next.exchange(&request).is_ok_and(|reply| reply.status == 200).then_some(())
    });
}

/// A certificate with these names, and its key. It is valid until the beginning of a day such as 2026-12-31.
pub(crate) fn self_signed(names: &[&str], until: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key can be made");
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut certificate = rcgen::CertificateParams::new(names).expect("names");
    let parts: Vec<i32> = until.split('-').map(|part| part.parse().expect("a number")).collect();
    let &[year, month, day] = &parts[..] else { panic!("{until} is no day") };
    let part = |number: i32| u8::try_from(number).expect("a part of a date");
    certificate.not_after = rcgen::date_time_ymd(year, part(month), part(day));
    (certificate.self_signed(&key).expect("a certificate can be made").pem(), key.serialize_pem())
}

/// A certificate for the given years that a CA has issued, that CA's certificate, and the key.
pub(crate) fn issued(years: [i32; 2]) -> [String; 3] {
    let ca_key = rcgen::KeyPair::generate().expect("a key can be made");
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Test CA");
    let ca_certificate = ca.self_signed(&ca_key).expect("a certificate can be made");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().expect("a key can be made");
    let mut own = rcgen::CertificateParams::new(vec!["carnelian.test".to_owned()]).expect("a name");
    [own.not_before, own.not_after] = years.map(|year| rcgen::date_time_ymd(year, 1, 1));
    let certificate = own.signed_by(&key, &issuer).expect("a certificate can be made");
    [certificate.pem(), ca_certificate.pem(), key.serialize_pem()]
}

#[test]
fn a_key_or_a_chain_that_cannot_be_used_says_what_it_is() {
    let test_dir = TestDir::new();
    let [own, ca, key] = issued([2020, 4000]);
    let [_, _, other_key] = issued([2020, 4000]);
    let old_form = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
        -----END RSA PRIVATE KEY-----\n";
    let damaged = own.replacen("MII", "AII", 1);
    let chain = |parts: &[&str]| parts.concat();
    let cases: [(&str, String, &str, &str, &str); 15] = [
        ("encrypted", own.clone(), ENCRYPTED_KEY, "key.pem", "encrypted"),
        ("encrypted in the old form", own.clone(), old_form, "key.pem", "encrypted"),
        ("too short", SHORT_CERTIFICATE.to_owned(), SHORT_KEY, "cert.pem", "RSA key of the certificate has 1024 bits"),
        ("unknown curve", KOBLITZ_CERTIFICATE.to_owned(), KOBLITZ_KEY, "cert.pem", "curve 1.3.132.0.10"),
        ("a key that is too short", own.clone(), SHORT_KEY, "key.pem", "cannot be used"),
        ("another key", own.clone(), &other_key, "key.pem", "key of another certificate"),
        ("the CA first", chain(&[&ca, &own]), &key, "cert.pem", "chain is out of order: the server's own"),
        ("own twice", chain(&[&own, &own]), &key, "cert.pem", "chain is out of order: certificate 1 was issued by"),
        ("a certificate as key", own.clone(), &own, "key.pem", "this is a certificate"),
        ("a key as certificate", key.clone(), &key, "cert.pem", "this is a private key"),
        ("a damaged certificate", damaged, &key, "cert.pem", "certificate 1 is damaged"),
        ("a cut certificate", own[..200].to_owned(), &key, "cert.pem", "damaged"),
        ("a cut key", own.clone(), &key[..100], "key.pem", "damaged"),
        ("DER", "0\u{1}".to_owned(), &key, "cert.pem", "DER"),
        ("nothing", own.clone(), "", "key.pem", "no private key"),
    ];
    for (case, certificate, key, file, why) in cases {
        test_dir.write("cert.pem", &certificate);
        test_dir.write("key.pem", key);
        let launch = test_dir.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
        let error = launch.run().fails(1);
        assert!(error.starts_with(&format!("error: {file}: ")) && error.contains(why), "{case}: {error}");
    }
    test_dir.write("cert.pem", &chain(&[&own, &ca]));
    test_dir.write("key.pem", &key);
    let server = serve(&test_dir);
    assert!(!server.log().contains("clients will refuse"), "{}", server.log());
}

#[test]
fn a_certificate_that_is_not_valid_now_is_served_with_a_warning() {
    let test_dir = TestDir::new();
    for (years, why) in [
        ([2000, 2001], "certificate 1 has expired on 2001-01-01"),
        ([4000, 4001], "certificate 1 is not valid before 4000-01-01"),
    ] {
        let [own, ca, key] = issued(years);
        test_dir.write("cert.pem", &format!("{own}{ca}"));
        test_dir.write("key.pem", &key);
        let server = serve(&test_dir);
        let warned = || server.log().matches(why).count();
        wait::until("a warning is logged", wait::PROCESS, || (warned() == 1).then_some(()));
        server.signal("HUP");
        wait::until("the warning is repeated", wait::PROCESS, || (warned() == 2).then_some(()));
    }
}
