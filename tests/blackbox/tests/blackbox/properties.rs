//! What holds for any body.

use blackbox::{CUSTOMERS, Client, Fixture, Request, sample};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Map, Value};

const CASES: u32 = 300;

/// Any character that a field may hold: all but control characters, and often an unusual one.
fn character() -> impl Strategy<Value = char> {
    let unusual =
        prop::sample::select("\"\\/'<&\u{80}\u{a0}\u{e9}\u{301}\u{200b}\u{202e}\u{feff}🦀".chars().collect::<Vec<_>>());
    let any = any::<char>().prop_filter("control characters are refused", |c| !matches!(c, '\0'..='\x1f' | '\x7f'));
    prop_oneof![2 => any, 1 => unusual, 1 => prop::char::range(' ', '~')]
}

fn text(lengths: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Value> {
    let longest = *lengths.end();
    let any = vec(character(), lengths).prop_map(|characters| characters.into_iter().collect::<String>().into());
    // The bound itself is where mistakes are made.
    let full = vec(character(), longest).prop_map(|characters| characters.into_iter().collect::<String>().into());
    prop_oneof![4 => any, 1 => full]
}

/// An object in which each key may be missing, null, or a text of up to the given length.
fn object<const N: usize>(fields: [(&'static str, usize); N]) -> impl Strategy<Value = Value> {
    let entries: Vec<_> = fields
        .into_iter()
        .map(|(key, longest)| {
            let value =
                prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 6 => text(0..=longest).prop_map(Some)];
            value.prop_map(move |value| value.map(|value| (key.to_owned(), value)))
        })
        .collect();
    entries.prop_map(|entries| entries.into_iter().flatten().collect::<Map<_, _>>().into())
}

fn address() -> impl Strategy<Value = Option<Value>> {
    let address = object([
        ("addressLine1", 40),
        ("addressLine2", 40),
        ("city", 40),
        ("state", 40),
        ("country", 150),
        ("postalCode", 15),
    ]);
    prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 4 => address.prop_map(Some)]
}

fn contacts() -> impl Strategy<Value = Option<Value>> {
    let contact = object([("name", 40), ("title", 40), ("phone", 25), ("mobile", 25), ("email", 320)]);
    prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 4 => vec(contact, 0..=4).prop_map(|all| Some(all.into()))]
}

/// Any valid customer but for its name, which each case makes its own.
pub(crate) fn customer() -> impl Strategy<Value = Map<String, Value>> {
    let question = prop::option::of((text(1..=100), text(1..=100)));
    let ship = prop::option::of(any::<bool>());
    (text(1..=50), question, ship, contacts(), address(), address()).prop_map(
        |(name, question, ship, contacts, billing, shipping)| {
            let (question, answer) = question.unzip();
            let fields = [
                ("name", Some(name)),
                ("securityQuestion", question),
                ("securityAnswer", answer),
                ("shipToBillAddress", ship.map(Value::Bool)),
                ("contacts", contacts),
                ("billingAddress", billing),
                ("shippingAddress", shipping),
            ];
            let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            present.chain([("accountName".to_owned(), "Acme".into())]).collect()
        },
    )
}

/// Any bytes: random ones, ones that look like JSON, and a valid customer with a part overwritten.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let tokens = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\u",
        "d83d",
        "null",
        "true",
        "-",
        "1e9",
        "\"name\"",
        "\"accountName\"",
        "\"Acme\"",
        "\"contacts\"",
        "\"billingAddress\"",
        " ",
        "\u{0}",
        "\u{feff}",
        "é",
        "🦀",
    ]);
    let likely = vec(tokens, 0..60).prop_map(|tokens| tokens.concat().into_bytes());
    let sample = sample::full("Damaged", "Acme").to_string().into_bytes();
    let damaged = (0..sample.len(), vec(any::<u8>(), 1..8)).prop_map(move |(start, patch)| {
        let mut bytes = sample.clone();
        let end = (start + patch.len()).min(bytes.len());
        bytes.splice(start..end, patch);
        bytes
    });
    prop_oneof![vec(any::<u8>(), 0..2000), likely, damaged]
}

/// Runs `check` on many values, and shows the smallest that fails.
#[track_caller]
fn for_all<S: Strategy>(strategy: S, check: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    for_all_of(CASES, strategy, check);
}

/// Runs `check` on so many values, and shows the smallest that fails.
#[track_caller]
pub(crate) fn for_all_of<S: Strategy>(cases: u32, strategy: S, check: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S::Value: std::fmt::Debug,
{
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    match TestRunner::new(config).run(&strategy, check) {
        Ok(()) => {}
        Err(TestError::Fail(why, value)) => panic!("{why}\nfor {value:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[test]
fn any_valid_body_is_accepted_and_reads_back_equal() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let number = std::cell::Cell::new(0);
    for_all(customer(), |mut customer| {
        // Every attempt needs a new name, also while proptest shrinks a failure.
        number.set(number.get() + 1);
        let name = format!("{} #{}", customer["name"].as_str().unwrap_or_default(), number.get());
        customer.insert("name".to_owned(), name.into());
        accepted_and_equal(&client, &Value::Object(customer))
    });
}

fn accepted_and_equal(client: &Client, customer: &Value) -> Result<(), TestCaseError> {
    let reply = client.create(customer);
    prop_assert_eq!(reply.status, 200, "{}", reply.text());
    let id = reply.customer_id();
    let mut expected = sample::shown(customer);
    expected["customerId"] = id.into();
    prop_assert_eq!(client.read(id).json(), expected);
    let edited = client.edit(id, customer);
    prop_assert_eq!(edited.status, 200, "the same body as an edit: {}", edited.text());
    Ok(())
}

#[test]
fn no_bytes_as_a_body_are_our_fault() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = client.create(&sample::full("Edited", "Acme")).customer_id();
    for_all(bytes(), |bytes| {
        for (method, target) in [("POST", CUSTOMERS.to_owned()), ("PUT", format!("{CUSTOMERS}/{id}"))] {
            let reply = client.send(Request::new(method, &target).json_bytes(bytes.clone()));
            prop_assert!(reply.status < 500, "{} answered {} {}", method, reply.status, reply.text());
        }
        Ok(())
    });
}

#[test]
fn no_path_is_our_fault() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for_all(vec(any::<u8>(), 0..40), |bytes| {
        let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
        for target in [format!("/rws/api/v1/echo/{encoded}"), format!("{CUSTOMERS}/{encoded}"), format!("/{encoded}")] {
            let reply = client.get(&target);
            prop_assert!(reply.status < 500, "{} answered {} {}", target, reply.status, reply.text());
        }
        Ok(())
    });
}
