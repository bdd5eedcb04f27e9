//! `…/erasures` and `…/erasures/{erasureId}`.

use blackbox::problems::*;
use blackbox::{json, sample, wait};
use serde_json::{Value, json};

use super::{account_id, delete, get, post, text};
use crate::tenant_fixture::TenantFixture;

fn erasures(operator: &blackbox::Client) -> Vec<Value> {
    let page = get(operator, "erasures").must_succeed("a page of erasures").json();
    page["erasures"].as_array().expect("erasures").clone()
}

#[test]
fn an_erasure_is_shown_from_the_request_to_its_receipt() {
    let tenants = TenantFixture::start_with(|launch| launch.args(&["--erasure-grace=0"]));
    let operator = tenants.client(&tenants.opal);
    let account = account_id(&operator, "Rival");
    tenants.client(&tenants.rex).create(&sample::full("Gone", "Rival")).must_succeed("a create");
    post(&operator, &format!("accounts/{account}/erasure"), &json!({ "reason": "contract ended" }))
        .must_succeed("a request");
    let id = erasures(&operator).last().expect("it is listed")["erasureId"].as_str().expect("an id").to_owned();
    let shown = wait::until("there is a receipt", wait::PROCESS, || {
        let shown = get(&operator, &format!("erasures/{id}"));
        (text(&shown, "status") == "Receipted").then_some(shown)
    });
    let keys = [
        "erasureId",
        "accountId",
        "status",
        "requestedAt",
        "requestedBy",
        "reason",
        "dueAt",
        "erasedAt",
        "customers",
        "users",
        "keys",
        "receipt",
    ];
    assert_eq!(json::keys(shown.text()), keys);
    let erasure = shown.json();
    assert_eq!((&erasure["accountId"], &erasure["reason"]), (&json!(account), &json!("contract ended")));
    assert_eq!(
        ["customers", "users", "keys"].map(|count| &erasure[count]),
        [1, 1, 1].map(|count| json!(count)).each_ref()
    );
    assert_eq!(erasure["requestedAt"], erasure["dueAt"], "there is no time of grace");
    assert_eq!(erasures(&operator).last(), Some(&erasure));
    let printed = tenants.test_dir.cli(&["account", "receipt", &id]).json();
    assert_eq!(erasure["receipt"], printed);
    let no_id = tenants.test_dir.cli(&["account", "receipt", "Acme"]).fails(2);
    assert!(no_id.contains("an erasure id is a number"), "{no_id}");
    let file = tenants.test_dir.write("receipt.json", &erasure["receipt"].to_string());
    tenants.test_dir.cli(&["account", "check-receipt", file.to_str().expect("a plain name")]).done();
}

#[test]
fn an_erasure_that_has_begun_is_not_taken_back() {
    // Enough customers that the erasure takes a while.
    const CUSTOMERS: usize = 2000;
    let tenants = TenantFixture::start_with(|launch| launch.args(&["--erasure-grace=0"]));
    let operator = tenants.client(&tenants.opal);
    let rex = tenants.client(&tenants.rex);
    for number in 0..CUSTOMERS {
        rex.create(&sample::minimal(&format!("Leaving {number}"), "Rival")).must_succeed("a create");
    }
    let path = format!("accounts/{}/erasure", account_id(&operator, "Rival"));
    post(&operator, &path, &json!({})).must_succeed("a request");
    wait::until("the erasure has begun", wait::PROCESS, || {
        let erasure = erasures(&operator).pop().expect("it is listed");
        (erasure["customers"] != json!(0)).then_some(())
    });
    delete(&operator, &path).must_be(&ERASURE_BEGUN, "it cannot be undone");
}

#[test]
fn an_erasure_that_waits_says_until_when_and_one_that_was_taken_back_says_so() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let account = account_id(&operator, "Rival");
    let path = format!("accounts/{account}/erasure");
    post(&operator, &path, &json!({})).must_succeed("a request");
    let waiting = erasures(&operator).last().expect("it is listed").clone();
    assert_eq!(
        (&waiting["status"], &waiting["receipt"], &waiting["erasedAt"]),
        (&json!("Waiting"), &Value::Null, &Value::Null)
    );
    let day = |key: &str| waiting[key].as_str().expect("a moment")[..10].to_owned();
    assert!(day("dueAt") > day("requestedAt"), "{waiting}");
    delete(&operator, &path).must_succeed("it is taken back");
    assert_eq!(erasures(&operator).last().expect("it is listed")["status"], "Cancelled");
}

#[test]
fn erasures_come_in_pages_and_one_that_does_not_exist_is_not_found() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let account = account_id(&operator, "Rival");
    let path = format!("accounts/{account}/erasure");
    for _ in 0..2 {
        post(&operator, &path, &json!({})).must_succeed("a request");
        delete(&operator, &path).must_succeed("it is taken back");
    }
    let count = erasures(&operator).len();
    let page = |number: usize| get(&operator, &format!("erasures?pageSize=1&pageNumber={number}")).json();
    assert_eq!((page(1)["lastPage"].clone(), page(count)["lastPage"].clone()), (json!(false), json!(true)));
    assert_eq!(page(count)["erasures"][0], *erasures(&operator).last().expect("it is listed"));
    get(&operator, "erasures?pageSize=0").must_be(&INVALID_PAGE_SIZE, "no size");
    for id in ["1000000", "0", "x", "99999999999999999999999"] {
        get(&operator, &format!("erasures/{id}")).must_be(&ERASURE_NOT_FOUND, id);
    }
    get(&tenants.client(&tenants.ada), "erasures").must_be(&ROLE_NOT_ALLOWED, "no operator");
}
