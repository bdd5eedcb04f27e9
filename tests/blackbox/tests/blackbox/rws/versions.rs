//! The API version in the path.

use blackbox::problems::*;
use blackbox::{Fixture, Request, sample};

#[test]
fn every_version_but_1_is_invalid() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for version in
        ["v2", "v0", "v01", "v10", "v11", "vx", "v", "v1.0", "v1x", "v-1", "v+1", "v%20", "v99999999999999999999"]
    {
        for path in ["customers", "customers/17", "echo/hello", "nothing"] {
            let target = format!("/rws/api/{version}/{path}");
            client.get(&target).must_be(&INVALID_API_VERSION, &target);
        }
        let create = Request::new("POST", &format!("/rws/api/{version}/customers")).json(&sample::minimal("A", "Acme"));
        client.send(create).must_be(&INVALID_API_VERSION, version);
    }
}

#[test]
fn a_path_without_a_version_is_not_served() {
    let fixture = Fixture::start();
    for version in ["V1", "1", "version1"] {
        let reply = fixture.client().get(&format!("/rws/api/{version}/echo/hello"));
        assert!(reply.is(&INVALID_API_VERSION) || reply.is(&NOT_FOUND), "{version}: {}", reply.text());
    }
}
