//! Walking through all customers, also while there are ever more.

use std::thread;

use blackbox::{CUSTOMERS, Client, Fixture, sample};
use serde_json::Value;

use super::ids;
use crate::rws::v1::paging::page;
use crate::tenant_fixture::TenantFixture;

/// Walks by `after` until the last page.
fn walk(client: &Client, query: &str) -> Vec<u64> {
    let (mut walked, mut after) = (Vec::new(), 0);
    loop {
        let target = format!("{CUSTOMERS}?{query}&after={after}&fields=customerId");
        let (customers, last) = page(client, &target, "customers", 1);
        walked.extend(customers.iter().map(|customer| customer["customerId"].as_u64().expect("an id")));
        match walked.last() {
            Some(id) if !last => after = *id,
            _ => return walked,
        }
    }
}

#[test]
fn paging_returns_every_customer_once_while_others_are_created_and_edited() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    let create = |client: &Client, index: usize| {
        let account = ["Acme", "Acme East"][index % 2];
        client.create(&sample::minimal(&format!("Customer {index}"), account)).customer_id()
    };
    let before: Vec<_> = (0..150).map(|index| create(&client, index)).collect();
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let client = tenants.client(&tenants.ada);
            for index in 150..400 {
                create(&client, index);
                let edited = before[index % before.len()];
                let account = ["Acme", "Acme East"][index % before.len() % 2];
                let name = format!("Customer {}", index % before.len());
                client.edit(edited, &sample::full(&name, account)).must_succeed("an edit");
            }
        });
        let mut walks = 0;
        while !busy.is_finished() || walks == 0 {
            for query in ["pageSize=50", "pageSize=7", "pageSize=20&namePrefix=Customer"] {
                let walked = walk(&client, query);
                assert!(walked.is_sorted_by(|one, next| one < next), "{query}: {walked:?}");
                let met: Vec<_> = walked.iter().filter(|id| before.contains(id)).copied().collect();
                assert_eq!(met, before, "{query}");
                walks += 1;
            }
        }
    });
    assert_eq!(walk(&client, "pageSize=50").len(), 400);
}

/// The names of all customers of a query, by page numbers and by `after`, which must be the same.
#[track_caller]
fn walked_names(client: &Client, query: &str) -> Vec<String> {
    let (mut by_number, mut by_id, mut after) = (Vec::new(), Vec::new(), 0);
    let name = |customer: &Value| customer["name"].as_str().expect("a name").to_owned();
    for number in 1.. {
        let target = format!("{CUSTOMERS}?{query}&fields=name&pageNumber={number}");
        let (customers, last) = page(client, &target, "customers", number);
        by_number.extend(customers.iter().map(name));
        let target = format!("{CUSTOMERS}?{query}&fields=name,customerId&after={after}");
        let (customers, last_by_id) = page(client, &target, "customers", 1);
        by_id.extend(customers.iter().map(name));
        assert_eq!(last, last_by_id, "{query}, page {number}");
        if last {
            break;
        }
        after = customers.last().and_then(|customer| customer["customerId"].as_u64()).expect("a page is not empty");
    }
    assert_eq!(by_number, by_id, "{query}");
    by_number
}

#[test]
fn every_customer_is_listed_once_whatever_is_read_at_once() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut names: Vec<String> = Vec::new();
    // One less than, as many as, and one more than a page, and what SQLite and PostgreSQL read at once.
    for count in [49, 50, 51, 99, 100, 101, 999, 1000, 1001] {
        let new = |number: usize| format!("{} customer {number}", ["Even", "Odd"][number % 2]);
        let new: Vec<_> = (names.len()..count).map(new).collect();
        for name in &new {
            client.create(&sample::minimal(name, "Acme")).must_succeed("a customer");
        }
        names.extend(new);
        let of = |kind: &str| names.iter().filter(|name| name.starts_with(kind)).cloned().collect::<Vec<_>>();
        for (query, expected) in [
            ("", names.clone()),
            ("&accountName=Acme", names.clone()),
            ("&modifiedSince=2000-01-01", names.clone()),
            ("&search=customer", names.clone()),
            ("&search=odd%20cust", of("Odd")),
            ("&namePrefix=Even", of("Even")),
            ("&namePrefix=Never", Vec::new()),
        ] {
            assert_eq!(walked_names(&client, &format!("pageSize=50{query}")), expected, "{query} of {count}");
        }
    }
}

#[test]
fn what_is_acknowledged_is_listed_at_once_by_every_way() {
    let fixture = Fixture::start();
    let (writer, reader) = (fixture.client(), fixture.client());
    for turn in 0..50 {
        let name = format!("Customer-{turn}");
        let id = writer.create(&sample::minimal(&name, "Acme")).customer_id();
        for query in [format!("name={name}"), format!("after={}", id - 1), format!("namePrefix={name}")] {
            assert_eq!(ids(&reader, &query).last(), Some(&id), "{query}");
        }
    }
}
