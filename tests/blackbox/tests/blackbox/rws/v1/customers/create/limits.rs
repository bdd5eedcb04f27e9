//! Every limit, at its bound and one beyond.

use blackbox::problems::*;
use blackbox::{Client, Fixture, Problem, sample};
use serde_json::{Value, json};

/// Where a string goes, what `violations` calls it, how long it may be, and what answers when it is longer.
type Limit = (&'static str, &'static str, usize, Problem);

const LIMITS: [Limit; 20] = [
    ("/name", "name", 60, INVALID_NAME),
    ("/securityQuestion", "securityQuestion", 100, INVALID_QUESTION),
    ("/securityAnswer", "securityAnswer", 100, INVALID_ANSWER),
    ("/contacts/0/name", "contacts[0].name", 40, INVALID_CONTACT_NAME),
    ("/contacts/0/title", "contacts[0].title", 40, INVALID_CONTACT_TITLE),
    ("/contacts/0/phone", "contacts[0].phone", 25, INVALID_CONTACT_PHONE),
    ("/contacts/0/mobile", "contacts[0].mobile", 25, INVALID_CONTACT_MOBILE),
    ("/contacts/3/email", "contacts[3].email", 320, INVALID_CONTACT_EMAIL),
    ("/billingAddress/addressLine1", "billingAddress.addressLine1", 40, INVALID_LINE1),
    ("/billingAddress/addressLine2", "billingAddress.addressLine2", 40, INVALID_LINE2),
    ("/billingAddress/city", "billingAddress.city", 40, INVALID_CITY),
    ("/billingAddress/state", "billingAddress.state", 40, INVALID_STATE),
    ("/billingAddress/country", "billingAddress.country", 150, INVALID_COUNTRY),
    ("/billingAddress/postalCode", "billingAddress.postalCode", 15, INVALID_POSTAL_CODE),
    ("/shippingAddress/addressLine1", "shippingAddress.addressLine1", 40, INVALID_LINE1),
    ("/shippingAddress/addressLine2", "shippingAddress.addressLine2", 40, INVALID_LINE2),
    ("/shippingAddress/city", "shippingAddress.city", 40, INVALID_CITY),
    ("/shippingAddress/state", "shippingAddress.state", 40, INVALID_STATE),
    ("/shippingAddress/country", "shippingAddress.country", 150, INVALID_COUNTRY),
    ("/shippingAddress/postalCode", "shippingAddress.postalCode", 15, INVALID_POSTAL_CODE),
];

/// One byte in UTF-8, and four.
const CHARACTERS: [char; 2] = ['x', '\u{1F980}'];

#[test]
fn every_limit_holds_at_its_bound_and_fails_one_beyond() {
    let fixture = Fixture::start();
    for limit in LIMITS {
        check(&fixture.client(), limit);
    }
}

#[test]
fn the_two_disputed_limits_can_be_configured() {
    let toml = "[limits]\ncountry = 100\nmobile = 40\n";
    let fixture = Fixture::start_with(|launch| launch.config(toml));
    let client = fixture.client();
    check(&client, ("/billingAddress/country", "billingAddress.country", 100, INVALID_COUNTRY));
    check(&client, ("/shippingAddress/country", "shippingAddress.country", 100, INVALID_COUNTRY));
    check(&client, ("/contacts/2/mobile", "contacts[2].mobile", 40, INVALID_CONTACT_MOBILE));
}

#[test]
fn an_account_may_have_a_name_of_a_hundred_characters_and_no_more() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for character in CHARACTERS {
        let longest = repeated(character, 100);
        client.create(&sample::minimal("A", &longest)).must_be(&ACCOUNT_NOT_FOUND, &longest);
        let reply = client.create(&sample::minimal("A", &repeated(character, 101)));
        reply.must_be(&INVALID_ACCOUNT_ID, "an account name of 101 characters");
        assert_eq!(reply.violations()[0].limit, Some(100));
    }
}

#[test]
fn four_contacts_are_accepted_and_five_are_not() {
    let fixture = Fixture::start();
    let client = fixture.client();
    for (count, accepted) in [(0, true), (4, true), (5, false)] {
        let mut body = sample::minimal(&format!("With {count}"), "Acme");
        body["contacts"] = vec![sample::contact("Grace"); count].into();
        let reply = client.create(&body);
        if accepted {
            let read = client.read(reply.customer_id()).json();
            assert_eq!(read["contacts"].as_array().map(Vec::len), Some(count));
        } else {
            reply.must_be(&TOO_MANY_CONTACTS, "five contacts");
            assert_eq!(reply.violated_fields(), ["contacts"]);
        }
    }
}

#[test]
fn empty_strings_are_within_the_limits_that_start_at_zero() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let mut body = customer("Empty strings");
    for (pointer, ..) in LIMITS.iter().filter(|(pointer, ..)| pointer.matches('/').count() > 1) {
        *test_dir(&mut body, pointer) = "".into();
    }
    let id = client.create(&body).customer_id();
    sample::assert_shows(&client.read(id).json(), &body, id);
}

fn check(client: &Client, (pointer, field, limit, problem): Limit) {
    for character in CHARACTERS {
        let case = format!("{field} of {limit} times {character}");
        let mut body = customer(&case);
        *test_dir(&mut body, pointer) = repeated(character, limit).into();
        let reply = client.create(&body);
        reply.must_succeed(&case);
        let id = reply.customer_id();
        sample::assert_shows(&client.read(id).json(), &body, id);

        let case = format!("{case} and one");
        body["name"] = "Beyond".into();
        *test_dir(&mut body, pointer) = repeated(character, limit + 1).into();
        let reply = client.create(&body);
        reply.must_be(&problem, &case);
        let violations = reply.violations();
        assert_eq!(violations.len(), 1, "{case}: {}", reply.text());
        assert_eq!((violations[0].field.as_str(), violations[0].limit), (field, Some(limit as u64)), "{case}");
    }
}

fn customer(name: &str) -> Value {
    let mut body = sample::full(&name.chars().take(60).collect::<String>(), "Acme");
    body["contacts"] = json!(vec![sample::contact("Grace"); 4]);
    body
}

fn test_dir<'body>(body: &'body mut Value, pointer: &str) -> &'body mut Value {
    body.pointer_mut(pointer).unwrap_or_else(|| panic!("a full customer has {pointer}"))
}

fn repeated(character: char, count: usize) -> String {
    character.to_string().repeat(count)
}
