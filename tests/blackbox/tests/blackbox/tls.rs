//! TLS: versions, and certificates that change while the server runs.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use blackbox::{CUSTOMERS, Connection, Login, Place, Request, Server, sample, wait};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

type Secured = Connection<StreamOwned<ClientConnection, TcpStream>>;

/// Writes a fresh certificate and its key where the server reads them, and returns the certificate.
fn certify(place: &Place) -> String {
    let made =
        rcgen::generate_simple_self_signed(vec!["carnelian.test".to_owned()]).expect("a certificate can be made");
    place.write("key.pem", &made.signing_key.serialize_pem());
    let certificate = made.cert.pem();
    place.write("cert.pem", &certificate);
    certificate
}

/// A place with a user and a certificate.
fn prepared() -> (Place, Login, String) {
    let place = Place::new();
    place.account("Acme");
    let ada = place.user("ada", "Acme", &[]);
    let certificate = certify(&place);
    (place, ada, certificate)
}

fn serve(place: &Place) -> Server {
    place.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).start()
}

/// Connects, trusting nothing but `certificate`, and completes the handshake.
fn connect(server: &Server, certificate: &str, versions: &[&'static SupportedProtocolVersion]) -> io::Result<Secured> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate in PEM");
    roots.add(certificate).expect("a certificate can be trusted");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let config = builder.expect("the versions are known").with_root_certificates(roots).with_no_client_auth();
    let name = "carnelian.test".try_into().expect("a name");
    let mut session = ClientConnection::new(Arc::new(config), name).expect("a session can be begun");
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(wait::PROCESS))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    Ok(Connection::over(StreamOwned::new(session, stream)))
}

fn create(connection: &mut Secured, login: &Login, name: &str) {
    let request = Request::new("POST", CUSTOMERS).login(login).json(&sample::minimal(name, "Acme"));
    connection.exchange(&request).expect("the server answers").must_succeed(name);
}

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];

#[test]
fn both_versions_are_spoken() {
    let (place, ada, certificate) = prepared();
    let server = serve(&place);
    assert!(server.stdout().contains("\nListening on https://127.0.0.1:"), "{}", server.stdout());
    for (version, name) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
        let mut connection = connect(&server, &certificate, &[version]).expect("a handshake");
        create(&mut connection, &ada, name);
    }
}

#[test]
fn the_world_may_be_served_with_tls() {
    let (place, ada, certificate) = prepared();
    let launch = place.launch().bare().args(&["--data", "data", "--listen", "0.0.0.0:0"]);
    let server = launch.args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).start();
    create(&mut connect(&server, &certificate, &BOTH).expect("a handshake"), &ada, "From afar");
}

#[test]
fn what_is_no_handshake_does_no_harm() {
    let (place, ada, certificate) = prepared();
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
        // Whatever comes back, it is not an answer to a request in clear.
        let answer = if bytes.starts_with(b"GET") { connection.read_to_end().unwrap_or_default() } else { Vec::new() };
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "a request in clear was served");
        create(
            &mut connect(&server, &certificate, &BOTH).expect("a handshake"),
            &ada,
            &format!("Beside {} bytes", bytes.len()),
        );
    }
}

#[test]
fn a_new_certificate_is_taken_up_without_dropping_a_connection() {
    let (place, ada, first) = prepared();
    let server = serve(&place);
    let mut open = connect(&server, &first, &BOTH).expect("a handshake");
    create(&mut open, &ada, "Before");
    let second = certify(&place);
    connect(&server, &first, &BOTH).expect("nothing changes before the signal");
    server.signal("HUP");
    wait::until("the new certificate is shown", wait::PROCESS, || connect(&server, &second, &BOTH).ok().map(drop));
    assert!(connect(&server, &first, &BOTH).is_err(), "the old certificate is still shown");
    create(&mut open, &ada, "On the open connection");
    create(&mut connect(&server, &second, &BOTH).expect("a handshake"), &ada, "On a new one");
}

#[test]
fn a_new_certificate_that_cannot_be_used_leaves_the_old_one() {
    let (place, ada, first) = prepared();
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
fn files_that_hold_no_certificate_or_key_are_refused_by_name() {
    let (place, _, certificate) = prepared();
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
        assert_eq!(refused.stdout, "", "nothing is said to have started");
    }
    drop(place.launch().args(&["--tls-cert", "both.pem", "--tls-key", "both.pem"]).start());
}
