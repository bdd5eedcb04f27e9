//! `…/customers` and `…/customers/{customerId}`.

use super::{
    shape,
    wire::{CustomerReply, PageReply, WrittenReply},
};
use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    idempotency::idempotent,
    log::LoggedAccount,
    response::{self, Response},
};
use carnelian_app::customers::Written;
use carnelian_domain::{CustomerField, CustomerId};
use hyper::{
    HeaderMap, StatusCode,
    header::{ETAG, HeaderValue, IF_MATCH},
};

/// Creates a customer.
pub(crate) async fn create_customer(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let writer = request.app.customer_writer(&caller, &origin)?;
    let retry = idempotent(request.headers(), &request.body)?;
    let document = shape::document(request.headers(), &request.body)?;
    let raw = shape::raw_customer(request.app.rules(), &document)?;
    Ok(written(&writer.create_customer(&raw, retry).await?))
}

/// Reads a customer.
pub(crate) async fn get_customer(
    request: RequestContext,
    Identity { caller, .. }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.customer_reader(&caller)?;
    let fields: Vec<CustomerField> = request.query().fields()?;
    let customer = reader.get_customer(customer_id(request.path.get(0))).await?;
    let mut response = response::json(StatusCode::OK, &CustomerReply::new(request.app.rules(), &customer, &fields));
    response.headers_mut().insert(ETAG, entity_tag(customer.version));
    response.extensions_mut().insert(LoggedAccount(customer.account));
    Ok(response)
}

/// Lists customers in scope.
pub(crate) async fn list_customers(
    request: RequestContext,
    Identity { caller, .. }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.customer_reader(&caller)?;
    let (page, fields) = reader.list_customers(&request.query().customers()).await?;
    let show = |customer| CustomerReply::new(request.app.rules(), customer, &fields);
    Ok(response::json(StatusCode::OK, &PageReply::new(&page, show)))
}

/// Replaces a customer.
pub(crate) async fn edit_customer(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let writer = request.app.customer_writer(&caller, &origin)?;
    let retry = idempotent(request.headers(), &request.body)?;
    let document = shape::document(request.headers(), &request.body)?;
    let raw = shape::raw_customer(request.app.rules(), &document)?;
    let expected = expected_versions(request.headers());
    Ok(written(&writer.edit_customer(customer_id(request.path.get(0)), expected.as_deref(), &raw, retry).await?))
}

/// Erases a customer.
pub(crate) async fn erase_customer(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let writer = request.app.customer_writer(&caller, &origin)?;
    let erased = writer
        .erase_customer(customer_id(request.path.get(0)), expected_versions(request.headers()).as_deref())
        .await?;
    let mut response = written(&erased);
    // An erased customer has no version.
    response.headers_mut().remove(ETAG);
    Ok(response)
}

fn written(customer: &Written) -> Response {
    let mut response = response::json(StatusCode::OK, &WrittenReply::from(customer));
    response.headers_mut().insert(ETAG, entity_tag(customer.version));
    response.extensions_mut().insert(LoggedAccount(customer.account));
    response
}

fn customer_id(text: Option<&str>) -> Option<CustomerId> {
    CustomerId::parse(text?)
}

fn entity_tag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a valid header value")
}

/// The versions that `If-Match` allows; `None` without the header, or if it allows any version.
///
/// A weak tag and a tag that the server did not issue match nothing, as in RFC 9110.
pub fn expected_versions(headers: &HeaderMap) -> Option<Vec<u64>> {
    let mut values = headers.get_all(IF_MATCH).iter().peekable();
    values.peek()?;
    let tags: Vec<_> = values.flat_map(|value| list_elements(value.as_bytes())).collect();
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

/// The elements of a list; a comma within quotes is part of an element.
fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let is_separator = move |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    };
    value.split(is_separator).map(<[u8]>::trim_ascii)
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
    fn if_match_lists_the_allowed_versions() {
        assert_eq!(expected(&[]), None);
        assert_eq!(expected(&["*"]), None);
        assert_eq!(expected(&["\"3\""]), Some(vec![3]));
        assert_eq!(expected(&["\"3\", \"4\"", "\"5\""]), Some(vec![3, 4, 5]));
        assert_eq!(expected(&["W/\"3\"", "3", "\"x\"", "\"03\"", "\"+3\"", ""]), Some(vec![]));
    }

    #[test]
    fn a_foreign_tag_allows_nothing_whatever_it_contains() {
        assert_eq!(expected(&["\"a,*,b\""]), Some(vec![]));
        assert_eq!(expected(&["\"a,*,b\", \"3\""]), Some(vec![3]));
        let strange =
            HeaderValue::from_bytes(b"\"\xe9\", \"3\"").expect("a header value may contain bytes beyond ASCII");
        assert_eq!(expected_versions(&HeaderMap::from_iter([(IF_MATCH, strange)])), Some(vec![3]));
    }
}
