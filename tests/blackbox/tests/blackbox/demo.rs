//! `carnelian serve --demo`.

use std::process::Command;

use blackbox::{Client, Login, Server, TestDir};
use data_encoding::BASE64;
use serde_json::Value;

/// The call that the server prints, once all of it is there.
fn printed_call(server: &Server) -> String {
    let printed = server.stdout();
    let start = printed.find("\ncurl ").unwrap_or_else(|| panic!("no curl call in {printed}")) + 1;
    // The call extends over as many lines as a shell would read.
    let mut call = String::new();
    for line in printed[start..].lines() {
        call.push_str(line);
        call.push('\n');
        let open = call.matches('\'').count() % 2 == 1;
        if !open && !line.trim_end().ends_with('\\') {
            break;
        }
    }
    call
}

fn run(call: &str) -> Value {
    let output = Command::new("/bin/sh").arg("-c").arg(call).output().expect("a shell can be run");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{call}\nanswered {output:?}"))
}

/// A client with the credentials of the call.
fn client(server: &Server, call: &str) -> Client {
    let encoded = call.split("Basic ").nth(1).map(|rest| rest.split(['"', '\'']).next().unwrap_or_default());
    let credentials = match encoded {
        Some(encoded) => String::from_utf8(BASE64.decode(encoded.as_bytes()).expect("Base64")).expect("text"),
        None => {
            let value = call.split("-u ").nth(1).expect("a call carries credentials");
            value.trim_start_matches(['"', '\'']).split(['"', '\'', ' ']).next().unwrap_or_default().to_owned()
        }
    };
    let (user, key) = credentials.split_once(':').expect("a name and a key");
    server.client_of(&Login { user: user.into(), key: key.into() })
}

#[test]
fn the_printed_call_works_as_it_is_and_after_every_later_start() {
    let test_dir = TestDir::new();
    let demo = || test_dir.launch().bare().args(&["--demo", "--listen", "127.0.0.1:0"]).start();
    let server = demo();
    let printed = server.stdout();
    assert!(printed.starts_with("Carnelian 0.1.0\nListening on http://"), "{printed}");
    assert!(printed.lines().nth(2).is_some_and(|line| line.starts_with("Data in ")), "{printed}");
    assert!(test_dir.root().join("carnelian-demo/demo.json").is_file());
    let call = printed_call(&server);
    let reply = run(&call);
    let id = reply["customerId"].as_u64().unwrap_or_else(|| panic!("no customerId in {reply}"));
    let read = client(&server, &call).read(id);
    read.must_succeed("the new customer");
    assert_eq!(read.json()["accountName"], "Acme");

    server.stop();
    let server = demo();
    let call = printed_call(&server);
    let reply = run(&call);
    let works = reply["customerId"].is_u64() || reply["errorCode"] == "10000602";
    assert!(works, "the call printed by the second start answers {reply}");
    client(&server, &call).read(id).must_succeed("the customer of the first start");
}

#[test]
fn it_has_a_group_of_two_accounts_one_outside_and_a_user_in_each_case() {
    let test_dir = TestDir::new();
    let data = test_dir.data();
    let data = data.to_str().expect("a plain path");
    let demo = || test_dir.launch().bare().args(&["--demo", "--listen", "127.0.0.1:0", "--data", data]).start();
    demo().stop();
    let accounts = test_dir.cli(&["account", "list", "--json"]).json();
    let groups = test_dir.cli(&["group", "list", "--json"]).json();
    let users = test_dir.cli(&["user", "list", "--json"]).json();
    assert_eq!(accounts.as_array().map(Vec::len), Some(3), "{accounts}");
    let grouped = groups[0]["accounts"].as_array().expect("there is a group");
    assert_eq!(grouped.len(), 2, "{groups}");
    assert!(grouped.contains(&"Acme".into()), "{groups}");
    let homes: Vec<_> = users.as_array().into_iter().flatten().map(|user| &user["accountName"]).collect();
    let homeless = accounts.as_array().into_iter().flatten().find(|account| !homes.contains(&&account["accountName"]));
    assert!(homeless.is_none(), "no user in {homeless:?}");
    demo().stop();
    assert_eq!(test_dir.cli(&["account", "list", "--json"]).json(), accounts, "it is prepared once");
    assert_eq!(test_dir.cli(&["user", "list", "--json"]).json(), users, "it is prepared once");
    let log = test_dir.cli(&["audit", "export"]).done();
    assert_eq!(log.matches("change_settings").count(), 1, "a demo is a registry: {log}");
}

#[test]
fn keys_of_a_first_start_that_could_not_show_them_are_revoked() {
    let test_dir = TestDir::new();
    let data = test_dir.data();
    let data = data.to_str().expect("a plain path");
    let demo = || test_dir.launch().bare().args(&["--demo", "--listen", "127.0.0.1:0", "--data", data]).start();
    demo().stop();
    // As if the first start had been interrupted before it had noted the keys that it made.
    std::fs::remove_file(test_dir.data().join("demo.json")).expect("there is one");
    demo().stop();
    let keys = test_dir.cli(&["key", "list", "ann", "--json"]).json();
    let status: Vec<_> = keys.as_array().into_iter().flatten().map(|key| key["status"].as_str()).collect();
    assert_eq!(status, [Some("Revoked"), Some("Active")], "{keys}");
}
