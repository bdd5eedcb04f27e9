//! When two names are the same.

use blackbox::problems::DUPLICATE_NAME;
use blackbox::{Fixture, sample};

use crate::tenant_fixture::TenantFixture;

#[test]
fn names_are_compared_trimmed_and_normalised_but_not_folded() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let composed = "Caf\u{e9}";
    client.create(&sample::minimal(composed, "Acme")).must_succeed("the first of that name");
    let same = ["Caf\u{e9}", " Caf\u{e9}", "Caf\u{e9} ", "\u{3000}Caf\u{e9}\u{a0}", "Cafe\u{301}", "  Cafe\u{301} "];
    for name in same {
        client.create(&sample::minimal(name, "Acme")).must_be(&DUPLICATE_NAME, &format!("{name:?}"));
    }
    let different = ["caf\u{e9}", "CAF\u{c9}", "Cafe", "Caf\u{e9}\u{e9}", "Ca f\u{e9}", "\u{ff23}af\u{e9}"];
    for name in different {
        client.create(&sample::minimal(name, "Acme")).must_succeed(&format!("{name:?}"));
    }
}

#[test]
fn a_duplicate_changes_nothing() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let first = sample::full("Taken", "Acme");
    let id = client.create(&first).customer_id();
    client.create(&sample::minimal("Taken", "Acme")).must_be(&DUPLICATE_NAME, "the same name");
    let read = client.read(id);
    sample::assert_shows(&read.json(), &first, id);
    assert_eq!(read.header("etag"), Some("\"1\""));
}

#[test]
fn a_name_may_be_used_once_in_each_account() {
    let tenants = TenantFixture::start();
    let client = tenants.client(&tenants.ada);
    for account in ["Acme", "Acme East"] {
        client.create(&sample::minimal("Everywhere", account)).must_succeed(account);
        client.create(&sample::minimal("Everywhere", account)).must_be(&DUPLICATE_NAME, account);
    }
    tenants.client(&tenants.rex).create(&sample::minimal("Everywhere", "Rival")).must_succeed("Rival");
}
