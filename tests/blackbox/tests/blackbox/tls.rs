//! TLS: versions, and certificates that are replaced while the server runs.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use blackbox::connection::is_silence;
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

#[test]
fn a_private_key_that_others_can_read_is_refused_at_the_start_and_on_a_reload() {
    let (place, ada, first) = prepare();
    let key = place.root().join("key.pem");
    let set_mode = |mode| fs::set_permissions(&key, Permissions::from_mode(mode)).expect("permissions can be changed");
    for mode in [0o644, 0o604, 0o602] {
        set_mode(mode);
        let refused = place.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).run().fails(1);
        assert!(refused.contains("key.pem") && refused.contains("chmod o-rwx"), "{mode:o}: {refused}");
    }
    set_mode(0o640);
    let server = serve(&place);
    write_certificate(&place);
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
fn impatient(place: &Place, more: &[&str]) -> Server {
    let timeouts = ["--timeouts-header-seconds", TIMEOUT, "--timeouts-body-seconds", TIMEOUT];
    place.launch().args(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).args(&timeouts).args(more).start()
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
    let (place, ada, certificate) = prepare();
    let server = impatient(&place, &[]);
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
    let (place, ada, certificate) = prepare();
    let server = impatient(&place, &[]);
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
    let (place, ada, certificate) = prepare();
    // Its connection is the only one that there may be.
    let server = impatient(&place, &["--limits-connections", "1"]);
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
