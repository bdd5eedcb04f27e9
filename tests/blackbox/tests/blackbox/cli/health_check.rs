//! `carnelian health`.

use std::net::TcpListener;

use blackbox::{Fixture, Server, TestDir};

use crate::tls::{issued, serve};

fn check(test_dir: &TestDir, server: &Server, scheme: &str, more: &[&str]) -> blackbox::Outcome {
    let url = format!("{scheme}://{}", server.address());
    test_dir.bare_cli(&[&["health", "--url", &url], more].concat())
}

#[test]
fn a_health_check_succeeds_while_the_server_is_ready_and_fails_once_it_is_not() {
    let fixture = Fixture::start();
    let (test_dir, server) = (&fixture.test_dir, &fixture.server);
    let ready = check(test_dir, server, "http", &[]).line();
    assert!(ready.ends_with("is ready"), "{ready}");
    let table = if test_dir.is_embedded() { "registry" } else { "schema" };
    test_dir.sql(&format!("ALTER TABLE {table} RENAME TO elsewhere"));
    let error = check(test_dir, server, "http", &[]).fails(1);
    assert!(error.contains("is not ready: it answered 50"), "{error}");
    check(test_dir, server, "http", &["--live"]).line();
    test_dir.sql(&format!("ALTER TABLE elsewhere RENAME TO {table}"));
    check(test_dir, server, "http", &[]).line();
    let url = format!("http://{}", server.address());
    let Fixture { server, test_dir, .. } = fixture;
    server.stop();
    let error = test_dir.bare_cli(&["health", "--url", &url]).fails(1);
    assert!(error.contains("cannot connect"), "{error}");
}

#[test]
fn a_health_check_verifies_the_certificate() {
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let [own, ca, key] = issued([2020, 4000]);
    test_dir.write("cert.pem", &format!("{own}{ca}"));
    test_dir.write("key.pem", &key);
    test_dir.write("ca.pem", &ca);
    let [_, other, _] = issued([2020, 4000]);
    test_dir.write("other.pem", &other);
    let server = serve(&test_dir);
    let name = ["--tls-name", "carnelian.test"];
    check(&test_dir, &server, "https", &[&name[..], &["--ca-file", "ca.pem"]].concat()).line();
    for refused in
        [&["--ca-file", "ca.pem"][..], &name[..], &["--ca-file", "other.pem", "--tls-name", "carnelian.test"][..]]
    {
        let error = check(&test_dir, &server, "https", refused).fails(1);
        assert!(error.contains("TLS failed: invalid peer certificate"), "{refused:?}: {error}");
    }
    let error = check(&test_dir, &server, "https", &["--ca-file", "key.pem"]).fails(2);
    assert!(error.contains("certificates of authorities"), "{error}");
}

#[test]
fn a_health_check_waits_no_longer_than_its_timeout() {
    let test_dir = TestDir::embedded();
    // It accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", silent.local_addr().expect("it has an address"));
    let error = test_dir.bare_cli(&["health", "--url", &url, "--timeout", "1s"]).fails(1);
    assert!(error.contains("no answer within 1 s"), "{error}");
    for bad in [["--timeout", "0"], ["--timeout", "2h"], ["--url", "localhost:8080"]] {
        let mut arguments = vec!["health", "--url", &url];
        if bad[0] == "--url" {
            arguments.truncate(1);
        }
        test_dir.bare_cli(&[&arguments[..], &bad].concat()).fails(2);
    }
}
