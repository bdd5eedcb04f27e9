//! That nothing but the flag makes a server a sandbox.

use blackbox::problems::*;
use blackbox::{Fixture, Request, TestDir, reference};
use serde_json::json;

/// The paths that only a sandbox has, with their methods.
fn routes() -> Vec<reference::RouteRow> {
    let routes = reference::routes().expect("docs/reference/routes.md is published");
    let routes: Vec<_> = routes.into_iter().filter(|route| route.template.starts_with("/sandbox/")).collect();
    assert!(routes.len() >= 6, "{routes:?}");
    routes
}

#[test]
fn a_server_without_the_flag_has_none_of_its_paths() {
    let fixture = Fixture::embedded();
    for client in [fixture.server.client(), fixture.client()] {
        let unknown = client.get("/nothing");
        unknown.must_be(&NOT_FOUND, "an unknown path");
        for route in routes() {
            let reply = client.send(Request::new(&route.method, &route.template).json(&json!({})));
            assert_eq!(reply.comparable(), unknown.comparable(), "{route:?}");
        }
    }
}

#[test]
fn neither_a_file_nor_the_environment_makes_a_sandbox() {
    let test_dir = TestDir::embedded();
    for name in ["CARNELIAN_SANDBOX", "CARNELIAN_SEED"] {
        let refused = test_dir.launch().env(name, "true").run();
        assert!(refused.fails(2).contains(name));
    }
    for key in ["sandbox", "serve.sandbox", "seed"] {
        let refused = test_dir.launch().config(&format!("{key} = true\n")).run();
        assert!(refused.fails(2).contains(key));
    }
}

#[test]
fn a_seed_without_a_sandbox_and_a_demo_with_one_are_wrong_usage() {
    let test_dir = TestDir::embedded();
    test_dir.write("seed.toml", "");
    test_dir.launch().args(&["--seed", "seed.toml"]).run().fails(2);
    test_dir.launch().args(&["--sandbox", "--demo"]).run().fails(2);
}
