//! `GET /openapi.json` and `GET /docs`: the published documents.

use crate::{
    openapi::{self, Interface, PublishedSetting},
    response::{self, Response},
};
use carnelian_domain::Rules;
use hyper::{
    body::Bytes,
    header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY},
};
use std::sync::OnceLock;

/// Headers that allow a browser to show the page and nothing else.
const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(openapi::POLICY)),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// The published documents of this server, rendered on the first request for one of them.
pub(crate) struct Documents {
    rules: Rules,
    settings: Vec<PublishedSetting>,
    rendered: OnceLock<Rendered>,
}

/// The rendered documents.
struct Rendered {
    openapi: Bytes,
    docs: Bytes,
}

impl Documents {
    /// Documents with the rules and settings in force.
    pub(crate) fn new(rules: Rules, settings: Vec<PublishedSetting>) -> Documents {
        Documents { rules, settings, rendered: OnceLock::new() }
    }

    fn rendered(&self) -> &Rendered {
        self.rendered.get_or_init(|| {
            let document = openapi::document(&Interface { rules: &self.rules, settings: &self.settings });
            Rendered { openapi: document.to_string().into(), docs: openapi::page(&document).into() }
        })
    }
}

/// Responds with the OpenAPI document.
pub(crate) fn openapi(documents: &Documents) -> Response {
    response::with_body(documents.rendered().openapi.clone(), HeaderValue::from_static("application/json"))
}

/// Responds with the document as an HTML page.
pub(crate) fn docs(documents: &Documents) -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = response::with_body(documents.rendered().docs.clone(), html);
    response.headers_mut().extend(PAGE_HEADERS);
    response
}
