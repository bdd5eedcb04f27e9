//! `GET /health/live` and `GET /health/ready`.

use blackbox::{Login, Site};
use serde_json::json;

#[test]
fn health_checks_need_no_sign_in() {
    let site = Site::start();
    let stranger = site.server.client_of(&Login { user: "stranger".into(), key: "wrong".into() });
    for client in [site.server.client(), site.client(), stranger] {
        for path in ["/health/live", "/health/ready"] {
            let reply = client.get(path);
            reply.must_succeed(path);
            assert_eq!(reply.json(), json!({ "status": "ok" }));
        }
    }
}
