//! `carnelian customer export`.

use std::os::unix::fs::PermissionsExt;

use crate::properties::{customer, for_all_of};
use blackbox::{Fixture, TestDir, sample};
use proptest::collection::vec;
use serde_json::{Value, json};

fn export(test_dir: &TestDir, format: &str) -> String {
    test_dir.cli(&["customer", "export", "--format", format]).done()
}

/// Imports a file into an empty registry.
fn imported(name: &str, content: &str) -> TestDir {
    let test_dir = TestDir::new();
    test_dir.write(name, content);
    test_dir.cli(&["customer", "import", name, "--create-accounts"]).done();
    test_dir
}

/// Asserts that what these lines make survives the way out and in again, in both formats.
fn assert_round_trip(lines: &str) {
    let first = imported("customers.jsonl", lines);
    let (csv, jsonl) = (export(&first, "csv"), export(&first, "jsonl"));
    assert_eq!(jsonl.lines().count(), lines.lines().count());
    for (name, content) in [("again.csv", &csv), ("again.jsonl", &jsonl)] {
        let again = imported(name, content);
        assert_eq!(export(&again, "csv"), csv, "{name}");
        assert_eq!(export(&again, "jsonl"), jsonl, "{name}");
    }
}

fn lines(customers: impl IntoIterator<Item = Value>) -> String {
    customers.into_iter().map(|customer| format!("{customer}\n")).collect()
}

#[test]
fn export_import_export_is_identical_for_what_is_easily_confused() {
    let texts = [
        "",
        " ",
        "  spaces  ",
        "\"",
        "\"\"",
        "a,b",
        "a;b",
        "'",
        "\\",
        "\\N",
        "\\\\",
        "\\\\N",
        "\\x",
        "N",
        "null",
        "true",
        "=1+1",
        "+1",
        "-1",
        "@cmd",
        "\u{feff}bom",
        "e\u{301}",
        "é",
        "🦀",
        "\u{2028}",
        "\u{85}",
        "\u{a0}",
        "#",
        "{}",
        "0",
    ];
    let of_text = texts.iter().enumerate().map(|(index, text)| {
        let contact = json!({ "name": text, "email": if index % 2 == 0 { json!(text) } else { Value::Null } });
        let address = json!({ "addressLine1": text, "postalCode": Value::Null, "country": text });
        json!({
            "name": format!("{text}{index}"), "accountName": format!("A{text}Z"), "securityQuestion": format!("{text}?"),
            "securityAnswer": format!("{text}!"), "contacts": [contact, {}, contact], "billingAddress": address,
            "shippingAddress": { "state": text }, "shipToBillAddress": index % 2 == 0,
        })
    });
    let objects =
        [json!([]), json!([{}]), json!([{}, {}]), json!([{ "title": "" }]), json!([{}, { "name": "" }, {}, {}])];
    let of_object = objects.into_iter().enumerate().flat_map(|(index, contacts)| {
        [Value::Null, json!({}), json!({ "city": "" })].into_iter().map(move |address| {
            let name = format!("{index} {address}");
            json!({ "name": name, "accountName": "Objects", "contacts": contacts, "shippingAddress": address })
        })
    });
    assert_round_trip(&lines(of_text.chain(of_object)));
}

#[test]
fn export_import_export_is_identical_for_any_customers() {
    for_all_of(3, vec(customer(), 60), |customers| {
        assert_round_trip(&lines(customers.into_iter().enumerate().map(|(index, mut customer)| {
            let name = customer["name"].as_str().expect("a name").to_owned();
            customer.insert("name".to_owned(), json!(format!("{name} {index}")));
            Value::Object(customer)
        })));
        Ok(())
    });
}

#[test]
fn an_export_contains_everything_except_ids_and_versions_in_the_order_of_the_api() {
    let test_dir = imported("a.jsonl", &lines([sample::full("Full", "Acme"), sample::minimal("Least", "Globex")]));
    let exported = export(&test_dir, "jsonl");
    let found: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found, [sample::full("Full", "Acme"), sample::shown(&sample::minimal("Least", "Globex"))]);
    let keys: Vec<_> = found[1].as_object().expect("an object").keys().collect();
    let expected = [
        "name",
        "accountName",
        "securityQuestion",
        "securityAnswer",
        "shipToBillAddress",
        "contacts",
        "billingAddress",
        "shippingAddress",
    ];
    assert_eq!(keys, expected);
    let csv = export(&test_dir, "csv");
    assert!(csv.starts_with("name,accountName,securityQuestion,securityAnswer,shipToBillAddress,contacts[0].name,"));
    assert_eq!(csv.matches("\r\n").count(), 3, "RFC 4180 ends lines so");
    let of_one = test_dir.cli(&["customer", "export", "--account", "Globex", "--format", "jsonl"]).done();
    assert_eq!(of_one, exported.lines().last().map(|line| format!("{line}\n")).expect("a line"));
    let why = test_dir.cli(&["customer", "export", "--account", "Nobody"]).fails(1);
    assert!(why.contains("unknown account \"Nobody\""), "{why}");
}

#[test]
fn a_file_is_named_when_complete_and_replaces_another_only_if_requested() {
    let test_dir = imported("a.jsonl", &lines([sample::full("Full", "Acme")]));
    let path = test_dir.root().join("out.jsonl");
    test_dir.cli(&["customer", "export", "--output", "out.jsonl"]).done();
    let read = || std::fs::read_to_string(&path).expect("there is a file");
    assert_eq!(read(), export(&test_dir, "jsonl"));
    assert_eq!(std::fs::metadata(&path).expect("there is a file").permissions().mode() & 0o777, 0o600);
    test_dir.write("out.jsonl", "precious");
    assert!(test_dir.cli(&["customer", "export", "--output", "out.jsonl"]).fails(1).contains("--replace"));
    assert_eq!(read(), "precious");
    test_dir.cli(&["customer", "export", "--output", "out.jsonl", "--replace", "--account", "Nobody"]).fails(1);
    assert_eq!(read(), "precious");
    test_dir.cli(&["customer", "export", "--output", "out.jsonl", "--replace"]).done();
    assert_eq!(read(), export(&test_dir, "jsonl"));
    assert!(!test_dir.root().join("out.jsonl.part").exists());
}

#[test]
fn an_export_works_under_a_running_server_and_is_logged() {
    let fixture = Fixture::start();
    let before = fixture.test_dir.cli(&["audit", "export"]).done().lines().count();
    for number in 0..3 {
        let reply = fixture.client().create(&sample::minimal(&format!("C{number}"), "Acme"));
        assert_eq!(reply.status, 200);
    }
    let exported = export(&fixture.test_dir, "jsonl");
    assert_eq!(exported.lines().count(), 3);
    fixture.test_dir.cli(&["customer", "export", "--account", "Acme"]).done();
    let log = fixture.test_dir.cli(&["audit", "export"]).done();
    let entries: Vec<Value> =
        log.lines().skip(before + 3).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let objects: Vec<_> = entries.iter().map(|entry| (&entry["action"], entry["object"].as_str())).collect();
    let action = json!("export_customers");
    assert_eq!(objects, [(&action, Some("registry")), (&action, Some("account:1"))], "{log}");
}

#[test]
fn an_export_of_many_parts_has_every_customer_once() {
    const PART: usize = 1000;
    let test_dir = TestDir::new();
    test_dir.account("Acme");
    let mut there = 0;
    for goal in [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1] {
        let rows: String = (there..goal).map(|number| format!("Customer {number},Acme\n")).collect();
        test_dir.write("more.csv", &format!("name,accountName\n{rows}"));
        test_dir.cli(&["customer", "import", "more.csv"]).done();
        there = goal;
        for arguments in [&["--format", "jsonl"][..], &["--format", "jsonl", "--account", "Acme"]] {
            let exported = test_dir.cli(&[&["customer", "export"], arguments].concat()).done();
            let names = exported.lines().map(|line| {
                let customer: Value = serde_json::from_str(line).expect("a line is JSON");
                customer["name"].as_str().expect("a name").to_owned()
            });
            assert!(names.eq((0..goal).map(|number| format!("Customer {number}"))), "{goal} customers");
        }
    }
}
