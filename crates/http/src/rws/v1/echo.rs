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

/// The longest text that is echoed, in characters.
pub(crate) const MAX_PARAM: usize = 255;

/// The text of the path's last part.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Echo {
    #[schemars(example = &"hello")]
    context: String,
}

/// Responds with the path's parameter, so that a client can check its sign-in.
pub(crate) async fn echo(request: RequestContext, _: Identity) -> Result<Response, ApiError> {
    let fits = |param: &&str| (1..=MAX_PARAM).contains(&param.chars().count());
    let context = request.path.get(0).filter(fits).ok_or(Problem::RequiredFieldsMissing)?;
    let context = context.to_owned();
    Ok(response::json(StatusCode::OK, &Echo { context }))
}
