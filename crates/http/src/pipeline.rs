//! What happens to every request, in order; the order is part of the contract.

use crate::{
    body::{self, Use},
    credentials,
    error::{self, ApiError},
    extract::Received,
    framing, log,
    request_id::REQUEST_ID,
    rws::v1,
    sandbox,
    serving::{Served, Serving},
};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use carnelian_app::{App, Failure, failure::Internal, sandbox::faults::FaultKind};
use carnelian_domain::{Actor, Caller, Origin, Problem};
use hyper::{
    HeaderMap, Request,
    body::Bytes,
    header::{CONNECTION, HeaderValue},
    http::request::Parts,
};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// Everything below this path is the original service's API, and what a sandbox lets go wrong.
pub(crate) const RWS: &str = "/rws/";

/// Everything below these paths belongs to the API: its callers sign in first.
const API: [&str; 2] = [RWS, "/admin/"];

/// What precedes the version in the API's paths.
const VERSIONED: &str = "/rws/api/";

/// What was found out about a request, whatever its answer.
#[derive(Default)]
struct Seen {
    /// Who calls, once signed in.
    caller: Option<Caller>,
    /// The route that it was asked of, once let in.
    route: Option<&'static str>,
    /// Header fields came behind the body. hyper lets them end where others do not, so nothing after them is trusted.
    trailers: bool,
    /// What a sandbox let go wrong.
    fault: Option<FaultKind>,
}

/// The connection is to be closed without an answer; only a sandbox does that, when asked to.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sandbox cuts this connection")
    }
}

impl std::error::Error for Cut {}

/// The steps that every request takes.
pub(crate) struct Pipeline {
    served: Arc<Served>,
    body_bytes: usize,
    body_timeout: Duration,
}

impl Pipeline {
    /// Reads bodies of at most so many bytes, for at most so long.
    pub(crate) fn new(served: Arc<Served>, body_bytes: usize, body_timeout: Duration) -> Pipeline {
        Pipeline { served, body_bytes, body_timeout }
    }

    /// Answers a request, names it and logs it.
    pub(crate) async fn handle<B>(&self, peer: IpAddr, request: Request<B>) -> Result<Response, Cut>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        let start = self.served.clock.monotonic();
        let id = self.served.request_ids.of(request.headers());
        let method = request.method().clone();
        let mut seen = Seen::default();
        let answer = match self.served.meet().await {
            Some(serving) => self.answer(&serving, peer, &id, request, &mut seen).await,
            // In a box, so that no other request takes memory for it.
            None => Box::pin(self.put_off(request, &mut seen)).await,
        };
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        let took = self.served.clock.monotonic().saturating_sub(start);
        let (route, caller, fault) = (seen.route, seen.caller.as_ref(), seen.fault.map(sandbox::faults::name));
        log::request(&id, &method, route, caller, fault, &response, took);
        if seen.fault.is_some_and(sandbox::cuts) {
            return Err(Cut);
        }
        response.headers_mut().insert(REQUEST_ID, id);
        if seen.trailers {
            response.headers_mut().insert(CONNECTION, error::CLOSE);
        }
        Ok(response)
    }

    async fn answer<B>(
        &self,
        serving: &Serving,
        peer: IpAddr,
        id: &HeaderValue,
        request: Request<B>,
        seen: &mut Seen,
    ) -> Result<Response, ApiError>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        let (mut parts, body) = request.into_parts();
        framing::check(&parts)?;
        let path = parts.uri.path();
        let of_api = is_of_api(path);
        // The body's size and arrival come first in the answer; but what a stranger sends is not kept in memory.
        let signed_in = if of_api { Some(sign_in(&serving.app, peer, &parts.headers).await) } else { None };
        let is_read = matches!(signed_in, Some(Ok(_))) || self.served.is_of_sandbox(path);
        let purpose = if is_read { Use::Keep } else { Use::Discard };
        let body = body::collect(body, &parts.headers, purpose, self.body_bytes, self.body_timeout).await?;
        seen.trailers = body.trailers;
        let mut _active = None;
        if let Some(signed_in) = signed_in {
            let caller = signed_in?;
            // The caller's rights may have ended while the body arrived.
            let caller = serving.app.confirm(&caller).await?.unwrap_or(caller);
            _active = Some(serving.app.admit(seen.caller.insert(caller))?);
            self.meet_fault(&serving.app, &parts, seen).await?;
            check_version(path)?;
        }
        let caller = seen.caller.clone();
        let origin = caller.as_ref().map(|caller| origin(caller, peer, id));
        let found = self.served.routes(serving, path).at(path).ok_or(Problem::NotFound)?;
        seen.route = Some(found.resource.template);
        parts.extensions.insert(Received { caller, origin, body: body.bytes, texts: found.texts });
        Ok(found.resource.answer(Request::from_parts(parts, Body::empty())).await)
    }

    /// Tells a request to come back, since there is no registry at the moment.
    async fn put_off<B>(&self, request: Request<B>, seen: &mut Seen) -> Result<Response, ApiError>
    where
        B: hyper::body::Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        framing::check(&parts)?;
        // Read to its end, so that the client can read the answer.
        let body = body::collect(body, &parts.headers, Use::Discard, self.body_bytes, self.body_timeout).await?;
        seen.trailers = body.trailers;
        Err(Failure::Unavailable(Internal::new("a restored registry is taking its place")).into())
    }

    /// In a sandbox, what was asked to go wrong does so here.
    async fn meet_fault(&self, app: &App, parts: &Parts, seen: &mut Seen) -> Result<(), ApiError> {
        let Some(control) = self.served.sandbox().filter(|_| parts.uri.path().starts_with(RWS)) else { return Ok(()) };
        seen.fault = control.strike(parts.method.as_str(), parts.uri.path()).await;
        if let (Some(FaultKind::Delay(_)), Some(caller)) = (seen.fault, &seen.caller) {
            // The caller's rights may have ended during the delay.
            seen.caller = app.confirm(caller).await?.or(seen.caller.take());
        }
        seen.fault.map_or(Ok(()), sandbox::fail)
    }

    /// Answers, names and logs what came without a request: a message that is none, or a connection too many.
    pub(crate) fn refuse(&self, problem: Problem) -> Vec<u8> {
        let request_id = self.served.request_ids.make();
        let row = problem.row();
        let status = error::status_of(row.kind).as_u16();
        log::refusal(&request_id, status, row.code);
        error::closing_message(problem, &request_id)
    }
}

/// What the audit log is told of a request.
fn origin(caller: &Caller, peer: IpAddr, id: &HeaderValue) -> Origin {
    let request_id = id.to_str().ok().map(Into::into);
    Origin { actor: Actor::User(caller.user), address: Some(peer), request_id, reason: None }
}

async fn sign_in(app: &App, peer: IpAddr, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let credentials = credentials::of_request(headers)?;
    Ok(app.authenticate(peer, credentials.user_name(), credentials.key()).await?)
}

/// Whether a path belongs to the API.
pub(crate) fn is_of_api(path: &str) -> bool {
    API.iter().any(|api| path.starts_with(api))
}

/// Refuses a path of the API that names another version.
fn check_version(path: &str) -> Result<(), Problem> {
    let Some(rest) = path.strip_prefix(VERSIONED) else { return Ok(()) };
    let version = rest.split('/').next().unwrap_or_default();
    if version.starts_with(['v', 'V']) && version != v1::VERSION { Err(Problem::InvalidApiVersion) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_one_passes_and_what_names_no_version_is_left_to_the_router() {
        for path in ["/rws/api/v1/customers", "/rws/api/v1", "/rws/api/", "/rws/x/v2", "/rws/api/customers"] {
            assert_eq!(check_version(path), Ok(()), "{path}");
        }
        for path in ["/rws/api/v2/customers", "/rws/api/v01/x", "/rws/api/vx/", "/rws/api/v", "/rws/api/V1/customers"] {
            assert_eq!(check_version(path), Err(Problem::InvalidApiVersion), "{path}");
        }
    }
}
