//! `…/customers` and `…/customers/{customerId}`.

use super::{
    shape,
    wire::{CustomerReply, ListedCustomer, PageReply, WrittenReply},
};
use crate::{
    error::ApiError,
    extract::{Headers, PathText, RequestOrigin, SignedIn, WholeBody},
    idempotency::idempotent,
    log::LoggedAccount,
    query::Query,
    response,
};
use axum::{extract::State, response::Response};
use carnelian_app::{App, customers::Written};
use carnelian_domain::{CustomerField, CustomerId};
use hyper::{
    HeaderMap, StatusCode,
    header::{ETAG, HeaderValue, IF_MATCH},
};
use std::sync::Arc;

/// Creates a customer.
pub(crate) async fn create_customer(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let writer = app.customer_writer(&caller, &origin)?;
    let request = idempotent(&headers, &body)?;
    let document = shape::document(&headers, &body)?;
    let raw = shape::raw_customer(app.rules(), &document)?;
    Ok(written(&writer.create_customer(&raw, request).await?))
}

/// Reads a customer.
pub(crate) async fn get_customer(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    PathText(id): PathText,
) -> Result<Response, ApiError> {
    let reader = app.customer_reader(&caller)?;
    let customer = reader.get_customer(customer_id(id)).await?;
    let mut response = response::json(StatusCode::OK, &CustomerReply::new(app.rules(), &customer, &CustomerField::ALL));
    response.headers_mut().insert(ETAG, entity_tag(customer.version));
    response.extensions_mut().insert(LoggedAccount(customer.account));
    Ok(response)
}

/// Lists the customers in scope that are asked for.
pub(crate) async fn list_customers(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Response, ApiError> {
    let reader = app.customer_reader(&caller)?;
    let (page, fields) = reader.list_customers(&query.customers()).await?;
    let show = |customer| ListedCustomer(CustomerReply::new(app.rules(), customer, &fields));
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, show)))
}

/// Replaces a customer.
pub(crate) async fn edit_customer(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
    WholeBody(body): WholeBody,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let writer = app.customer_writer(&caller, &origin)?;
    let request = idempotent(&headers, &body)?;
    let document = shape::document(&headers, &body)?;
    let raw = shape::raw_customer(app.rules(), &document)?;
    let expected = expected_versions(&headers);
    Ok(written(&writer.edit_customer(customer_id(id), expected.as_deref(), &raw, request).await?))
}

/// Erases a customer.
pub(crate) async fn erase_customer(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    RequestOrigin(origin): RequestOrigin,
    PathText(id): PathText,
    Headers(headers): Headers,
) -> Result<Response, ApiError> {
    let writer = app.customer_writer(&caller, &origin)?;
    let erased = writer.erase_customer(customer_id(id), expected_versions(&headers).as_deref()).await?;
    let mut response = written(&erased);
    // There is no such version to ask for.
    response.headers_mut().remove(ETAG);
    Ok(response)
}

fn written(customer: &Written) -> Response {
    let mut response = response::json(StatusCode::OK, &WrittenReply::from(customer));
    response.headers_mut().insert(ETAG, entity_tag(customer.version));
    response.extensions_mut().insert(LoggedAccount(customer.account));
    response
}

fn customer_id(text: Option<String>) -> Option<CustomerId> {
    CustomerId::parse(&text?)
}

fn entity_tag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes")
}

/// The versions that `If-Match` allows; `None` without the header, or when it allows any.
///
/// A tag that is weak or not one of ours matches nothing, as RFC 9110 has it.
pub fn expected_versions(headers: &HeaderMap) -> Option<Vec<u64>> {
    let mut values = headers.get_all(IF_MATCH).iter().peekable();
    values.peek()?;
    let tags: Vec<_> = values.flat_map(|value| listed(value.as_bytes())).collect();
    if tags.contains(&b"*".as_slice()) {
        return None;
    }
    let version = |tag: &[u8]| {
        let digits = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let version = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (entity_tag(version) == *tag).then_some(version)
    };
    Some(tags.into_iter().filter_map(version).collect())
}

/// What a header lists; a comma within quotes is part of a tag.
fn listed(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let divides = move |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    };
    value.split(divides).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(values: &[&'static str]) -> Option<Vec<u64>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_static(value));
        }
        expected_versions(&headers)
    }

    #[test]
    fn if_match_lists_the_versions_that_are_allowed() {
        assert_eq!(expected(&[]), None);
        assert_eq!(expected(&["*"]), None);
        assert_eq!(expected(&["\"3\""]), Some(vec![3]));
        assert_eq!(expected(&["\"3\", \"4\"", "\"5\""]), Some(vec![3, 4, 5]));
        assert_eq!(expected(&["W/\"3\"", "3", "\"x\"", "\"03\"", "\"+3\"", ""]), Some(vec![]));
    }

    #[test]
    fn what_stands_within_a_tag_of_somebody_else_allows_nothing() {
        assert_eq!(expected(&["\"a,*,b\""]), Some(vec![]));
        assert_eq!(expected(&["\"a,*,b\", \"3\""]), Some(vec![3]));
        let strange = HeaderValue::from_bytes(b"\"\xe9\", \"3\"").expect("a header may hold other bytes than ASCII");
        assert_eq!(expected_versions(&HeaderMap::from_iter([(IF_MATCH, strange)])), Some(vec![3]));
    }
}
