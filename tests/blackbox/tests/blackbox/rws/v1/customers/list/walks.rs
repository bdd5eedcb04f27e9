//! Walking through all customers, also while there are ever more.

use std::thread;

use blackbox::{CUSTOMERS, Client, Fixture, sample};

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
