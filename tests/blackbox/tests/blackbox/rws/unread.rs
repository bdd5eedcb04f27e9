//! Responses that are not read, and the limit of listings per user.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Fixture, Login, Request, sample, wait};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::{Value, json};

/// How many listings of a user are answered at once, as documented.
const SLOTS: usize = 2;

/// A customer whose JSON takes up 100 kilobytes; the server under test permits it.
fn huge(number: usize) -> Value {
    let mut customer = sample::full(&format!("Huge {number}"), "Acme");
    customer["billingAddress"]["country"] = json!("\u{10348}".repeat(12_000));
    customer["shippingAddress"]["country"] = json!("\u{10348}".repeat(12_000));
    customer
}

/// A server whose list of customers exceeds the buffers between server and client.
fn start() -> Fixture {
    let fixture = Fixture::start_with(|launch| {
        let limits = ["--limits-country", "20000", "--limits-body-bytes", "1000000"];
        launch.args(&limits).args(&["--timeouts-header-seconds", "2"])
    });
    let client = fixture.client();
    for number in 0..50 {
        client.create(&huge(number)).must_succeed("a large customer");
    }
    fixture
}

/// Requests a list and reads none of it.
fn unread(address: SocketAddr, login: &Login) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server accepts connections");
    set_socket_recv_buffer_size(&stream, 4096).expect("a socket takes a buffer size");
    stream.set_read_timeout(Some(wait::PATIENCE)).expect("a socket takes a timeout");
    stream.write_all(&Request::new("GET", CUSTOMERS).login(login).bytes()).expect("the server reads");
    stream.read_exact(&mut [0; 16]).expect("the server answers");
    stream
}

/// Waits until one of the user's slots is free.
fn until_slot_is_free(client: &Client) {
    wait::until("the user may list again", wait::PATIENCE, || {
        (client.get(&format!("{CUSTOMERS}?pageSize=1")).status == 200).then_some(())
    });
}

fn must_be_served(client: &Client, what: &str) {
    client.get("/rws/api/v1/echo/hello").must_succeed(what);
    client.get(&format!("{CUSTOMERS}?pageSize=1")).must_succeed(what);
}

#[test]
fn a_user_whose_lists_are_not_read_waits_for_them_and_others_do_not() {
    let fixture = start();
    let Fixture { server, test_dir, ada } = &fixture;
    let other = test_dir.user("other", "Acme", &[]);
    let unread: Vec<_> = (0..SLOTS).map(|_| unread(server.address(), ada)).collect();
    must_be_served(&server.client_of(&other), "another user");
    let client = server.client_of(ada);
    let reply = client.get(&format!("{CUSTOMERS}?pageSize=1"));
    reply.must_be(&RATE_LIMIT, "one list more");
    client.get("/rws/api/v1/echo/hello").must_succeed("a request that is no listing");
    drop(unread);
    until_slot_is_free(&client);
}

#[test]
fn a_client_that_reads_nothing_gives_its_slot_back() {
    let fixture = start();
    let _unread: Vec<_> = (0..SLOTS).map(|_| unread(fixture.server.address(), &fixture.ada)).collect();
    until_slot_is_free(&fixture.client());
}
