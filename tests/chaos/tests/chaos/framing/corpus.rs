//! Messages and their expected outcomes, by RFC 9112 and, where it leaves a choice, by ours.

mod bodies;

use blackbox::Problem;
use blackbox::problems::{HEADERS_TOO_LARGE, MALFORMED_REQUEST, METHOD_NOT_ALLOWED, NAME_REQUIRED, NOT_FOUND};

/// The expected outcome of a message, and of the connection after it.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// It is answered, and so is what follows on the connection.
    Served(Answer),
    /// It is answered, and nothing that follows is read.
    Last(Answer),
    /// It is refused with this problem, and nothing that follows is read.
    Refused(Problem),
    /// The connection is closed without a response, and nothing that follows is read.
    Closed,
}

/// A success or a problem that shows that the framing was accepted.
pub type Answer = Option<Problem>;

/// A message.
pub struct Case {
    /// Family and name.
    pub name: String,
    /// The method, as far as it matters for reading the answer.
    pub method: &'static str,
    /// Everything that is sent.
    pub bytes: Vec<u8>,
    /// The expected outcome.
    pub verdict: Verdict,
}

/// A name, the bytes, and the expected outcome.
type Row<'a> = (&'static str, &'a [u8], Verdict);

/// Messages that differ in one place.
struct Family {
    name: &'static str,
    /// The bytes before that place; `LOGIN` is replaced by a header with credentials.
    before: &'static str,
    after: &'static str,
    rows: &'static [Row<'static>],
}

const OK: Verdict = Verdict::Served(None);
const OK_LAST: Verdict = Verdict::Last(None);
const NO: Verdict = Verdict::Refused(MALFORMED_REQUEST);
const TOO_LARGE: Verdict = Verdict::Refused(HEADERS_TOO_LARGE);
const UNKNOWN: Verdict = Verdict::Served(Some(NOT_FOUND));
const NOT_SO: Verdict = Verdict::Served(Some(METHOD_NOT_ALLOWED));
const NOT_SO_LAST: Verdict = Verdict::Last(Some(METHOD_NOT_ALLOWED));
/// The body was read, to the byte, as `{}`: a customer without a name.
const READ: Verdict = Verdict::Served(Some(NAME_REQUIRED));
const READ_LAST: Verdict = Verdict::Last(Some(NAME_REQUIRED));

/// Every message; `login` is the value of an `Authorization` header.
pub fn cases(login: &str) -> Vec<Case> {
    let families = [START_LINES, HOSTS, FIELDS].into_iter().chain(bodies::FAMILIES);
    let mut cases: Vec<_> = families.flat_map(|family| family.cases(login)).collect();
    let oversized = [("a hundred fields more", "A: b\r\n".repeat(100)), ("16 KiB more", filler(16 << 10))];
    cases.extend(oversized.map(|(name, fields)| FIELDS.case(&(name, fields.as_bytes(), TOO_LARGE), login)));
    cases
}

/// A header field with a value of so many bytes.
fn filler(length: usize) -> String {
    format!("A: {}\r\n", "b".repeat(length))
}

impl Family {
    fn cases(self, login: &str) -> Vec<Case> {
        self.rows.iter().map(|row| self.case(row, login)).collect()
    }

    fn case(&self, (name, text, verdict): &Row<'_>, login: &str) -> Case {
        let before = self.before.replace("LOGIN", &format!("Authorization: {login}"));
        let bytes = [before.as_bytes(), text, self.after.as_bytes()].concat();
        let method = if bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
        Case { name: format!("{}: {name}", self.name), method, bytes, verdict: *verdict }
    }
}

/// What comes first, with the end of its line.
const START_LINES: Family = Family {
    name: "start line",
    before: "",
    after: "Host: x\r\nX-Request-Id: a\r\n\r\n",
    rows: &[
        ("a path", b"GET /health/live HTTP/1.1\r\n", OK),
        ("HEAD", b"HEAD /health/live HTTP/1.1\r\n", OK),
        ("an empty line before", b"\r\nGET /health/live HTTP/1.1\r\n", OK),
        ("two empty lines before", b"\r\n\r\nGET /health/live HTTP/1.1\r\n", OK),
        ("a query", b"GET /health/live?a=b&c=/?d HTTP/1.1\r\n", OK),
        ("an address", b"GET http://other.example/health/live HTTP/1.1\r\n", OK),
        ("an address with a port", b"GET https://[::1]:8443/health/live HTTP/1.1\r\n", OK),
        ("the server as such", b"OPTIONS * HTTP/1.1\r\n", UNKNOWN),
        ("a tunnel", b"CONNECT other.example:443 HTTP/1.1\r\n", UNKNOWN),
        ("an unknown method", b"BREW /health/live HTTP/1.1\r\n", NOT_SO),
        ("a method in small letters", b"get /health/live HTTP/1.1\r\n", NOT_SO),
        ("a bare line feed at the end", b"GET /health/live HTTP/1.1\n", OK),
        ("the old version", b"GET /health/live HTTP/1.0\r\n", OK_LAST),
        ("no version", b"GET /health/live\r\n", NO),
        ("version 0.9", b"GET /health/live HTTP/0.9\r\n", NO),
        ("version 1.2", b"GET /health/live HTTP/1.2\r\n", NO),
        ("version 2.0", b"GET /health/live HTTP/2.0\r\n", NO),
        ("version 1.10", b"GET /health/live HTTP/1.10\r\n", NO),
        ("version 01.1", b"GET /health/live HTTP/01.1\r\n", NO),
        ("version 1", b"GET /health/live HTTP/1\r\n", NO),
        ("a version in small letters", b"GET /health/live http/1.1\r\n", NO),
        ("a version of another protocol", b"GET /health/live ICAP/1.1\r\n", NO),
        ("a space in the version", b"GET /health/live HTTP/ 1.1\r\n", NO),
        ("a space at the end", b"GET /health/live HTTP/1.1 \r\n", NO),
        ("a word too many", b"GET /health/live HTTP/1.1 x\r\n", NO),
        ("two spaces before the target", b"GET  /health/live HTTP/1.1\r\n", NO),
        ("two spaces before the version", b"GET /health/live  HTTP/1.1\r\n", NO),
        ("a space at the beginning", b" GET /health/live HTTP/1.1\r\n", NO),
        ("tabs for spaces", b"GET\t/health/live\tHTTP/1.1\r\n", NO),
        ("no target", b"GET HTTP/1.1\r\n", NO),
        ("an empty target", b"GET  HTTP/1.1\r\n", NO),
        ("no slash at the beginning", b"GET health/live HTTP/1.1\r\n", NO),
        ("only a host", b"GET other.example:80 HTTP/1.1\r\n", NO),
        ("an asterisk", b"GET * HTTP/1.1\r\n", NO),
        ("a tunnel to a path", b"CONNECT /health/live HTTP/1.1\r\n", NO),
        ("a tunnel to an address", b"CONNECT http://other.example/ HTTP/1.1\r\n", NO),
        ("a NUL in the target", b"GET /health\0/live HTTP/1.1\r\n", NO),
        ("a DEL in the target", b"GET /health\x7f/live HTTP/1.1\r\n", NO),
        ("a carriage return in the target", b"GET /health\r/live HTTP/1.1\r\n", NO),
        ("letters beyond ASCII in the target", b"GET /health/liv\xc3\xa9 HTTP/1.1\r\n", UNKNOWN),
        ("bytes that are not UTF-8 in the target", b"GET /health\xff\xfe HTTP/1.1\r\n", NO),
        ("a carriage return at the beginning", b"\rGET /health/live HTTP/1.1\r\n", NO),
        ("a carriage return for the end", b"GET /health/live HTTP/1.1\r", NO),
        ("a carriage return too many", b"GET /health/live HTTP/1.1\r\r\n", NO),
        ("a bracket in the method", b"G(E)T /health/live HTTP/1.1\r\n", NO),
        ("a colon in the method", b"GET: /health/live HTTP/1.1\r\n", NO),
        ("a NUL in the method", b"GE\0T /health/live HTTP/1.1\r\n", NO),
        ("a byte of no letter in the method", b"G\xc9T /health/live HTTP/1.1\r\n", NO),
    ],
};

/// The host, which HTTP/1.1 demands once.
const HOSTS: Family = Family {
    name: "host",
    before: "GET /health/live HTTP/1.1\r\nX-Request-Id: a\r\n",
    after: "\r\n",
    rows: &[
        ("a name", b"Host: a.example\r\n", OK),
        ("a name and a port", b"Host: a.example:8080\r\n", OK),
        ("an address", b"Host: [2001:db8::1]:8080\r\n", OK),
        ("an empty one", b"Host:\r\n", OK),
        ("none", b"", NO),
        ("two", b"Host: a\r\nHost: b\r\n", NO),
        ("the same twice", b"Host: a\r\nhost: a\r\n", NO),
        ("two in one", b"Host: a, b\r\n", NO),
        ("a space in it", b"Host: a b\r\n", NO),
        ("a path in it", b"Host: a/health\r\n", NO),
        ("a user in it", b"Host: a@b\r\n", NO),
        ("two ports", b"Host: a:1:2\r\n", NO),
        ("a letter beyond ASCII", b"Host: \xc3\xa9.example\r\n", NO),
    ],
};

/// A header field, with the end of its line.
const FIELDS: Family = Family {
    name: "field",
    before: "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\n",
    after: "\r\n",
    rows: &[
        ("no space after the colon", b"A:b\r\n", OK),
        ("spaces and tabs around the value", b"A: \t b c \t \r\n", OK),
        ("no value", b"A:\r\n", OK),
        ("bytes beyond ASCII in the value", b"A: \xe9\xff\r\n", OK),
        ("every sign that a name may have", b"!#$%&'*+-.^_`|~09aZ: b\r\n", OK),
        ("the same name twice", b"A: b\r\na: c\r\n", OK),
        ("a bare line feed at the end", b"A: b\n", OK),
        ("a space before the colon", b"A : b\r\n", NO),
        ("a tab before the colon", b"A\t: b\r\n", NO),
        ("a space in the name", b"A B: c\r\n", NO),
        ("a space before the name", b" A: b\r\n", NO),
        ("a folded value", b"A: b\r\n c\r\n", NO),
        ("a value folded by a tab", b"A: b\r\n\tc\r\n", NO),
        ("a fold without a value", b"A:\r\n b\r\n", NO),
        ("no name", b": b\r\n", NO),
        ("no colon", b"A\r\n", NO),
        ("a bracket in the name", b"A(: b\r\n", NO),
        ("a quote in the name", b"\"A\": b\r\n", NO),
        ("a slash in the name", b"A/B: c\r\n", NO),
        ("a byte of no letter in the name", b"\xc9: b\r\n", NO),
        ("a NUL in the name", b"A\0: b\r\n", NO),
        ("a NUL in the value", b"A: b\0c\r\n", NO),
        ("a bell in the value", b"A: b\x07c\r\n", NO),
        ("a DEL in the value", b"A: b\x7fc\r\n", NO),
        ("a vertical tab in the value", b"A: \x0bb\r\n", NO),
        ("a carriage return in the value", b"A: b\rc\r\n", NO),
        ("a carriage return for the end", b"A: b\rC: d\r\n", NO),
        ("a carriage return too many", b"A: b\r\r\n", NO),
    ],
};
