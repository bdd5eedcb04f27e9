//! A request and its encoding.

use serde_json::Value;

use crate::Login;

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request target: path and query.
    pub target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    chunked: bool,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None, chunked: false }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether a header has been set.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// Adds the credentials of a user.
    pub fn login(self, login: &Login) -> Self {
        self.header("Authorization", &login.basic())
    }

    /// Sets a body without a `Content-Type`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets bytes as a JSON body, whether they are JSON or not.
    pub fn json_bytes(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.json_bytes(body.to_string())
    }

    /// Sends the body in chunks instead of with a `Content-Length`.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Everything up to and including the empty line before the body.
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: carnelian.test\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.body {
            Some(_) if self.chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Some(body) => head.push_str(&format!("Content-Length: {}\r\n", body.len())),
            None => {}
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The encoded body.
    pub fn encoded_body(&self) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default();
        if !self.chunked || self.body.is_none() {
            return body.to_vec();
        }
        let mut encoded = Vec::new();
        for chunk in body.chunks(1000) {
            encoded.extend(format!("{:x}\r\n", chunk.len()).bytes());
            encoded.extend(chunk);
            encoded.extend(b"\r\n");
        }
        encoded.extend(b"0\r\n\r\n");
        encoded
    }

    /// The whole encoded request.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.encoded_body()].concat()
    }
}
