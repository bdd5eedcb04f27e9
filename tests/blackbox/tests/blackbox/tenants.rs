//! The tenant matrix: a request that names an object of a tenant outside the caller's scope gets the same response as one
//! that names nothing, and changes nothing.
//!
//! The routes and their parameters come from the published reference. A parameter that is not classified below fails the
//! test, so that a new one cannot be missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Client, Login, Reply, Request, Server, TestDir, reference, sample};
use serde_json::{Value, json};

/// Parameters that name an object of a tenant: location and name.
const IDENTIFIERS: [(&str, &str); 12] = [
    ("path", "accountId"),
    ("path", "userId"),
    ("path", "customerId"),
    ("query", "accountName"),
    ("query", "name"),
    ("query", "namePrefix"),
    ("query", "search"),
    ("query", "after"),
    ("query", "username"),
    ("body", "accountName"),
    ("body", "name"),
    ("header", "Idempotency-Key"),
];

/// Parameters that name no object.
const OTHERS: [(&str, &str); 14] = [
    ("path", "param"),
    ("query", "modifiedSince"),
    ("query", "fields"),
    ("query", "pageSize"),
    ("query", "pageNumber"),
    ("body", "securityQuestion"),
    ("body", "securityAnswer"),
    ("body", "shipToBillAddress"),
    ("body", "contacts"),
    ("body", "billingAddress"),
    ("body", "shippingAddress"),
    ("header", "If-Match"),
    ("header", "If-None-Match"),
    ("header", "X-Request-Id"),
];

/// Two tenants, each with two accounts in a group of their own.
const TENANTS: [[&str; 2]; 2] = [["Nadir", "Notch"], ["Saffron", "Sienna"]];

/// The users of each tenant: which account is home, whether they are in the group, and their role.
const KINDS: [(&str, usize, bool, &str); 6] = [
    ("admin", 0, false, "ACCOUNTADMIN"),
    ("member admin", 0, true, "ACCOUNTADMIN"),
    ("reader", 0, false, "ACCOUNTREADONLY"),
    ("member reader", 0, true, "ACCOUNTREADONLY"),
    ("neighbour", 1, false, "ACCOUNTADMIN"),
    ("neighbour reader", 1, false, "ACCOUNTREADONLY"),
];

/// A thing that is tried alone, and one that is tried together with all others.
const ALONE: &str = "alone";
const TOGETHER: &str = "together";

/// What others could change of a user.
const USER_STATE: &str = "userId,username,accountId,accountName,roleName,status,accountGroup,dateAdded";

/// A place in a request, as in [`IDENTIFIERS`].
type Position = (&'static str, &'static str);

/// A user, and what the others could name of it.
struct Tenant {
    client: Client,
    user_name: String,
    scope: Vec<&'static str>,
    /// For every position of [`IDENTIFIERS`] but the header's the user's own value and one that names nothing.
    named: BTreeMap<Position, (String, String)>,
}

/// An operation of the API, and the places in it.
struct Operation {
    method: String,
    template: String,
    positions: Vec<Position>,
}

/// Everything that the test works with.
struct Matrix {
    _server: Server,
    _place: TestDir,
    operator: Client,
    tenants: Vec<Tenant>,
}

#[test]
fn what_belongs_to_another_tenant_looks_like_what_does_not_exist() {
    let operations = operations();
    let matrix = Matrix::start();
    let (mut pairs, mut answers) = (0, 0);
    for caller in &matrix.tenants {
        for victim in matrix.tenants.iter().filter(|victim| victim.is_apart_from(caller)) {
            let before = matrix.state_of(victim);
            answers += operations.iter().map(|operation| compare(operation, caller, victim)).sum::<usize>();
            assert_eq!(matrix.state_of(victim), before, "{} after {}", victim.user_name, caller.user_name);
            pairs += 1;
        }
    }
    // Everybody of one tenant with everybody of the other, and within each those of one account with those of the other.
    assert_eq!(pairs, 2 * 6 * 6 + 2 * 2 * 4);
    println!("tenant matrix: {} routes x {pairs} pairs, {answers} answers compared", operations.len());
}

/// Every operation of the API, from the published reference; every place in it is sorted, and every sort is met.
fn operations() -> Vec<Operation> {
    let document = reference::openapi();
    let routes = reference::routes().expect("docs/reference/routes.md is published");
    let routes = routes.into_iter().filter(|route| route.template.starts_with("/rws/"));
    let operations: Vec<_> = routes.map(|route| operation(&document, route)).collect();
    let met: BTreeSet<_> = operations.iter().flat_map(|operation| operation.positions.iter().copied()).collect();
    assert_eq!(met, BTreeSet::from(IDENTIFIERS), "every identifier is one of some route");
    operations
}

fn operation(document: &Value, route: reference::RouteRow) -> Operation {
    let described = &document["paths"][&route.template][route.method.to_lowercase()];
    assert!(described.is_object(), "{} {} is not described", route.method, route.template);
    let resolved = |value: &Value| match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).expect("a reference leads somewhere").clone(),
        None => value.clone(),
    };
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut found: Vec<(String, String)> = Vec::new();
    for parameter in described["parameters"].as_array().expect("an array").iter().map(resolved) {
        found.push((text(&parameter["in"]), text(&parameter["name"])));
    }
    let body = resolved(&described["requestBody"]["content"]["application/json"]["schema"]);
    let properties = body["properties"].as_object();
    found.extend(properties.into_iter().flat_map(|keys| keys.keys()).map(|key| ("body".to_owned(), key.clone())));
    // What the path has in braces, the description has as well.
    let braces = route.template.matches('{').count();
    assert_eq!(found.iter().filter(|(test_dir, _)| test_dir == "path").count(), braces, "{}", route.template);
    let of = |table: &[Position], position: &(String, String)| {
        table.iter().copied().find(|(test_dir, name)| (*test_dir, *name) == (&*position.0, &*position.1))
    };
    let unsorted: Vec<_> =
        found.iter().filter(|found| of(&IDENTIFIERS, found).or(of(&OTHERS, found)).is_none()).collect();
    assert!(unsorted.is_empty(), "{} {}: does this name anything? {unsorted:?}", route.method, route.template);
    let positions = found.iter().filter_map(|found| of(&IDENTIFIERS, found)).collect();
    Operation { method: route.method, template: route.template, positions }
}

/// Compares the answers to everything that can be named in an operation, one thing at a time and all of it together; says
/// how many were compared.
fn compare(operation: &Operation, caller: &Tenant, victim: &Tenant) -> usize {
    let positions = &operation.positions;
    let one_by_one = positions.chunks(1).map(|position| (ALONE, position));
    let together = (positions.len() != 1).then_some((TOGETHER, positions.as_slice()));
    let cases: Vec<_> = one_by_one.chain(together).collect();
    for (company, positions) in &cases {
        let case = format!(
            "{} {}: {} names {positions:?} of {}",
            operation.method, operation.template, caller.user_name, victim.user_name
        );
        let foreign = request(operation, caller, |position| match (positions.contains(&position), position.0) {
            (true, "header") => victim.key(&operation.method, company),
            (true, _) => victim.named[&position].0.clone(),
            (false, _) => caller.own(position),
        });
        let absent = request(operation, caller, |position| match (positions.contains(&position), position.0) {
            (true, "header") => fresh_key(),
            (true, _) => victim.named[&position].1.clone(),
            (false, _) => caller.own(position),
        });
        let foreign = shown(operation, caller, &caller.client.send(foreign), victim, &case);
        let absent = shown(operation, caller, &caller.client.send(absent), victim, &case);
        assert_eq!(foreign, absent, "{case}");
    }
    cases.len()
}

/// An unused idempotency key.
fn fresh_key() -> String {
    static USED: AtomicU64 = AtomicU64::new(0);
    format!("fresh-{}", USED.fetch_add(1, Ordering::Relaxed))
}

/// The request of an operation with these values.
fn request(operation: &Operation, caller: &Tenant, value: impl Fn(Position) -> String) -> Request {
    let mut target = operation.template.replace("{param}", "hello");
    let mut query = Vec::new();
    let mut body = sample::full(&caller.customer_name(), caller.scope[0]);
    let mut headers = Vec::new();
    for position in &operation.positions {
        let value = value(*position);
        match position.0 {
            "path" => target = target.replace(&format!("{{{}}}", position.1), &value),
            // A filter that is not under test is left out: it would hide the compared objects.
            "query" if value.is_empty() => {}
            "query" => query.push(format!("{}={}", position.1, value.replace(' ', "+"))),
            "body" => body[position.1] = json!(value),
            _ => headers.push((position.1, value)),
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let request = Request::new(&operation.method, &target);
    let request = if ["POST", "PUT"].contains(&operation.method.as_str()) { request.json(&body) } else { request };
    headers.into_iter().fold(request, |request, (name, value)| request.header(name, &value))
}

/// The part of a response that must be equal for a foreign and an unknown object: all of it, or without ids, times and
/// versions if the caller's own customer was written, which is undone.
fn shown(operation: &Operation, caller: &Tenant, reply: &Reply, victim: &Tenant, case: &str) -> String {
    for secret in victim.secrets() {
        assert!(!reply.text().contains(&secret), "{case}: {secret} is shown in {}", reply.text());
    }
    assert!(reply.status < 500, "{case}: {}", reply.text());
    if operation.method == "GET" || reply.status != 200 {
        return format!("{:?}", reply.comparable());
    }
    let id = reply.customer_id();
    match operation.method.as_str() {
        "POST" => caller.client.erase(id),
        "PUT" => caller.client.edit(id, &sample::full(&caller.customer_name(), caller.scope[0])),
        other => panic!("{case}: {other} took effect"),
    }
    .must_succeed("what was written is undone");
    let written = reply.json();
    let keys: Vec<_> = written.as_object().expect("an object").keys().collect();
    let headers: Vec<_> = reply.headers.iter().map(|(name, _)| name).collect();
    format!("{} {keys:?} {headers:?}", reply.status)
}

impl Tenant {
    fn is_apart_from(&self, other: &Tenant) -> bool {
        !self.scope.iter().any(|account| other.scope.contains(account))
    }

    fn customer_name(&self) -> String {
        customer_name(&self.user_name)
    }

    /// Texts that no other tenant may see.
    fn secrets(&self) -> [String; 3] {
        [self.user_name.clone(), self.customer_name(), format!("\"{}\"", self.scope[0])]
    }

    /// The caller's own value of a parameter that is not under test: empty in a query, where any value would filter.
    fn own(&self, position: Position) -> String {
        match position {
            ("query", _) => String::new(),
            ("header", _) => fresh_key(),
            // A create of the customer's name would be refused for that alone.
            ("body", "name") => "Another customer".to_owned(),
            _ => self.named[&position].0.clone(),
        }
    }

    /// Sends requests with every idempotency key that others will try; readers are refused.
    fn use_keys(&self, id: u64) {
        for company in [ALONE, TOGETHER] {
            for (method, target) in [("POST", CUSTOMERS.to_owned()), ("PUT", format!("{CUSTOMERS}/{id}"))] {
                let name = if method == "PUT" { self.customer_name() } else { format!("{company} {}", self.user_name) };
                let request = Request::new(method, &target).json(&sample::full(&name, self.scope[0]));
                let reply = self.client.send(request.header("Idempotency-Key", &self.key(method, company)));
                assert!(reply.status == 200 || reply.is(&ROLE_NOT_ALLOWED), "{}", reply.text());
            }
        }
    }

    /// A key of idempotency that the user has sent.
    fn key(&self, method: &str, company: &str) -> String {
        format!("{}-{method}-{company}", self.user_name.replace(' ', "-"))
    }
}

fn customer_name(user: &str) -> String {
    format!("Customer of {user}")
}

impl Matrix {
    fn start() -> Matrix {
        let test_dir = TestDir::new();
        let ids: BTreeMap<_, _> =
            TENANTS.concat().into_iter().map(|account| (account, test_dir.account(account))).collect();
        test_dir.account("Office");
        let operator = test_dir.user("opal", "Office", &["--role", "OPERATOR"]);
        let mut logins = Vec::new();
        for accounts in TENANTS {
            let group = format!("Group of {}", accounts[0]);
            test_dir.group(&group, &accounts);
            for (kind, home, is_member, role) in KINDS {
                let name = format!("{} {kind}", accounts[home].to_lowercase());
                let group: &[&str] = if is_member { &["--group", &group] } else { &[] };
                let login = test_dir.user(&name, accounts[home], &[&["--role", role], group].concat());
                let scope = if is_member { accounts.to_vec() } else { vec![accounts[home]] };
                logins.push((login, scope));
            }
        }
        let server = test_dir.serve();
        let operator = server.client_of(&operator);
        let user_ids = user_ids(&operator);
        let tenant = |(login, scope): (Login, Vec<&'static str>)| {
            let client = server.client_of(&login);
            let id = &user_ids[&login.user];
            tenant(&operator, client, &login.user, scope.clone(), [&ids[scope[0]], id])
        };
        let tenants = logins.into_iter().map(tenant).collect();
        Matrix { _server: server, _place: test_dir, operator, tenants }
    }

    /// Everything that there is of a tenant.
    fn state_of(&self, tenant: &Tenant) -> Vec<String> {
        let named = |test_dir, name| &tenant.named[&(test_dir, name)].0;
        let targets = [
            format!("{CUSTOMERS}/{}", named("path", "customerId")),
            format!("{CUSTOMERS}?accountName={}", tenant.scope[0]),
            format!("/rws/api/v1/accounts/{}", named("path", "accountId")),
            // Without `lastLogin`, which is the user's own call.
            format!("/rws/api/v1/users/{}?fields={USER_STATE}", named("path", "userId")),
        ];
        let shown = |client: &Client| {
            targets.each_ref().map(|target| {
                let reply = client.get(target);
                reply.must_succeed(target);
                format!("{:?}", reply.comparable())
            })
        };
        [shown(&self.operator), shown(&tenant.client)].concat()
    }
}

fn user_ids(operator: &Client) -> BTreeMap<String, String> {
    let users = operator.get("/rws/api/v1/users").json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let users = users["users"].as_array().expect("an array");
    users.iter().map(|user| (text(&user["username"]), text(&user["userId"]))).collect()
}

/// A user with a customer in its home account, and used idempotency keys.
fn tenant(
    operator: &Client,
    client: Client,
    user_name: &str,
    scope: Vec<&'static str>,
    [account, user]: [&String; 2],
) -> Tenant {
    let name = customer_name(user_name);
    let id = operator.create(&sample::full(&name, scope[0])).customer_id();
    // What comes after a customer that is gone is what comes after the one before it.
    let gone = operator.create(&sample::minimal("Gone", scope[0])).customer_id();
    operator.erase(gone).must_succeed("an erasure");
    let pair = |own: &str, absent: &str| (own.to_owned(), absent.to_owned());
    let named = [
        (("path", "accountId"), pair(account, "1000000")),
        (("path", "userId"), pair(user, "1000000")),
        (("path", "customerId"), pair(&id.to_string(), "4000000000000000")),
        (("query", "accountName"), pair(scope[0], "Nobody")),
        (("query", "name"), pair(&name, "Unknown customer")),
        (("query", "namePrefix"), pair(&name, "Unknown customer")),
        (("query", "search"), pair(&name, "Unknown customer")),
        (("query", "after"), pair(&id.to_string(), &gone.to_string())),
        (("query", "username"), pair(user_name, "nobody")),
        (("body", "accountName"), pair(scope[0], "Nobody")),
        (("body", "name"), pair(&name, "Unknown customer")),
    ];
    let tenant = Tenant { client, user_name: user_name.to_owned(), scope, named: BTreeMap::from(named) };
    tenant.use_keys(id);
    tenant
}
