//! The addresses of clients behind trusted proxies.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use blackbox::problems::INVALID_CREDENTIALS;
use blackbox::{Client, Connection, Fixture, Login, Reply, Request, reference, wait};

const ECHO: &str = "/rws/api/v1/echo/hello";

/// The address of a client that its proxy passes on.
const CLIENT: &str = "192.0.2.7";

/// The address from which the trusted proxy of these tests connects.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A server that trusts [`PROXY`], and a key that works from [`CLIENT`] alone.
fn behind_proxy(more: &[&str]) -> (Fixture, Login) {
    let trusted = ["--proxy-trusted", "127.0.0.2,10.0.0.0/8"];
    let fixture = Fixture::start_with(|launch| launch.args(&trusted).args(more));
    let login = fixture.test_dir.key("ada", &["--allow", CLIENT]);
    wait::until("the key is known", wait::NOTICE, || {
        let request = Request::new("GET", ECHO).login(&login).header("X-Forwarded-For", CLIENT);
        let request = request.header("Forwarded", &format!("for={CLIENT}"));
        let mut connection = Connection::open_from(PROXY, fixture.server.address()).ok()?;
        connection.send_bytes(&proxy_header(more)).ok()?;
        connection.exchange(&request).is_ok_and(|reply| reply.status == 200).then_some(())
    });
    (fixture, login)
}

/// A header of the PROXY protocol for [`CLIENT`], if the server expects one.
fn proxy_header(settings: &[&str]) -> Vec<u8> {
    let is_expected = settings.contains(&"proxy-v2");
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x02\x12\x34\x1f\x90";
    if is_expected { header.to_vec() } else { Vec::new() }
}

/// The reply to a request with these headers, on a connection from an address.
fn call(fixture: &Fixture, login: &Login, source: Ipv4Addr, headers: &[(&str, &str)]) -> Reply {
    let request = Request::new("GET", ECHO).login(login);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let mut connection = Connection::open_from(source, fixture.server.address()).expect("a connection");
    connection.exchange(&request).expect("a reply")
}

#[test]
fn a_key_bound_to_addresses_works_from_those_that_a_trusted_proxy_passes_on() {
    let (fixture, login) = behind_proxy(&[]);
    let behind = |value: &str| call(&fixture, &login, PROXY, &[("X-Forwarded-For", value)]);
    for value in [CLIENT, "192.0.2.7:4711", "10.1.2.3, 192.0.2.7, 10.0.0.9", "198.51.100.1, 192.0.2.7"] {
        behind(value).must_succeed(value);
    }
    for forged in ["192.0.2.7, 198.51.100.1", "192.0.2.7, unknown", "198.51.100.1", ""] {
        behind(forged).must_be(&INVALID_CREDENTIALS, forged);
    }
    let direct = call(&fixture, &login, Ipv4Addr::LOCALHOST, &[("X-Forwarded-For", CLIENT)]);
    direct.must_be(&INVALID_CREDENTIALS, "a client that is no proxy");
    let forwarded = call(&fixture, &login, PROXY, &[("Forwarded", "for=192.0.2.7")]);
    forwarded.must_be(&INVALID_CREDENTIALS, "the header that is not selected");
}

#[test]
fn the_header_forwarded_is_read_if_it_is_selected() {
    let (fixture, login) = behind_proxy(&["--proxy-header", "forwarded"]);
    let behind = |name: &str, value: &str| call(&fixture, &login, PROXY, &[(name, value)]);
    behind("Forwarded", "for=\"192.0.2.7:80\";proto=https").must_succeed("selected");
    behind("Forwarded", "for=\"198.51.100.1, for=192.0.2.7").must_succeed("after a quote that is left open");
    behind("X-Forwarded-For", CLIENT).must_be(&INVALID_CREDENTIALS, "not selected");
}

#[test]
fn the_proxy_protocol_is_read_from_trusted_proxies_alone() {
    let settings = ["--proxy-header", "proxy-v2"];
    let (fixture, login) = behind_proxy(&settings);
    let connect = |source| Connection::open_from(source, fixture.server.address()).expect("a connection");
    let request = Request::new("GET", ECHO).login(&login);
    let mut connection = connect(PROXY);
    connection.send_bytes(&proxy_header(&settings)).expect("the server reads");
    for _ in 0..2 {
        connection.exchange(&request).expect("a reply").must_succeed("every request of the connection");
    }
    let mut without_header = connect(PROXY);
    assert!(without_header.exchange(&request).is_err(), "a trusted proxy must send the header");
    let mut direct = connect(Ipv4Addr::LOCALHOST);
    direct
        .exchange(&request)
        .expect("a reply")
        .must_be(&INVALID_CREDENTIALS, "a client that is no proxy needs no header");
    let mut forged = connect(Ipv4Addr::LOCALHOST);
    forged.send_bytes(&proxy_header(&settings)).expect("the server reads");
    let reply = forged.exchange(&request).expect("a reply");
    assert_eq!(reply.status, 400, "a client that is no proxy and sends the header: {reply:?}");
}

#[test]
fn the_audit_log_has_the_address_of_the_client() {
    let (fixture, login) = behind_proxy(&[]);
    let create = Request::new("POST", blackbox::CUSTOMERS).login(&login).header("X-Forwarded-For", CLIENT);
    let create = create.json(&blackbox::sample::minimal("Behind", "Acme"));
    let mut connection = Connection::open_from(PROXY, fixture.server.address()).expect("a connection");
    connection.exchange(&create).expect("a reply").must_succeed("a create");
    let log = fixture.test_dir.cli(&["audit", "export"]).done();
    let entry = log.lines().find(|line| line.contains("create_customer")).expect("an entry");
    assert!(entry.contains(&format!("\"address\":\"{CLIENT}\"")), "{entry}");
}

#[test]
fn connections_of_trusted_proxies_are_not_counted_by_address() {
    let (fixture, _) = behind_proxy(&["--limits-connections-per-address", "2"]);
    let live = Request::new("GET", "/health/live");
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut connection = Connection::open_from(PROXY, fixture.server.address()).expect("a connection");
        assert_eq!(connection.exchange(&live).expect("a reply").status, 200);
        held.push(connection);
    }
}

/// A running proxy, killed when dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The code block of the guide that contains a text.
fn example(language: &str, text: &str) -> String {
    let guide = fs::read_to_string(reference::workspace().join("docs/guides/proxies.md")).expect("there is the guide");
    let start = format!("```{language}\n");
    let mut blocks = guide.split(&start).skip(1).filter_map(|block| block.split("```").next());
    blocks.find(|block| block.contains(text)).expect("there is the example").to_owned()
}

/// Starts a proxy with the configuration that `configure` makes for the address on which it listens.
fn start(directory: &Path, command: &mut Command, configure: impl Fn(SocketAddr) -> String) -> Proxy {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    fs::write(directory.join("proxy.conf"), configure(address)).expect("a file can be written");
    let child = command.current_dir(directory).stdin(Stdio::null()).spawn();
    let proxy = Proxy { child: child.expect("this test needs haproxy and nginx, of the Debian packages"), address };
    wait::until("the proxy listens", wait::PROCESS, || Connection::open(address).ok().map(drop));
    proxy
}

/// Asserts that the server sees the address of this process through a proxy that connects from [`PROXY`].
fn sees_the_client(fixture: &Fixture, proxy: &Proxy) {
    let here = fixture.test_dir.key("ada", &["--allow", "127.0.0.1"]);
    let through = Client::new(proxy.address, Some(here));
    wait::until("the key works through the proxy", wait::NOTICE, || (through.get(ECHO).status == 200).then_some(()));
    let elsewhere = fixture.test_dir.key("ada", &["--allow", "127.0.0.2"]);
    let forged = Request::new("GET", ECHO).login(&elsewhere).header("X-Forwarded-For", "127.0.0.2");
    Client::new(proxy.address, None).send(forged).must_be(&INVALID_CREDENTIALS, "the client writes the header itself");
}

#[test]
fn haproxy_passes_on_the_address_as_in_the_guide() {
    for (text, settings) in [("option forwardfor", &[][..]), ("send-proxy-v2", &["--proxy-header", "proxy-v2"])] {
        let (fixture, _) = behind_proxy(settings);
        let root = fixture.test_dir.root();
        let server = fixture.server.address();
        let mut haproxy = Command::new("haproxy");
        let proxy = start(root, haproxy.args(["-db", "-f", "proxy.conf"]), |listen| {
            let configuration = example("haproxy", text).replace(":443 ssl crt /etc/haproxy/registry.pem", ":443");
            let configuration = configuration.replace("bind :443", &format!("bind {listen}"));
            configuration.replace("127.0.0.1:8080", &format!("{server} source {PROXY}"))
        });
        sees_the_client(&fixture, &proxy);
    }
}

#[test]
fn nginx_passes_on_the_address_as_in_the_guide() {
    let (fixture, _) = behind_proxy(&[]);
    let root = fixture.test_dir.root();
    let server = fixture.server.address();
    let directory = root.display().to_string();
    let mut nginx = Command::new("nginx");
    let proxy = start(root, nginx.args(["-p", &directory, "-c", "proxy.conf", "-e", "stderr"]), |listen| {
        let example = example("nginx", "proxy_pass").replace("listen 443 ssl", &format!("listen {listen}"));
        let lines = example.lines().filter(|line| !line.contains("ssl_certificate"));
        let example = lines.collect::<Vec<_>>().join("\n").replace("127.0.0.1:8080", &server.to_string());
        let bound = example.replace("location / {", &format!("location / {{ proxy_bind {PROXY};"));
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
        format!(
            "daemon off; master_process off; pid nginx.pid; events {{}} http {{ access_log off; {}\n{bound} }}",
            temporary.join(" ")
        )
    });
    sees_the_client(&fixture, &proxy);
}
