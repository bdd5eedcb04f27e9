//! `GET …/echo/{param}`.

use crate::{
    context::{Identity, RequestContext},
    error::ApiError,
    response::{self, Response},
};
use carnelian_domain::Problem;
use hyper::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// The most characters that are echoed.
pub(crate) const MAX_PARAM: usize = 255;

/// The text of the path's last part.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Echo {
    #[schemars(example = &"hello")]
    context: String,
}

/// Answers with the path's parameter, to show that a caller is signed in.
pub(crate) async fn echo(request: RequestContext, _: Identity) -> Result<Response, ApiError> {
    let fits = |param: &&str| (1..=MAX_PARAM).contains(&param.chars().count());
    let context = request.path.get(0).filter(fits).ok_or(Problem::RequiredFieldsMissing)?;
    let context = context.to_owned();
    Ok(response::json(StatusCode::OK, &Echo { context }))
}
