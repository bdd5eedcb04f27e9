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
    preconditions::{accepted_versions, check_create, check_read, entity_tag},
    response::{self, Response},
};
use carnelian_app::customers::Written;
use carnelian_domain::{CustomerField, CustomerId};
use hyper::{StatusCode, header::ETAG};

/// Creates a customer.
pub(crate) async fn create_customer(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let writer = request.app.customer_writer(&caller, &origin)?;
    check_create(request.headers())?;
    let retry = idempotent(request.headers(), &request.body)?;
    let document = shape::document(request.headers(), &request.body)?;
    let raw = shape::raw_customer(request.app.rules(), &document)?;
    Ok(written(&writer.create_customer(&raw, retry).await?))
}

/// Reads a customer.
pub(crate) async fn get_customer(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.customer_reader(&caller, &origin)?;
    let fields: Vec<CustomerField> = request.query().fields()?;
    let customer = reader.get_customer(customer_id(request.path.get(0)), &fields).await?;
    let mut response = match check_read(request.headers(), customer.version)? {
        Some(not_modified) => not_modified,
        None => response::json(StatusCode::OK, &CustomerReply::new(request.app.rules(), &customer, &fields)),
    };
    response.headers_mut().insert(ETAG, entity_tag(customer.version));
    response.extensions_mut().insert(LoggedAccount(customer.account));
    Ok(response)
}

/// Lists customers in scope.
pub(crate) async fn list_customers(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let reader = request.app.customer_reader(&caller, &origin)?;
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
    let accepted = accepted_versions(request.headers());
    Ok(written(&writer.edit_customer(customer_id(request.path.get(0)), &accepted, &raw, retry).await?))
}

/// Erases a customer.
pub(crate) async fn erase_customer(
    request: RequestContext,
    Identity { caller, origin }: Identity,
) -> Result<Response, ApiError> {
    let writer = request.app.customer_writer(&caller, &origin)?;
    let accepted = accepted_versions(request.headers());
    let erased = writer.erase_customer(customer_id(request.path.get(0)), &accepted).await?;
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
