//! Requests, rendered once and patched for every use, and the answers that they must get.

use std::{net::SocketAddr, sync::Arc};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, number};
use crate::known::Known;

/// A mix of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// New customers, each with an `Idempotency-Key` of its own. It comes first, because the registries of the
    /// other scenarios should hold no remembered keys.
    Keyed,
    /// New customers.
    Create,
    /// Existing customers by id, at random.
    Read,
    /// Four reads and one create in five.
    Mixed,
    /// Customers whose name is taken.
    Duplicate,
    /// Customers that break rules.
    Invalid,
    /// Four reads and one edit in five, so that there are never more customers; the control knows no edits.
    #[value(skip)]
    Steady,
    /// The resource at the path itself; the control has none.
    #[value(skip)]
    Fetch,
}

impl Scenario {
    /// Whether it starts with an empty registry.
    pub fn begins_empty(self) -> bool {
        matches!(self, Self::Create | Self::Keyed)
    }

    /// Whether it leaves customers behind.
    pub fn creates(self) -> bool {
        self.begins_empty() || self == Self::Mixed
    }
}

/// Kind of server, which decides what the right answers are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Carnelian: every answer is checked.
    Server,
    /// The control: every customer is created, and every id exists.
    Control,
    /// Another server of the same call: any success will do.
    Peer,
}

/// A server and how to call it.
#[derive(Clone)]
pub struct Target {
    /// Where it listens. Connections are shared evenly if there are several servers.
    pub addresses: Vec<SocketAddr>,
    /// The path of the customers.
    pub path: String,
    /// The value of the `Authorization` header; empty for none.
    pub authorization: String,
    /// Kind of server.
    pub kind: Kind,
}

/// The work of a run of load.
pub struct Work {
    /// The server under load.
    pub target: Target,
    /// The requests.
    pub scenario: Scenario,
    /// Customers that exist.
    pub known: Arc<Known>,
}

/// The answer that a request must get.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// The customer is created.
    Created,
    /// The customer with this id is edited.
    Edited(u64),
    /// The customer with this id is shown.
    Found(u64),
    /// The request is refused with this code.
    Refused(&'static str),
    /// Any success.
    Success,
}

const CREATED: &[u8] = b"{\"customerId\":";

impl Expected {
    /// Whether this is the answer.
    pub fn is_met_by(self, answer: Answer<'_>) -> bool {
        match self {
            Self::Created => answer.status == 200 && answer.body.starts_with(CREATED),
            Self::Edited(id) => answer.status == 200 && Self::created_id(answer) == Some(id),
            Self::Found(id) => answer.status == 200 && last_number(answer.body) == Some(id),
            Self::Refused(code) => answer.status == 400 && contains(answer.body, code.as_bytes()),
            Self::Success => (200..300).contains(&answer.status),
        }
    }

    /// The id of the customer that was created.
    pub fn created_id(answer: Answer<'_>) -> Option<u64> {
        let digits = answer.body.strip_prefix(CREATED)?;
        number(&digits[..digits.iter().position(|byte| !byte.is_ascii_digit())?])
    }
}

/// The number at the end of a JSON object, where a customer's id is.
fn last_number(body: &[u8]) -> Option<u64> {
    let digits = body.strip_suffix(b"}")?;
    number(&digits[digits.iter().rposition(|byte| !byte.is_ascii_digit())? + 1..])
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What stands before and after the name in a customer of about 400 bytes.
const CUSTOMER: (&str, &str) = (
    r#"{"name":"Acme Customer "#,
    concat!(
        r#"","accountName":"Acme","securityQuestion":"FirstConcert","securityAnswer":"Journey","shipToBillAddress":true,"#,
        r#""contacts":[{"name":"Ann","title":"Ops","phone":"555-0100","mobile":"555-0101","email":"ann@example.com"}],"#,
        r#""billingAddress":{"addressLine1":"123 Main","addressLine2":"string","city":"Anytown","state":"FLA","#,
        r#""country":"USA","postalCode":"36301"}}"#
    ),
);

/// The same without a name and with too long a mobile number, so that rules are broken at both ends of the document.
fn invalid_customer() -> String {
    let after = CUSTOMER.1.replace("555-0101", "555-0101-555-0101-555-0101-555-0101");
    format!(r#"{{"name":"{after}"#)
}

/// The last part of a name: scrambled number, thread, run.
const MARK: usize = "00000000-00-00000000".len();

/// The endless sequence of requests of one thread.
pub struct Requests {
    scenario: Scenario,
    kind: Kind,
    known: Arc<Known>,
    create: Vec<u8>,
    name_at: usize,
    keyed: Vec<u8>,
    key_at: usize,
    keyed_name_at: usize,
    invalid: Vec<u8>,
    read: (Vec<u8>, Vec<u8>),
    edit: (Vec<u8>, Vec<u8>),
    edit_name_at: usize,
    fetch: Vec<u8>,
    run: u32,
    lane: u8,
    number: u32,
    random: u64,
}

impl Requests {
    /// Renders what can be rendered beforehand.
    pub fn new(work: &Work, run: u32, lane: usize) -> Self {
        let Target { addresses, path, authorization, kind } = &work.target;
        // Several servers are one service, as behind a load balancer.
        let mut fields = format!("Host: {}\r\n", addresses[0]);
        if !authorization.is_empty() {
            fields += &format!("Authorization: {authorization}\r\n");
        }
        let rest = |body: &str| {
            let length = body.len();
            format!(" HTTP/1.1\r\n{fields}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        let post = |body: &str| format!("POST {path}{}", rest(body));
        let (before, after) = CUSTOMER;
        let customer = format!("{before}{}{after}", "0".repeat(MARK));
        let (create, edit) = (post(&customer), rest(&customer));
        let (head, body) = create.split_once("\r\n\r\n").expect("a request has a head and a body");
        let before_key = format!("{head}\r\nIdempotency-Key: ");
        let keyed = format!("{before_key}{}\r\n\r\n{body}", "0".repeat(MARK));
        Self {
            scenario: work.scenario,
            kind: *kind,
            known: Arc::clone(&work.known),
            name_at: create.len() - after.len() - MARK,
            keyed_name_at: keyed.len() - after.len() - MARK,
            key_at: before_key.len(),
            keyed: keyed.into(),
            create: create.into(),
            invalid: post(&invalid_customer()).into(),
            edit_name_at: edit.len() - after.len() - MARK,
            edit: (format!("PUT {path}/").into(), edit.into()),
            read: (format!("GET {path}/").into(), format!(" HTTP/1.1\r\n{fields}\r\n").into()),
            fetch: format!("GET {path} HTTP/1.1\r\n{fields}\r\n").into(),
            run,
            lane: u8::try_from(lane).expect("threads are few"),
            number: 0,
            random: u64::from(run) << 8 | lane as u64 | 1 << 63,
        }
    }

    /// How many new names have been used.
    pub fn names(&self) -> u32 {
        self.number
    }

    /// Renders the next request over the last one.
    pub fn render(&mut self, out: &mut Vec<u8>) -> Expected {
        out.clear();
        let expected = match self.scenario {
            Scenario::Create => self.create(out),
            Scenario::Keyed => self.keyed(out),
            Scenario::Read => self.read(out),
            Scenario::Mixed => self.mixed(out),
            Scenario::Duplicate => self.duplicate(out),
            Scenario::Invalid => self.invalid(out),
            Scenario::Steady => self.steady(out),
            Scenario::Fetch => self.fetch(out),
        };
        match (self.kind, expected) {
            (Kind::Server, expected) | (Kind::Control, expected @ Expected::Found(_)) => expected,
            (Kind::Control, _) => Expected::Created,
            (Kind::Peer, _) => Expected::Success,
        }
    }

    fn create(&mut self, out: &mut Vec<u8>) -> Expected {
        self.number += 1;
        self.named(out, (self.run, self.lane, self.number));
        Expected::Created
    }

    fn keyed(&mut self, out: &mut Vec<u8>) -> Expected {
        self.number += 1;
        out.extend_from_slice(&self.keyed);
        for at in [self.key_at, self.keyed_name_at] {
            self.mark(&mut out[at..], (self.run, self.lane, self.number));
        }
        Expected::Created
    }

    fn mixed(&mut self, out: &mut Vec<u8>) -> Expected {
        if self.random().is_multiple_of(5) { self.create(out) } else { self.read(out) }
    }

    fn steady(&mut self, out: &mut Vec<u8>) -> Expected {
        if !self.random().is_multiple_of(5) {
            return self.read(out);
        }
        let random = self.random();
        let id = self.known.id(random);
        self.number += 1;
        out.extend_from_slice(&self.edit.0);
        decimal(id, out);
        let (start, name_at) = (out.len(), self.edit_name_at);
        out.extend_from_slice(&self.edit.1);
        self.mark(&mut out[start + name_at..], (self.run, self.lane, self.number));
        Expected::Edited(id)
    }

    fn duplicate(&mut self, out: &mut Vec<u8>) -> Expected {
        let random = self.random();
        self.named(out, self.known.name(random));
        Expected::Refused("\"10000602\"")
    }

    fn invalid(&self, out: &mut Vec<u8>) -> Expected {
        out.extend_from_slice(&self.invalid);
        Expected::Refused("\"10000581\"")
    }

    fn read(&mut self, out: &mut Vec<u8>) -> Expected {
        let random = self.random();
        let id = self.known.id(random);
        out.extend_from_slice(&self.read.0);
        decimal(id, out);
        out.extend_from_slice(&self.read.1);
        Expected::Found(id)
    }

    fn fetch(&self, out: &mut Vec<u8>) -> Expected {
        out.extend_from_slice(&self.fetch);
        Expected::Success
    }

    fn named(&self, out: &mut Vec<u8>, (run, lane, number): (u32, u8, u32)) {
        out.extend_from_slice(&self.create);
        self.mark(&mut out[self.name_at..], (run, lane, number));
    }

    /// Writes the last part of a name into the request.
    fn mark(&self, at: &mut [u8], (run, lane, number): (u32, u8, u32)) {
        let mark = &mut at[..MARK];
        // A bijection: names stay unique, in an order that does not favour an index.
        hexadecimal(number.wrapping_mul(2_654_435_761), &mut mark[..8]);
        mark[8] = b'-';
        hexadecimal(lane.into(), &mut mark[9..11]);
        mark[11] = b'-';
        hexadecimal(run, &mut mark[12..]);
    }

    /// A step of xorshift: good enough to be unpredictable for a cache, and nearly free.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 3
    }
}

fn hexadecimal(mut value: u32, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn decimal(mut value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(scenario: Scenario) -> Requests {
        let known = Arc::new(Known::of(vec![7, 4_000], (1, vec![1, 1])));
        let target = Target {
            addresses: vec![([127, 0, 0, 1], 80).into()],
            path: "/customers".into(),
            authorization: "Basic x".into(),
            kind: Kind::Server,
        };
        Requests::new(&Work { target, scenario, known }, 0xab, 1)
    }

    #[test]
    fn a_request_is_as_long_as_it_says() {
        for scenario in [Scenario::Create, Scenario::Keyed, Scenario::Duplicate, Scenario::Invalid, Scenario::Steady] {
            let mut out = Vec::new();
            let mut requests = requests(scenario);
            // Not every request of a mix has a body.
            while !out.ends_with(b"}") {
                requests.render(&mut out);
            }
            let text = String::from_utf8(out).expect("requests are text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
            let customer: serde_json::Value = serde_json::from_str(body).expect("a body is JSON");
            assert_eq!(customer["accountName"], "Acme");
        }
    }

    #[test]
    fn names_and_keys_are_unique_and_say_their_run() {
        for (scenario, ends) in [
            (Scenario::Create, ["-01-000000ab\""].as_slice()),
            (Scenario::Keyed, &["-01-000000ab\"", "-01-000000ab\r\n"]),
        ] {
            let mut requests = requests(scenario);
            let mut seen = std::collections::HashSet::new();
            for _ in 0..1_000 {
                let mut out = Vec::new();
                requests.render(&mut out);
                let text = String::from_utf8(out).expect("requests are text");
                assert!(ends.iter().all(|end| text.contains(end)), "{text}");
                assert!(seen.insert(text));
            }
        }
    }

    #[test]
    fn an_id_is_read_where_the_answer_has_it() {
        let answer = |status, body: &'static str| Answer { status, body: body.as_bytes() };
        assert_eq!(Expected::created_id(answer(200, r#"{"customerId":12,"timestamp":3}"#)), Some(12));
        assert!(Expected::Found(12).is_met_by(answer(200, r#"{"name":"1","customerId":12}"#)));
        assert!(!Expected::Found(2).is_met_by(answer(200, r#"{"name":"1","customerId":12}"#)));
        assert!(Expected::Edited(12).is_met_by(answer(200, r#"{"customerId":12,"timestamp":3}"#)));
        assert!(!Expected::Edited(1).is_met_by(answer(200, r#"{"customerId":12,"timestamp":3}"#)));
        assert!(!Expected::Created.is_met_by(answer(500, r#"{"customerId":12}"#)));
    }

    #[test]
    fn a_read_asks_for_a_known_id() {
        let mut out = Vec::new();
        let Expected::Found(id) = requests(Scenario::Read).render(&mut out) else { panic!("a read finds") };
        assert!(out.starts_with(format!("GET /customers/{id} HTTP/1.1\r\n").as_bytes()));
    }
}
