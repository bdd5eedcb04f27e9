//! TLS: versions, and certificates that are replaced while the server runs.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use blackbox::{CUSTOMERS, Connection, Login, Place, Request, Server, sample, wait};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

type TlsConnection = Connection<StreamOwned<ClientConnection, TcpStream>>;

/// Writes a new certificate and its key to the server's files, and returns the certificate.
fn write_certificate(place: &Place) -> String {
    let generated =
        rcgen::generate_simple_self_signed(vec!["carnelian.test".to_owned()]).expect("a certificate can be made");
    place.write("key.pem", &generated.signing_key.serialize_pem());
    let certificate = generated.cert.pem();
    place.write("cert.pem", &certificate);
    certificate
}

/// A place with a user and a certificate.
fn prepare() -> (Place, Login, String) {
    let place = Place::new();
    place.account("Acme");
    let ada = place.user("ada", "Acme", &[]);
    let certificate = write_certificate(&place);
    (place, ada, certificate)
}

fn serve(place: &Place) -> Server {
    place.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).start()
}

/// Connects and completes the handshake; the client trusts `certificate` only.
fn connect(
    server: &Server,
    certificate: &str,
    versions: &[&'static SupportedProtocolVersion],
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
    Ok(Connection::over(StreamOwned::new(session, stream)))
}

fn create(connection: &mut TlsConnection, login: &Login, name: &str) {
    let request = Request::new("POST", CUSTOMERS).login(login).json(&sample::minimal(name, "Acme"));
    connection.exchange(&request).expect("the server responds").must_succeed(name);
}

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[test]
fn tls_1_2_and_1_3_are_supported() {
    let (place, ada, certificate) = prepare();
    let server = serve(&place);
    assert!(server.stdout().contains("\nListening on https://127.0.0.1:"), "{}", server.stdout());
    for (version, name) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
        let mut connection = connect(&server, &certificate, &[version]).expect("a handshake");
        create(&mut connection, &ada, name);
    }
}

#[test]
fn with_tls_the_server_listens_on_all_addresses() {
    let (place, ada, certificate) = prepare();
    let launch = place.launch().bare().args(&["--data", "data", "--listen", "0.0.0.0:0"]);
    let server = launch.args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).start();
    create(&mut connect(&server, &certificate, &BOTH).expect("a handshake"), &ada, "On all addresses");
}

#[test]
fn an_invalid_handshake_does_not_affect_others() {
    let (place, ada, certificate) = prepare();
    let server = serve(&place);
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
    let (place, ada, first) = prepare();
    let server = serve(&place);
    let mut open = connect(&server, &first, &BOTH).expect("a handshake");
    create(&mut open, &ada, "Before");
    let second = write_certificate(&place);
    connect(&server, &first, &BOTH).expect("the old certificate is used before the signal");
    server.signal("HUP");
    wait::until("the new certificate is used", wait::PROCESS, || connect(&server, &second, &BOTH).ok().map(drop));
    assert!(connect(&server, &first, &BOTH).is_err(), "the old certificate is still used");
    create(&mut open, &ada, "On the open connection");
    create(&mut connect(&server, &second, &BOTH).expect("a handshake"), &ada, "On a new one");
}

#[test]
fn an_invalid_new_certificate_leaves_the_old_one_in_use() {
    let (place, ada, first) = prepare();
    let server = serve(&place);
    let mut open = connect(&server, &first, &BOTH).expect("a handshake");
    place.write("cert.pem", "no certificate");
    let before = server.log().len();
    server.signal("HUP");
    wait::until("the failure is logged", wait::PROCESS, || (server.log().len() > before).then_some(()));
    create(&mut open, &ada, "On the open connection");
    create(&mut connect(&server, &first, &BOTH).expect("a handshake"), &ada, "On a new one");
}

#[test]
fn invalid_certificate_and_key_files_are_named_in_the_error() {
    let (place, _, certificate) = prepare();
    let key = fs::read_to_string(place.root().join("key.pem")).expect("the key was written");
    place.write("empty.pem", "");
    place.write("both.pem", &format!("{certificate}{key}"));
    let cases = [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
        ("empty.pem", "key.pem", "empty.pem"),
        ("cert.pem", "empty.pem", "empty.pem"),
        ("cert.pem", "cert.pem", "cert.pem"),
    ];
    for (cert, key, named) in cases {
        let refused = place.launch().args(&["--tls-cert", cert, "--tls-key", key]).run();
        assert!([1, 2].contains(&refused.code), "{cert} and {key}: {refused:?}");
        assert!(refused.stderr.contains(named), "{named} is not named: {refused:?}");
        assert_eq!(refused.stdout, "", "no start is announced");
    }
    drop(place.launch().args(&["--tls-cert", "both.pem", "--tls-key", "both.pem"]).start());
}
