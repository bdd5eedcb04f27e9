//! Runs the client of `docs/guides/first-client.md` as the guide says.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread;

use blackbox::{reference, sample};
use serde_json::json;

use super::{Sandbox, ann};

/// Runs the client and returns what it printed.
#[track_caller]
fn run(sandbox: &Sandbox) -> String {
    run_at(sandbox.server.address())
}

/// The same, against any address.
#[track_caller]
fn run_at(address: SocketAddr) -> String {
    let output = client_at(address);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn client_at(address: SocketAddr) -> Output {
    let login = ann();
    let mut command = Command::new("python3");
    command.arg(reference::workspace().join("docs/guides/first_client.py"));
    command.args([format!("http://{address}"), login.user, login.key]);
    command.output().expect("there is a python3")
}

/// What the guide says that it prints.
fn shown() -> String {
    let guide = reference::workspace().join("docs/guides/first-client.md");
    let guide = fs::read_to_string(guide).expect("there is a guide");
    let (_, block) = guide.split_once("```text\n").expect("the guide shows it");
    block.split_once("```").expect("a block has an end").0.to_owned()
}

#[test]
fn it_prints_what_the_guide_shows() {
    assert_eq!(run(&Sandbox::start()), shown());
}

#[test]
fn a_lost_answer_and_a_busy_server_change_nothing_of_that() {
    let sandbox = Sandbox::start();
    sandbox.add_fault(&json!({ "fault": "cutAfter", "method": "POST" }));
    sandbox.add_fault(&json!({ "fault": "503", "method": "POST" }));
    sandbox.add_fault(&json!({ "fault": "cutAfter", "method": "DELETE" }));
    assert_eq!(run(&sandbox), shown());
    assert_eq!(sandbox.faults(), 0, "all of them have struck");
}

#[test]
fn the_lines_of_the_readme_for_a_ci_reset_a_sandbox_and_make_a_call_fail() {
    let sandbox = Sandbox::start();
    sandbox.ann().create(&sample::minimal("Of the test before", "Acme")).must_succeed("a create");
    let readme = fs::read_to_string(reference::workspace().join("README.md")).expect("there is a README");
    let (_, block) = readme.split_once("carnelian serve --sandbox &").expect("the README starts one");
    let (block, _) = block.split_once("```").expect("a block has an end");
    let calls: Vec<_> = block.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(calls.len(), 3, "{block}");
    for call in calls {
        let call = call.replace("127.0.0.1:8080", &sandbox.server.address().to_string());
        let output = Command::new("sh").args(["-c", &call]).output().expect("there is a shell");
        assert!(output.status.success(), "{call}: {output:?}");
    }
    assert_eq!(sandbox.faults(), 1);
    let list = || sandbox.ann().get("/rws/api/v1/customers?name=Of+the+test+before");
    assert_eq!(list().status, 503);
    assert_eq!(list().json()["customers"], json!([]), "it was reset");
}

/// A proxy that answers the first requests itself, with these bytes, and hands every later one to a server.
struct Proxy {
    address: SocketAddr,
}

impl Proxy {
    fn start(server: SocketAddr, answers: Vec<String>) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            for client in listener.incoming() {
                let client = client.expect("a connection");
                match answers.next() {
                    Some(answer) => answer_all(client, &answer),
                    None => forward(client, server),
                }
            }
        });
        Proxy { address }
    }
}

/// Reads one request and answers it.
fn answer_all(mut client: TcpStream, answer: &str) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    let length = |request: &[u8]| {
        let head = String::from_utf8_lossy(request).to_lowercase();
        let (head, _) = head.split_once("\r\n\r\n")?;
        let body = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        Some(head.len() + 4 + body.unwrap_or(0))
    };
    while length(&request).is_none_or(|length| request.len() < length) {
        let count = client.read(&mut part).expect("a request");
        request.extend_from_slice(&part[..count]);
    }
    client.write_all(answer.as_bytes()).expect("the client reads");
}

/// Hands one connection to a server.
fn forward(client: TcpStream, server: SocketAddr) {
    let server = TcpStream::connect(server).expect("the server accepts");
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    copy(client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    copy(server, client);
}

/// A page as proxies answer it.
fn page(status: &str, headers: &str) -> String {
    let body = "<html><body><h1>Something is wrong</h1></body></html>";
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn what_proxies_answer_changes_nothing_of_that() {
    let sandbox = Sandbox::start();
    let truncated = page("504 Gateway Timeout", "").replace("Content-Length: ", "Content-Length: 9");
    let proxy = Proxy::start(
        sandbox.server.address(),
        vec![
            page("503 Service Unavailable", ""),
            page("502 Bad Gateway", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"),
            page("200 OK", ""),
            truncated,
        ],
    );
    assert_eq!(run_at(proxy.address), shown());
    let proxy = Proxy::start(
        sandbox.server.address(),
        vec![
            page("429 Too Many Requests", "Retry-After: soon\r\n"),
            page("503 Service Unavailable", "Retry-After: 0\r\n").replace("<html>", "[1]<html>"),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\nConnection: close\r\n\r\n[1]".to_owned(),
            "HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n\r\n".to_owned(),
        ],
    );
    assert_eq!(run_at(proxy.address).lines().count(), shown().lines().count());
}

#[test]
fn a_proxy_that_goes_on_answering_pages_is_reported() {
    let sandbox = Sandbox::start();
    let proxy = Proxy::start(sandbox.server.address(), vec![page("503 Service Unavailable", ""); 5]);
    let output = client_at(proxy.address);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.trim_end().ends_with("Refused: 503 None: not an answer of the registry"), "{error}");
}
