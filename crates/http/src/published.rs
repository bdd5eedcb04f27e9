//! `GET /openapi.json` and `GET /docs`: the published interface.

use crate::{
    openapi::{self, Interface, PublishedSetting},
    response::{self, Response},
};
use carnelian_domain::Rules;
use hyper::{
    body::Bytes,
    header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use std::sync::OnceLock;

/// What keeps a browser from doing anything with the page but showing it.
const HARDENING: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(openapi::POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The interface of this server: written down when somebody first asks, since most servers are never asked.
pub(crate) struct Documents {
    rules: Rules,
    settings: Vec<PublishedSetting>,
    written: OnceLock<Written>,
}

/// The interface, as it is answered.
struct Written {
    openapi: Bytes,
    docs: Bytes,
}

impl Documents {
    /// The interface with the rules and settings in force.
    pub(crate) fn new(rules: Rules, settings: Vec<PublishedSetting>) -> Documents {
        Documents { rules, settings, written: OnceLock::new() }
    }

    fn written(&self) -> &Written {
        self.written.get_or_init(|| {
            let document = openapi::document(&Interface { rules: &self.rules, settings: &self.settings });
            Written { openapi: document.to_string().into(), docs: openapi::page(&document).into() }
        })
    }
}

/// Answers with the interface for programs.
pub(crate) fn openapi(documents: &Documents) -> Response {
    response::with_body(documents.written().openapi.clone(), HeaderValue::from_static("application/json"))
}

/// Answers with the interface for people.
pub(crate) fn docs(documents: &Documents) -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = response::with_body(documents.written().docs.clone(), html);
    response.headers_mut().extend(HARDENING);
    response
}
