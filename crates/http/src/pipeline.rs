//! The steps of a request. Their order is part of the API's contract: it decides which error is reported first.
//!
//! ```text
//! framing → sign-in → body (size, arrival) → sign-in is reported, rights are confirmed → throttle
//!         → [a sandbox's fault] → version → path → method → names of query parameters → handler → log
//! ```
//!
//! The sign-in is checked before the body arrives, because the body of an unknown client is not kept in memory, but it is
//! reported after the body. Rights can end while the body arrives; they are confirmed then.

use crate::{
    active_registry::{ActiveRegistry, Registry},
    body::{self, BodyLimits, BodyUse},
    context::{Identity, RequestContext},
    credentials,
    error::{self, ApiError},
    framing,
    handlers::{self, Handler, HandlerFuture},
    log::{self, RequestLog},
    published::Documents,
    query, rate_limit_headers,
    request_id::{REQUEST_ID, RequestIds},
    response::Response,
    router::Router,
    routes::{self, RWS_PREFIX},
    rws::v1,
    trusted_proxies::TrustedProxies,
    upload,
};
use carnelian_app::{ActiveCall, App, Clock, Failure, failure::Internal, jobs::JobUpload};
use carnelian_domain::{Actor, Caller, JobId, Origin, Problem};
use hyper::{
    HeaderMap, Request,
    body::{Body, Bytes},
    header::{CACHE_CONTROL, CONNECTION, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    http::request::Parts,
};
use std::{net::IpAddr, sync::Arc};

/// What precedes the version in a path of the original service's API.
const BEFORE_VERSION: &str = "/rws/api/";

/// The operation that receives a file.
const UPLOAD: &str = "put_job_input";

/// The `Cache-Control` header of every response.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The `X-Content-Type-Options` header of every response.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The steps that every request takes.
pub(crate) struct Pipeline {
    registry: Arc<ActiveRegistry>,
    router: Router<Handler>,
    documents: Documents,
    clock: Arc<dyn Clock>,
    request_ids: RequestIds,
    body_limits: BodyLimits,
    proxies: TrustedProxies,
}

/// A request that has been received as a whole, from a caller who may make it now.
pub(crate) struct Received {
    registry: Arc<Registry>,
    pub(crate) head: Parts,
    body: Bytes,
    /// The file that was received in the place of a body.
    upload: Option<JobUpload>,
    /// The caller, on paths that require a sign-in.
    identity: Option<Identity>,
    /// Counts as an active call of the caller until it is dropped.
    _active_call: Option<ActiveCall>,
}

impl Pipeline {
    pub(crate) fn new(
        registry: Arc<ActiveRegistry>,
        documents: Documents,
        body_limits: BodyLimits,
        proxies: TrustedProxies,
    ) -> Pipeline {
        let app = registry.acquire().app.clone();
        let (clock, request_ids) = (app.shared_clock(), RequestIds::new(app.entropy()));
        Pipeline { registry, router: handlers::router(), documents, clock, request_ids, body_limits, proxies }
    }

    /// Handles a request.
    pub(crate) async fn handle<B>(&self, peer: IpAddr, request: Request<B>) -> Response
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut log = self.begin(&request);
        let outcome = match self.receive(peer, request, &mut log).await {
            Ok(received) => self.respond(received, &mut log).await,
            Err(error) => Err(error),
        };
        self.finish(outcome, &log)
    }

    /// Begins the log of a request.
    pub(crate) fn begin<B>(&self, request: &Request<B>) -> RequestLog {
        RequestLog {
            id: self.request_ids.for_request(request.headers()),
            method: request.method().clone(),
            started_at: self.clock.monotonic(),
            user: None,
            route: None,
            fault: None,
            limits: Vec::new(),
            has_trailers: false,
        }
    }

    /// Receives a request: everything up to the throttle.
    pub(crate) async fn receive<B>(
        &self,
        peer: IpAddr,
        request: Request<B>,
        log: &mut RequestLog,
    ) -> Result<Received, ApiError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (head, body) = request.into_parts();
        framing::check(&head)?;
        let registry = self.registry.acquire();
        if !routes::requires_sign_in(head.uri.path()) {
            let body = self.read_body(body, &head.headers, BodyUse::Discard, log).await?;
            return Ok(Received { registry, head, body, upload: None, identity: None, _active_call: None });
        }
        let app = &registry.app;
        let address = self.proxies.client(peer, &head.headers);
        let signed_in = sign_in(app, address, &head.headers).await;
        if let (Ok(caller), Some(job)) = (&signed_in, upload::job_of(&head)) {
            // Boxed, because other requests should not reserve memory for this.
            return Box::pin(self.receive_file(registry.clone(), head, body, caller.clone(), (job, address), log))
                .await;
        }
        let body_use = if signed_in.is_ok() { BodyUse::Keep } else { BodyUse::Discard };
        let body = self.read_body(body, &head.headers, body_use, log).await?;
        let caller = signed_in?;
        // The caller's rights may have ended while the body arrived.
        let caller = app.confirm(&caller).await?.unwrap_or(caller);
        let active_call = admit(app, &caller, log)?;
        let origin = origin(&caller, address, &log.id);
        let identity = Some(Identity { caller, origin });
        Ok(Received { registry, head, body, upload: None, identity, _active_call: Some(active_call) })
    }

    /// Receives a request with a file: the caller's rights and the limits are checked before the file arrives, too.
    async fn receive_file<B>(
        &self,
        registry: Arc<Registry>,
        head: Parts,
        mut body: B,
        caller: Caller,
        (job, address): (JobId, IpAddr),
        log: &mut RequestLog,
    ) -> Result<Received, ApiError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let app = &registry.app;
        let active_call = admit(app, &caller, log)?;
        let begun = match app.admin(&caller, origin(&caller, address, &log.id), UPLOAD).await {
            Ok(admin) => admin.begin_upload(job).await.map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        let mut upload = match begun {
            Ok(upload) => upload,
            Err(failure) => {
                // So that a client that has sent a small file can read the response.
                let _ = self.read_body(&mut body, &head.headers, BodyUse::Discard, log).await;
                return Err(failure.into());
            }
        };
        log.has_trailers = upload::receive(body, &mut upload, self.body_limits.time).await?;
        // The caller's rights may have ended while the file arrived.
        let caller = app.confirm(&caller).await?.unwrap_or(caller);
        let identity = Some(Identity { origin: origin(&caller, address, &log.id), caller });
        let (body, upload) = (Bytes::new(), Some(upload));
        Ok(Received { registry, head, body, upload, identity, _active_call: Some(active_call) })
    }

    /// Reads the body of a request; what is discarded is checked all the same.
    pub(crate) async fn read_body<B>(
        &self,
        body: B,
        headers: &HeaderMap,
        body_use: BodyUse,
        log: &mut RequestLog,
    ) -> Result<Bytes, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let collected = body::collect(body, headers, body_use, self.body_limits).await?;
        log.has_trailers = collected.has_trailers;
        Ok(collected.bytes)
    }

    /// Responds to a request that has been received: everything after the throttle.
    pub(crate) async fn respond(&self, received: Received, log: &mut RequestLog) -> Result<Response, ApiError> {
        let Received { registry, head, body, upload, identity, _active_call } = received;
        let path = routes::normalized(head.uri.path());
        check_version(&path)?;
        let (resource, parameters) = self.router.find(&path).ok_or(Problem::NotFound)?;
        log.route = Some(resource.template);
        let Some((route, handler)) = resource.handler(&head.method) else { return Ok(resource.method_not_allowed()) };
        if path.starts_with(RWS_PREFIX) {
            query::check_names(head.uri.query().unwrap_or_default(), route)?;
        }
        drop(path);
        let context = || RequestContext { app: registry.app.clone(), head, path: parameters, body, upload };
        match (handler, identity) {
            (Handler::SignedIn(handle), Some(identity)) => handle(context(), identity).await,
            // Boxed, because other requests should not reserve memory for this.
            (Handler::Listing(handle), Some(identity)) => Box::pin(list(*handle, context(), identity)).await,
            (Handler::Public(handle), _) => handle(context()).await,
            (Handler::Document(answer), _) => Ok(answer(&self.documents)),
            (Handler::SignedIn(_) | Handler::Listing(_), None) => {
                Err(Failure::Internal(Internal::new("an operation that needs a caller was reached without one")).into())
            }
        }
    }

    /// Completes the response and writes the log.
    pub(crate) fn finish(&self, outcome: Result<Response, ApiError>, log: &RequestLog) -> Response {
        let mut response = outcome.unwrap_or_else(ApiError::into_response);
        log.write(&response, self.clock.monotonic().saturating_sub(log.started_at));
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, log.id.clone());
        // A response is for its caller alone, and is what its media type says.
        headers.insert(CACHE_CONTROL, NO_STORE);
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        rate_limit_headers::add(headers, &log.limits);
        if log.has_trailers {
            // hyper accepts trailers that others do not, so the rest of the connection is not trusted.
            headers.insert(CONNECTION, error::CLOSE);
        }
        response
    }

    /// The response to a malformed message or to a connection too many, logged, as bytes.
    pub(crate) fn refuse(&self, problem: Problem) -> Vec<u8> {
        let request_id = self.request_ids.generate();
        let row = problem.row();
        log::refusal(&request_id, error::status_of(row.kind).as_u16(), row.code);
        error::closing_message(problem, &request_id)
    }
}

impl Received {
    /// Checks the caller's rights again, after a wait.
    pub(crate) async fn confirm(&mut self) -> Result<(), ApiError> {
        if let Some(identity) = &mut self.identity
            && let Some(caller) = self.registry.app.confirm(&identity.caller).await?
        {
            identity.caller = caller;
        }
        Ok(())
    }
}

/// Handles a listing, once the caller has a slot for it. The response keeps the slot.
async fn list(
    handle: fn(RequestContext, Identity) -> HandlerFuture,
    context: RequestContext,
    mut identity: Identity,
) -> Result<Response, ApiError> {
    let slot = context.app.acquire_listing_slot(&identity.caller).await?;
    // The caller's rights may have ended during the wait.
    if let Some(caller) = context.app.confirm(&identity.caller).await? {
        identity.caller = caller;
    }
    let mut response = handle(context, identity).await?;
    response.body_mut().keep(slot);
    Ok(response)
}

/// Counts a request of a caller, and keeps what is left of the limits for the response.
fn admit(app: &App, caller: &Caller, log: &mut RequestLog) -> Result<ActiveCall, Failure> {
    log.user = Some(caller.user);
    let (left, admitted) = app.admit(caller);
    log.limits = left;
    admitted
}

/// What the audit log records about a request.
fn origin(caller: &Caller, address: IpAddr, id: &HeaderValue) -> Origin {
    let request_id = id.to_str().ok().map(Into::into);
    Origin { address: Some(address), request_id, ..Origin::new(Actor::User(caller.user)) }
}

async fn sign_in(app: &App, address: IpAddr, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let credentials = credentials::from_headers(headers)?;
    Ok(app.authenticate(address, credentials.user_name(), credentials.key()).await?)
}

/// Refuses a path of the original service's API that names another version.
fn check_version(path: &str) -> Result<(), Problem> {
    let Some(rest) = path.strip_prefix(BEFORE_VERSION) else { return Ok(()) };
    let version = rest.split('/').next().unwrap_or_default();
    if version.starts_with(['v', 'V']) && version != v1::VERSION { Err(Problem::InvalidApiVersion) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_one_passes_and_a_path_without_a_version_is_left_to_the_router() {
        for path in ["/rws/api/v1/customers", "/rws/api/v1", "/rws/api/", "/rws/x/v2", "/rws/api/customers"] {
            assert_eq!(check_version(path), Ok(()), "{path}");
        }
        for path in ["/rws/api/v2/customers", "/rws/api/v01/x", "/rws/api/vx/", "/rws/api/v", "/rws/api/V1/customers"] {
            assert_eq!(check_version(path), Err(Problem::InvalidApiVersion), "{path}");
        }
    }
}
