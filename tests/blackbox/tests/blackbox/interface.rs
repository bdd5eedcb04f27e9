//! `GET /openapi.json` and `GET /docs`: the published interface.

use blackbox::{Fixture, reference};
use serde_json::{Value, json};

const CREATE: &str = "/paths/~1rws~1api~1v1~1customers/post";
const READ: &str = "/paths/~1rws~1api~1v1~1customers~1{customerId}/get";

/// The example of the body of a request or of a successful answer.
fn example(document: &Value, operation: &str, content: &str) -> Value {
    let pointer = format!("{operation}/{content}/content/application~1json/example");
    document.pointer(&pointer).unwrap_or_else(|| panic!("no example at {pointer}")).clone()
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().expect("an object").keys().collect()
}

#[test]
fn the_document_is_served_to_anybody_as_it_is_published() {
    let fixture = Fixture::start();
    let served = fixture.server.client().get("/openapi.json").json();
    // As text, so that the order of keys counts.
    assert_eq!(served.to_string(), reference::openapi().to_string());
}

#[test]
fn the_document_and_the_page_show_the_limits_of_the_server() {
    let limits = ["--limits-country", "7", "--limits-body-bytes", "54321"];
    let fixture = Fixture::start_with(|launch| launch.args(&limits));
    let document = fixture.client().get("/openapi.json").json();
    let country = &document["components"]["schemas"]["Address"]["properties"]["country"];
    assert_eq!(country["maxLength"], 7, "{country}");
    let page = fixture.client().get("/docs");
    assert!(page.text().contains("at most 7 characters") && page.text().contains("54321"), "{}", page.text());
}

#[test]
fn the_examples_are_what_the_server_answers() {
    let fixture = Fixture::start();
    let document = fixture.client().get("/openapi.json").json();
    let customer = example(&document, CREATE, "requestBody");
    let created = fixture.client().create(&customer);
    let id = created.customer_id();
    assert_eq!(keys(&created.json()), keys(&example(&document, CREATE, "responses/200")));
    let mut expected = example(&document, READ, "responses/200");
    expected["customerId"] = json!(id);
    // As text, so that the order of keys counts.
    assert_eq!(fixture.client().read(id).text(), expected.to_string());

    for key in ["accounts", "users"] {
        let list = fixture.client().get(&format!("/rws/api/v1/{key}")).json();
        let shown = example(&document, &format!("/paths/~1rws~1api~1v1~1{key}/get"), "responses/200");
        assert_eq!((keys(&list), keys(&list[key][0])), (keys(&shown), keys(&shown[key][0])));
    }

    let error = |name: &str| document["components"]["examples"][name]["value"].to_string();
    assert_eq!(fixture.client().create(&customer).text(), error("DuplicateCustomerName"));
    assert_eq!(fixture.client().get("/rws/api/v1/customers/x").text(), error("InvalidCustomerId"));
    let mut broken = customer.clone();
    broken["billingAddress"] = json!({ "country": "a".repeat(151) });
    assert_eq!(fixture.client().create(&broken).text(), error("InvalidCountry"));
    let broken = json!({ "accountName": "Acme", "securityQuestion": "?", "contacts": [{ "mobile": "1".repeat(26) }] });
    assert_eq!(fixture.client().create(&broken).text(), error("SeveralViolations"));
}

#[test]
fn the_page_shows_every_route_and_loads_nothing_external() {
    let fixture = Fixture::start();
    let page = fixture.server.client().get("/docs");
    page.must_succeed("the page");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let text = page.text().replace("<wbr>", "");
    let routes = reference::routes().expect("docs/reference/routes.md is published");
    // What a sandbox has besides is no part of the interface.
    for route in routes.iter().filter(|route| !route.template.starts_with("/sandbox/")) {
        assert!(text.contains(&format!("<code>{}</code>", route.template)), "{} is missing", route.template);
    }
    for foreign in ["<script", "<link", "<img", "@import", "url(", "src=", "://"] {
        assert!(!text.contains(foreign), "the page has {foreign}");
    }
}
