//! What holds for the pages of every listing.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Problem, json, sample};
use serde_json::Value;

use crate::tenant_fixture::TenantFixture;

/// Every listing, and the key of its entries.
const LISTINGS: [(&str, &str); 3] =
    [("/rws/api/v1/accounts", "accounts"), ("/rws/api/v1/users", "users"), (CUSTOMERS, "customers")];

/// The entries of a page, and whether it is the last.
#[track_caller]
pub fn page(client: &Client, target: &str, key: &str, number: u64) -> (Vec<Value>, bool) {
    let reply = client.get(target);
    reply.must_succeed(target);
    assert_eq!(json::keys(reply.text()), ["pageNumber", key, "lastPage"], "{target}");
    let page = reply.json();
    assert_eq!(page["pageNumber"], number, "{target}");
    let entries = page[key].as_array().unwrap_or_else(|| panic!("no {key} in {page}"));
    (entries.clone(), page["lastPage"].as_bool().unwrap_or_else(|| panic!("no lastPage in {page}")))
}

/// Prepares a fixture with sixty accounts, sixty users and sixty customers.
fn world_of_sixty() -> TenantFixture {
    let tenants = TenantFixture::start();
    for index in 0..55 {
        tenants.test_dir.account(&format!("Account {index}"));
        let create = ["user", "create", &format!("user {index}"), "--account", "Acme"];
        tenants.test_dir.cli(&create).done();
    }
    let client = tenants.client(&tenants.opal);
    for index in 0..60 {
        let account = ["Acme", "Rival", "Acme East"][index % 3];
        client.create(&sample::minimal(&format!("Customer {index}"), account)).must_succeed("a customer");
    }
    tenants
}

#[test]
fn pages_cut_a_listing_into_parts_that_neither_overlap_nor_leave_gaps() {
    let tenants = world_of_sixty();
    let client = tenants.client(&tenants.opal);
    for (path, key) in LISTINGS {
        let (first, last) = page(&client, path, key, 1);
        assert_eq!((first.len(), last), (50, false), "{path}: fifty by default");
        let (second, last) = page(&client, &format!("{path}?pageNumber=2"), key, 2);
        assert_eq!((second.len(), last), (10, true), "{path}");
        let all = [first, second].concat();
        for size in [1, 7, 10, 30, 50] {
            let pages = 60_usize.div_ceil(size) as u64;
            let mut walked = Vec::new();
            for number in 1..=pages {
                let target = format!("{path}?pageSize={size}&pageNumber={number}");
                let (entries, last) = page(&client, &target, key, number);
                assert_eq!(last, number == pages, "{target}");
                walked.extend(entries);
            }
            assert_eq!(walked, all, "{path} by {size}");
        }
    }
}

#[test]
fn a_page_past_the_end_is_empty_and_the_last() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.opal);
    for (path, key) in LISTINGS {
        for number in [2, 3, 1_000_000, 4_294_967_295_u64] {
            let target = format!("{path}?pageNumber={number}");
            assert_eq!(page(&client, &target, key, number), (vec![], true), "{target}");
        }
    }
}

#[test]
fn a_size_or_number_out_of_range_is_refused() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.opal);
    let refused = |target: &str, problem: &Problem, fields: &[&str]| {
        let reply = client.get(target);
        reply.must_be(problem, target);
        assert_eq!(reply.violated_fields(), fields, "{target}");
    };
    for (path, key) in LISTINGS {
        for bad in ["0", "51", "-1", "%2B1", "1.0", "x", "", "9999999999999999999999", "1&pageSize=1", "%FF"] {
            refused(&format!("{path}?pageSize={bad}"), &INVALID_PAGE_SIZE, &["pageSize"]);
        }
        for bad in ["0", "-1", "x", "", "4294967296", "9999999999999999999999", "1&pageNumber=2"] {
            refused(&format!("{path}?pageNumber={bad}"), &INVALID_PAGE_NUMBER, &["pageNumber"]);
        }
        refused(&format!("{path}?pageNumber=0&pageSize=51"), &INVALID_PAGE_SIZE, &["pageSize", "pageNumber"]);
        let limit = client.get(&format!("{path}?pageSize=51")).violations()[0].limit;
        assert_eq!(limit, Some(50), "{path}");
        page(&client, &format!("{path}?&pageSize=1&&"), key, 1);
    }
}

#[test]
fn listings_require_credentials() {
    let tenants = TenantFixture::start();
    for (path, _) in LISTINGS {
        tenants.server.client().get(path).must_be(&AUTHENTICATION_REQUIRED, path);
        let anything = format!("{path}?pageSize=0");
        tenants.server.client().get(&anything).must_be(&AUTHENTICATION_REQUIRED, &anything);
    }
}
