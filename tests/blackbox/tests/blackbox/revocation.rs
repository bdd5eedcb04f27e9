//! Rights that end while a request waits: the rights that count are those at the time of the effect.

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Connection, Login, Reply, Request, Server, reference, sample, wait};
use serde_json::{Value, json};

use crate::tenant_fixture::TenantFixture;

/// A request whose sign-in has been checked and whose body the server waits for.
struct Held {
    connection: Connection,
    request: Request,
}

impl Held {
    fn send(server: &Server, login: &Login, request: Request) -> Held {
        let request = request.login(login).header("Expect", "100-continue");
        let mut connection = Connection::open(server.address()).expect("the server accepts connections");
        connection.send_bytes(&request.head()).expect("the server reads on");
        // The server asks for the body after it has checked the sign-in.
        assert_eq!(connection.receive_one(&request.method).expect("the server answers").status, 100);
        let body = request.encoded_body();
        connection.send_bytes(&body[..body.len() - 1]).expect("the server reads on");
        Held { connection, request }
    }

    fn complete(mut self) -> Reply {
        let body = self.request.encoded_body();
        self.connection.send_bytes(&body[body.len() - 1..]).expect("the server reads on");
        self.connection.receive(&self.request.method, &self.request.target).expect("the server answers")
    }
}

/// A request to every route that needs a sign-in; none has a valid body, which is found out after the rights.
fn every_route() -> Vec<Request> {
    let routes = reference::routes().expect("docs/reference/routes.md is published").into_iter();
    let signed = routes.filter(|route| ["/rws/", "/admin/"].iter().any(|prefix| route.template.starts_with(prefix)));
    let request = |route: reference::RouteRow| {
        Request::new(&route.method, &route.template.replace(['{', '}'], "")).json_bytes("{ ")
    };
    let requests: Vec<_> = signed.map(request).collect();
    assert!(requests.len() >= 28, "{requests:?}");
    requests
}

/// What every route answers to a user whose rights end after the sign-in.
fn replies_after(tenants: &TenantFixture, login: &Login, requests: Vec<Request>, end: impl FnOnce()) -> Vec<Reply> {
    let held: Vec<_> = requests.into_iter().map(|request| Held::send(&tenants.server, login, request)).collect();
    end();
    held.into_iter().map(Held::complete).collect()
}

fn assert_signed_out(tenants: &TenantFixture, login: &Login, case: &str, end: impl FnOnce()) {
    for reply in replies_after(tenants, login, every_route(), end) {
        reply.must_be(&INVALID_CREDENTIALS, case);
    }
}

/// A new user and the path of its administration.
fn new_user(tenants: &TenantFixture, name: &str, account: &str, more: &[&str]) -> (Login, String) {
    let login = tenants.test_dir.user(name, account, more);
    let id = tenants.test_dir.cli(&["user", "list", "--json"]).json();
    let id =
        id.as_array().expect("users").iter().find(|user| user["username"] == name).expect("the user")["userId"].clone();
    (login, format!("/admin/v1/users/{}", id.as_str().expect("an id")))
}

fn patch(client: &Client, path: &str, changes: &Value) {
    client.send(Request::new("PATCH", path).json(changes)).must_succeed("a change");
}

const OPERATOR: [&str; 2] = ["--role", "OPERATOR"];

#[test]
fn a_key_that_is_revoked_or_expires_while_a_body_arrives_is_refused() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let (first, _) = new_user(&tenants, "una", "Acme", &OPERATOR);
    assert_signed_out(&tenants, &first, "revoked through the API", || {
        operator.send(Request::new("DELETE", &format!("/admin/v1/keys/{}", &first.key[5..21]))).must_succeed("it");
    });
    let second = tenants.test_dir.key("una", &[]);
    assert_signed_out(&tenants, &second, "revoked on the command line", || {
        tenants.test_dir.cli(&["key", "revoke", "--yes", &second.key[5..21]]).done();
    });
    let brief = tenants.test_dir.key("una", &["--expires", "3s"]);
    assert_signed_out(&tenants, &brief, "expired", || {
        let client = tenants.client(&brief);
        wait::until("the key has expired", wait::NOTICE, || (client.get(CUSTOMERS).status == 401).then_some(()));
    });
}

#[test]
fn a_user_who_is_disabled_while_a_body_arrives_is_refused() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let (una, path) = new_user(&tenants, "una", "Acme", &OPERATOR);
    assert_signed_out(&tenants, &una, "disabled through the API", || {
        patch(&operator, &path, &json!({ "status": "Disabled" }));
    });
    let (uma, _) = new_user(&tenants, "uma", "Acme", &OPERATOR);
    assert_signed_out(&tenants, &uma, "disabled on the command line", || {
        tenants.test_dir.cli(&["user", "disable", "--yes", "uma"]).done();
    });
}

#[test]
fn a_user_whose_account_is_erased_while_a_body_arrives_is_refused() {
    let tenants = TenantFixture::start_with(|launch| launch.args(&["--erasure-grace=0"]));
    let operator = tenants.client(&tenants.opal);
    for account in ["First", "Second"] {
        tenants.test_dir.account(account);
    }
    let accounts = operator.get("/admin/v1/accounts").json();
    let accounts = accounts["accounts"].as_array().expect("accounts");
    let first = accounts.iter().find(|account| account["accountName"] == "First").expect("it is listed");
    let first = first["accountId"].as_str().expect("an id");
    let erased = |login: &Login| {
        let client = tenants.client(login);
        wait::until("the account is erased", wait::PROCESS, || (client.get(CUSTOMERS).status == 401).then_some(()));
    };
    let (una, _) = new_user(&tenants, "una", "First", &OPERATOR);
    assert_signed_out(&tenants, &una, "erased through the API", || {
        let request = Request::new("POST", &format!("/admin/v1/accounts/{first}/erasure")).json(&json!({}));
        operator.send(request).must_succeed("a request for an erasure");
        erased(&una);
    });
    let (uma, _) = new_user(&tenants, "uma", "Second", &OPERATOR);
    assert_signed_out(&tenants, &uma, "erased on the command line", || {
        tenants.test_dir.cli(&["account", "request-erasure", "--yes", "Second"]).done();
        erased(&uma);
    });
}

#[test]
fn an_operator_who_loses_the_role_while_a_body_arrives_no_longer_administers() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let administration = || every_route().into_iter().filter(|request| request.target.starts_with("/admin/")).collect();
    let (una, path) = new_user(&tenants, "una", "Acme", &OPERATOR);
    let by_api = replies_after(&tenants, &una, administration(), || {
        patch(&operator, &path, &json!({ "roleName": "ACCOUNTADMIN" }));
    });
    let (uma, _) = new_user(&tenants, "uma", "Acme", &OPERATOR);
    let by_cli = replies_after(&tenants, &uma, administration(), || {
        tenants.test_dir.cli(&["user", "edit", "--yes", "uma", "--role", "ACCOUNTADMIN"]).done();
    });
    for reply in by_api.iter().chain(&by_cli) {
        reply.must_be(&ROLE_NOT_ALLOWED, "no operator any more");
    }
}

/// Requests for a customer in `Acme East`: those that write, and those that read.
fn on_customer(id: u64) -> [Vec<Request>; 2] {
    let path = format!("{CUSTOMERS}/{id}");
    let customer = sample::minimal("Other", "Acme East");
    let write = |method: &str, path: &str| Request::new(method, path).json(&customer);
    let listing = format!("{CUSTOMERS}?accountName=Acme%20East");
    [
        vec![write("POST", CUSTOMERS), write("PUT", &path), write("DELETE", &path)],
        vec![write("GET", &path), write("GET", &listing)],
    ]
}

#[test]
fn a_user_who_becomes_a_reader_while_a_body_arrives_no_longer_writes() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let id = tenants.client(&tenants.ada).create(&sample::minimal("A", "Acme East")).customer_id();
    let (una, path) = new_user(&tenants, "una", "Acme", &["--group", "West"]);
    let [writes, _] = on_customer(id);
    let by_api = replies_after(&tenants, &una, writes.clone(), || {
        patch(&operator, &path, &json!({ "roleName": "ACCOUNTREADONLY" }));
    });
    let (uma, _) = new_user(&tenants, "uma", "Acme", &["--group", "West"]);
    let by_cli = replies_after(&tenants, &uma, writes, || {
        tenants.test_dir.cli(&["user", "edit", "--yes", "uma", "--role", "ACCOUNTREADONLY"]).done();
    });
    for reply in by_api.iter().chain(&by_cli) {
        reply.must_be(&ROLE_NOT_ALLOWED, "a reader");
    }
}

#[test]
fn a_user_who_leaves_a_group_while_a_body_arrives_no_longer_reaches_its_accounts() {
    let tenants = TenantFixture::start();
    let operator = tenants.client(&tenants.opal);
    let id = tenants.client(&tenants.ada).create(&sample::minimal("A", "Acme East")).customer_id();
    let accounts = operator.get("/rws/api/v1/accounts").json();
    let accounts = accounts["accounts"].as_array().expect("accounts");
    let east = accounts.iter().find(|account| account["accountName"] == "Acme East").expect("it is listed");
    let account = format!("/rws/api/v1/accounts/{}", east["accountId"].as_str().expect("an id"));
    let (_, user) = new_user(&tenants, "eve", "Acme East", &[]);
    let user = user.replace("/admin/v1", "/rws/api/v1");
    let check = |login: &Login, end: &dyn Fn()| {
        let reads = [&account, &user].map(|path| Request::new("GET", path).json(&json!({})));
        let requests = [on_customer(id).concat(), reads.to_vec()].concat();
        let replies = replies_after(&tenants, login, requests, end);
        let expected = [
            &ACCOUNT_NOT_FOUND,
            &CUSTOMER_NOT_FOUND,
            &CUSTOMER_NOT_FOUND,
            &CUSTOMER_NOT_FOUND,
            &ACCOUNT_NOT_FOUND,
            &ACCOUNT_NOT_FOUND,
            &USER_NOT_FOUND,
        ];
        assert_eq!(replies.len(), expected.len());
        for (reply, problem) in replies.iter().zip(expected) {
            reply.must_be(problem, "outside the group");
        }
    };
    let (una, path) = new_user(&tenants, "una", "Acme", &["--group", "West"]);
    check(&una, &|| patch(&operator, &path, &json!({ "accountGroup": null })));
    let (uma, _) = new_user(&tenants, "uma", "Acme", &["--group", "West"]);
    check(&uma, &|| drop(tenants.test_dir.cli(&["user", "edit", "--yes", "uma", "--no-group"]).done()));
    // The account leaves the group instead.
    let (ute, _) = new_user(&tenants, "ute", "Acme", &["--group", "West"]);
    check(&ute, &|| drop(tenants.test_dir.cli(&["group", "remove", "--yes", "West", "Acme East"]).done()));
    tenants.client(&tenants.opal).read(id).must_succeed("the customer is untouched");
}
