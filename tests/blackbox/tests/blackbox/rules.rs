//! The field rules of create and edit: for each code, one way to break it alone.

use blackbox::Problem;
use blackbox::problems::*;
use blackbox::sample;
use serde_json::{Value, json};

/// A field rule and one way to break it.
pub struct Rule {
    /// What the rule answers.
    pub problem: Problem,
    /// The field that `violations` names.
    pub field: &'static str,
    /// The part of the body that `breaks` touches; two rules with one part cannot be broken together.
    part: &'static str,
    /// Breaks the rule in a full customer.
    pub breaks: fn(&mut Value),
}

/// Every field rule in the order of the codes.
pub const RULES: &[Rule] = &[
    rule(INVALID_ACCOUNT_ID, "accountName", "accountName", |body| body["accountName"] = json!(5)),
    rule(NAME_REQUIRED, "name", "name", |body| remove(body, "name")),
    rule(INVALID_NAME, "name", "name", |body| body["name"] = long(60)),
    rule(ACCOUNT_REQUIRED, "accountName", "accountName", |body| remove(body, "accountName")),
    rule(ANSWER_MISSING, "securityAnswer", "securityAnswer", |body| remove(body, "securityAnswer")),
    rule(QUESTION_MISSING, "securityQuestion", "securityQuestion", |body| remove(body, "securityQuestion")),
    rule(INVALID_QUESTION, "securityQuestion", "securityQuestion", |body| body["securityQuestion"] = long(100)),
    rule(INVALID_ANSWER, "securityAnswer", "securityAnswer", |body| body["securityAnswer"] = long(100)),
    rule(TOO_MANY_CONTACTS, "contacts", "contacts", |body| {
        let contacts = body["contacts"].as_array_mut().expect("a full customer has contacts");
        contacts.resize(5, sample::contact("Another"));
    }),
    rule(INVALID_CONTACT_NAME, "contacts[0].name", "contact name", |body| body["contacts"][0]["name"] = long(40)),
    rule(INVALID_CONTACT_TITLE, "contacts[0].title", "contact title", |body| body["contacts"][0]["title"] = long(40)),
    rule(INVALID_CONTACT_PHONE, "contacts[0].phone", "contact phone", |body| body["contacts"][0]["phone"] = long(25)),
    rule(INVALID_CONTACT_MOBILE, "contacts[0].mobile", "contact mobile", |body| {
        body["contacts"][0]["mobile"] = long(25);
    }),
    rule(INVALID_CONTACT_EMAIL, "contacts[0].email", "contact email", |body| body["contacts"][0]["email"] = long(320)),
    rule(INVALID_LINE1, "billingAddress.addressLine1", "line1", |body| {
        body["billingAddress"]["addressLine1"] = long(40);
    }),
    rule(INVALID_LINE2, "shippingAddress.addressLine2", "line2", |body| {
        body["shippingAddress"]["addressLine2"] = long(40);
    }),
    rule(INVALID_CITY, "billingAddress.city", "city", |body| body["billingAddress"]["city"] = long(40)),
    rule(INVALID_STATE, "shippingAddress.state", "state", |body| body["shippingAddress"]["state"] = long(40)),
    rule(INVALID_COUNTRY, "billingAddress.country", "country", |body| body["billingAddress"]["country"] = long(150)),
    rule(INVALID_POSTAL_CODE, "shippingAddress.postalCode", "postalCode", |body| {
        body["shippingAddress"]["postalCode"] = long(15);
    }),
];

impl Rule {
    /// Whether both rules can be broken in one body.
    pub fn goes_with(&self, other: &Self) -> bool {
        // A question without an answer and an answer without a question exclude each other.
        let halves = [ANSWER_MISSING, QUESTION_MISSING];
        let both_halves = halves.contains(&self.problem) && halves.contains(&other.problem);
        self.part != other.part && !both_halves
    }

    /// Whether `accountName` can still name an account when the rule is broken.
    pub fn leaves_the_account(&self) -> bool {
        self.part != "accountName"
    }
}

/// A full customer in `account` that breaks the given rules.
pub fn broken(account: &str, rules: &[&Rule]) -> Value {
    let mut body = sample::full("Precedence", account);
    rules.iter().for_each(|rule| (rule.breaks)(&mut body));
    body
}

const fn rule(problem: Problem, field: &'static str, part: &'static str, breaks: fn(&mut Value)) -> Rule {
    Rule { problem, field, part, breaks }
}

/// A string one character beyond `limit`.
fn long(limit: usize) -> Value {
    "x".repeat(limit + 1).into()
}

fn remove(body: &mut Value, key: &str) {
    body.as_object_mut().expect("a body is an object").remove(key);
}
