//! The server's log: what it contains, and what it never contains.

use blackbox::{CUSTOMERS, Fixture, Login, Reply, Request, Server, TestDir, reference, sample, wait};
use data_encoding::BASE64;
use serde_json::{Value, json};

const ECHO: &str = "/rws/api/v1/echo/hello";

/// Waits for the line of a request in the JSON log.
#[track_caller]
fn line_of(server: &Server, reply: &Reply) -> Value {
    let id = reply.header("x-request-id").expect("every response has it");
    wait::until("the request is logged", wait::PATIENCE, || {
        let log = server.log();
        // The last line may still be being written.
        let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
        let mut of_request = lines.filter(|line| line["request_id"] == id && line["message"] == "request");
        let line = of_request.next()?;
        assert!(of_request.next().is_none(), "a request is logged twice:\n{log}");
        Some(line)
    })
}

#[test]
fn every_request_has_one_line_with_status_user_and_duration() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--log", "json"]));
    let account = fixture.test_dir.cli(&["account", "list", "--json"]).json()[0]["accountId"].clone();
    let client = fixture.client();
    let created = client.create(&sample::full("Logged", "Acme"));
    let id = created.customer_id();
    let customer = format!("{CUSTOMERS}/{id}");
    let cases = [
        (created, "POST", CUSTOMERS, Some(1)),
        (client.create(&json!({})), "POST", CUSTOMERS, Some(1)),
        (client.read(id), "GET", &customer, Some(1)),
        (client.edit(id, &sample::full("Logged", "Acme")), "PUT", &customer, Some(1)),
        (client.get(ECHO), "GET", ECHO, Some(1)),
        (fixture.server.client().get(ECHO), "GET", ECHO, None),
        (client.get("/health/live"), "GET", "/health/live", None),
    ];
    for (reply, method, target, user) in cases {
        let line = line_of(&fixture.server, &reply);
        assert_eq!(line["method"], method, "{line}");
        assert_eq!(line["status"], reply.status, "{line}");
        assert_eq!(line["code"].as_str(), reply.code().as_deref(), "{line}");
        assert_eq!(line["user_id"].as_u64(), user, "{line}");
        assert!(line["duration_us"].is_u64(), "{line}");
        // Only a request that found or created a customer is about an account.
        if target.starts_with(CUSTOMERS) && reply.status == 200 {
            assert_eq!(text(&line["account_id"]), text(&account), "{line}");
        }
        // A request that fails to sign in is not routed.
        if reply.status != 401 {
            assert_eq!(line["route"], template(method, target), "{line}");
        }
    }
}

/// The published template of a path.
fn template(method: &str, target: &str) -> String {
    let routes = reference::routes().expect("docs/reference/routes.md is published");
    let mut routes = routes.into_iter().filter(|route| route.method == method);
    let route = routes.find(|route| reference::matches(&route.template, target));
    route.unwrap_or_else(|| panic!("{method} {target} is not published")).template
}

/// A string or number as text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn the_text_log_contains_the_same() {
    let fixture = Fixture::start();
    let reply = fixture.client().create(&json!({}));
    let id = reply.header("x-request-id").expect("every response has it").to_owned();
    let line = wait::until("the request is logged", wait::PATIENCE, || {
        fixture.server.log().lines().find(|line| line.contains(&id)).map(str::to_owned)
    });
    for part in ["POST", &template("POST", CUSTOMERS), "400", "10000581", "user_id=1"] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    assert!(!line.contains('\u{1b}'), "colours in a file: {line:?}");
}

#[test]
fn a_safe_request_id_is_kept_and_any_other_replaced() {
    let fixture = Fixture::start_with(|launch| launch.args(&["--log", "json"]));
    let client = fixture.client();
    let with = |id: &str| client.send(Request::new("GET", ECHO).header("X-Request-Id", id));
    for safe in ["abc-123", "7d8a4e9e-3f0c-4c6b-9d55-0a1b2c3d4e5f"] {
        let reply = with(safe);
        assert_eq!(reply.header("x-request-id"), Some(safe));
        line_of(&fixture.server, &reply);
    }
    let long = "x".repeat(1000);
    for unsafe_id in ["", "two words", "a\"b", "{}", "a\tb", "caf\u{e9}", &long] {
        let reply = with(unsafe_id);
        assert_ne!(reply.header("x-request-id"), Some(unsafe_id));
        line_of(&fixture.server, &reply);
    }
    let ids: Vec<_> = (0..2).map(|_| client.get(ECHO).header("x-request-id").map(str::to_owned)).collect();
    assert_ne!(ids[0], ids[1], "request ids are unique");
}

/// Markers in sealed fields.
const IN_SEALED_FIELDS: [&str; 18] = [
    "mkquestion",
    "mkanswer",
    "mkcname",
    "mktitle",
    "mkphone",
    "mkmobile",
    "mkemail",
    "mkbline1",
    "mkbline2",
    "mkbcity",
    "mkbstate",
    "mkbcountry",
    "mkbcode",
    "mksline1",
    "mksline2",
    "mkscity",
    "mksstate",
    "mkscode",
];

/// Markers in places that are not stored, or not sealed.
const ELSEWHERE: [&str; 9] =
    ["mkname", "mkaccount", "mkunknown", "mkecho", "mkquery", "mkwrongkey", "mktoken", "mkmalformed", "mkmedia"];

fn marked() -> Value {
    json!({
        "name": "mkname", "accountName": "Acme", "securityQuestion": "mkquestion", "securityAnswer": "mkanswer",
        "contacts": [{
            "name": "mkcname", "title": "mktitle", "phone": "mkphone", "mobile": "mkmobile", "email": "mkemail",
        }],
        "billingAddress": {
            "addressLine1": "mkbline1", "addressLine2": "mkbline2", "city": "mkbcity", "state": "mkbstate",
            "country": "mkbcountry", "postalCode": "mkbcode",
        },
        "shippingAddress": {
            "addressLine1": "mksline1", "addressLine2": "mksline2", "city": "mkscity", "state": "mksstate",
            "postalCode": "mkscode",
        },
        "unknown": "mkunknown",
    })
}

/// Sends the markers in requests that are accepted and in requests that are refused.
fn send_markers(fixture: &Fixture) {
    let client = fixture.client();
    let id = client.create(&marked()).customer_id();
    client.edit(id, &marked()).must_succeed("an edit");
    client.read(id).must_succeed("a read");
    let mut refused = marked();
    refused["shippingAddress"]["country"] = "mkscode".repeat(30).into();
    let mut wrong = marked();
    wrong["contacts"] = "mkcname".into();
    let mut unknown = marked();
    unknown["accountName"] = "mkaccount".into();
    for body in [&marked(), &refused, &wrong, &unknown] {
        assert!(client.create(body).status >= 400);
    }
    assert_eq!(client.create_bytes(marked().to_string().replace('}', "mkmalformed")).status, 400);
    let text = Request::new("POST", CUSTOMERS).header("Content-Type", "text/mkmedia").body(marked().to_string());
    assert_eq!(client.send(text).status, 415);
    client.get("/rws/api/v1/echo/mkecho").must_succeed("an echo");
    assert_eq!(client.get("/rws/api/v1/echo/mkecho?mkquery=mkquery").status, 400);
    assert_eq!(client.get("/rws/api/v1/mkecho").status, 404);
    assert_eq!(client.get("/mkecho").status, 404);
    assert_eq!(client.get(&format!("{CUSTOMERS}/mkecho")).status, 400);
    let wrong = Login { user: "ada".into(), key: "mkwrongkey".into() };
    assert_eq!(fixture.server.client_of(&wrong).get(ECHO).status, 401);
    let bearer = Request::new("GET", ECHO).header("Authorization", "Bearer mktoken");
    assert_eq!(fixture.server.client().send(bearer).status, 401);
}

#[test]
fn the_log_contains_no_secrets_or_personal_data_and_sealed_data_is_unreadable_on_disk() {
    for format in ["json", "text"] {
        // The most detailed level must not log more personal data.
        let fixture = Fixture::start_with(|launch| launch.args(&["--log", format]).env("RUST_LOG", "trace"));
        send_markers(&fixture);
        let credentials = secrets(&fixture.ada);
        let running = fixture.test_dir.stored();
        let (test_dir, log) = end(fixture);
        assert!(log.contains("10000602"), "the requests were logged:\n{log}");
        for marker in
            IN_SEALED_FIELDS.iter().chain(&ELSEWHERE).map(|&marker| marker.to_owned()).chain(credentials.clone())
        {
            assert!(!log.contains(&marker), "{marker} is in the {format} log:\n{log}");
        }
        for (path, content) in running.iter().chain(&test_dir.stored()) {
            for marker in IN_SEALED_FIELDS.iter().map(|&marker| marker.to_owned()).chain(credentials.clone()) {
                assert!(!contains(content, marker.as_bytes()), "{marker} is in {}", path.display());
            }
        }
        let anywhere = |marker: &str| test_dir.stored().iter().any(|(_, content)| contains(content, marker.as_bytes()));
        assert!(anywhere("mkname"), "the name is stored in plain text, so the search finds what there is");
    }
}

/// Every form in which a key could leak.
fn secrets(login: &Login) -> Vec<String> {
    let pair = BASE64.encode(format!("{}:{}", login.user, login.key).as_bytes());
    // The id of a key is not secret; the characters after it are.
    vec![login.key.clone(), login.key[21..73].to_owned(), pair]
}

/// Stops the server and returns its directory and log.
fn end(fixture: Fixture) -> (TestDir, String) {
    let Fixture { mut server, test_dir, .. } = fixture;
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    let log = server.log();
    (test_dir, log)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_higher_log_level_leaves_out_the_lines_of_requests() {
    let logged_at = |level: &str| {
        let mut fixture = Fixture::start_with(|launch| launch.args(&["--log-level", level]));
        fixture.client().get(ECHO).must_succeed("a request");
        fixture.server.signal("TERM");
        fixture.server.wait();
        fixture.server.log()
    };
    assert_eq!(logged_at("warn"), "", "neither a request nor the start is a warning");
    assert!(logged_at("info").contains(" request "));
}
