//! What each role may do.

use blackbox::problems::ROLE_NOT_ALLOWED;
use blackbox::sample;
use serde_json::json;

use crate::tenant_fixture::TenantFixture;

#[test]
fn a_reader_reads_everything_but_the_answer_and_writes_nothing() {
    let tenants = TenantFixture::start();
    let body = sample::full("Read", "Acme East");
    let id = tenants.client(&tenants.ada).create(&body).customer_id();
    let reader = tenants.client(&tenants.rita);
    let mut visible = body.clone();
    visible["securityAnswer"] = json!(null);
    sample::assert_shows(&reader.read(id).json(), &visible, id);
    reader.create(&sample::minimal("Written", "Acme")).must_be(&ROLE_NOT_ALLOWED, "a create");
    reader.edit(id, &body).must_be(&ROLE_NOT_ALLOWED, "an edit");
    reader.edit(u64::MAX, &json!({})).must_be(&ROLE_NOT_ALLOWED, "a hopeless edit");
    reader.get("/rws/api/v1/echo/hello").must_succeed("an echo");
    sample::assert_shows(&tenants.client(&tenants.ada).read(id).json(), &body, id);
}

#[test]
fn roles_that_write_see_the_answer() {
    let tenants = TenantFixture::start();
    let id = tenants.client(&tenants.ada).create(&sample::full("Seen", "Acme")).customer_id();
    for login in [&tenants.ada, &tenants.solo, &tenants.opal] {
        assert_eq!(tenants.client(login).read(id).json()["securityAnswer"], json!("Journey"), "{}", login.user);
    }
}
