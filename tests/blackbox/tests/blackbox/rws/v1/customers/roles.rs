//! What each role may do.

use blackbox::problems::ROLE_NOT_ALLOWED;
use blackbox::sample;
use serde_json::json;

use crate::world::World;

#[test]
fn a_reader_reads_everything_but_the_answer_and_writes_nothing() {
    let world = World::start();
    let body = sample::full("Read", "Acme East");
    let id = world.client(&world.ada).create(&body).customer_id();
    let reader = world.client(&world.rita);
    let mut visible = body.clone();
    visible["securityAnswer"] = json!(null);
    sample::assert_shows(&reader.read(id).json(), &visible, id);
    reader.create(&sample::minimal("Written", "Acme")).must_be(&ROLE_NOT_ALLOWED, "a create");
    reader.edit(id, &body).must_be(&ROLE_NOT_ALLOWED, "an edit");
    reader.edit(u64::MAX, &json!({})).must_be(&ROLE_NOT_ALLOWED, "a hopeless edit");
    reader.get("/rws/api/v1/echo/hello").must_succeed("an echo");
    sample::assert_shows(&world.client(&world.ada).read(id).json(), &body, id);
}

#[test]
fn roles_that_write_see_the_answer() {
    let world = World::start();
    let id = world.client(&world.ada).create(&sample::full("Seen", "Acme")).customer_id();
    for login in [&world.ada, &world.solo, &world.opal] {
        assert_eq!(world.client(login).read(id).json()["securityAnswer"], json!("Journey"), "{}", login.user);
    }
}
