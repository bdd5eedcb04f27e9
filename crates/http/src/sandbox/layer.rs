//! A layer around the pipeline: handles a sandbox's own requests, and injects faults into the others.

use super::{
    clock,
    control::{Control, ControlRequest},
    faults, reset,
};
use crate::{
    active_registry::ActiveRegistry,
    body::BodyUse,
    error::ApiError,
    framing,
    handlers::HandlerFuture,
    log::RequestLog,
    pipeline::{Pipeline, Received},
    response::Response,
    router::Router,
    routes::{RWS_PREFIX, Route, SANDBOX_PREFIX, SANDBOX_ROUTES, normalized},
};
use carnelian_app::{
    Clock, Failure,
    failure::Internal,
    sandbox::{Sandbox, faults::FaultKind},
};
use carnelian_domain::Problem;
use hyper::{
    Request,
    body::{Body, Bytes},
};
use std::{fmt, net::IpAddr, sync::Arc};

type ControlHandler = fn(ControlRequest) -> HandlerFuture;

/// The connection is closed without a response, because a fault asks for it.
#[derive(Debug)]
pub(crate) struct ConnectionCut;

impl fmt::Display for ConnectionCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault of the sandbox closes this connection")
    }
}

impl std::error::Error for ConnectionCut {}

/// What a sandbox adds to the pipeline.
pub(crate) struct SandboxLayer {
    control: Arc<Control>,
    router: Router<ControlHandler>,
}

impl SandboxLayer {
    pub(crate) fn new(sandbox: Sandbox, registry: Arc<ActiveRegistry>, clock: Arc<dyn Clock>) -> SandboxLayer {
        let control = Arc::new(Control::new(sandbox, registry, clock));
        SandboxLayer { control, router: Router::new(SANDBOX_ROUTES.iter().map(|route| (route, handler_of(route)))) }
    }

    /// Handles a request.
    pub(crate) async fn handle<B>(
        &self,
        pipeline: &Pipeline,
        peer: IpAddr,
        request: Request<B>,
    ) -> Result<Response, ConnectionCut>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut log = pipeline.begin(&request);
        if request.uri().path().starts_with(SANDBOX_PREFIX) {
            let outcome = self.handle_control(pipeline, request, &mut log).await;
            return Ok(pipeline.finish(outcome, &log));
        }
        let mut fault = None;
        let outcome = match pipeline.receive(peer, request, &mut log).await {
            Ok(mut received) => {
                fault = self.next_fault(&received).await;
                log.fault = fault.map(faults::name);
                match inject(fault, &mut received).await {
                    Ok(()) => pipeline.respond(received, &mut log).await,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        let response = pipeline.finish(outcome, &log);
        let is_cut = matches!(fault, Some(FaultKind::CutBefore | FaultKind::CutAfter));
        if is_cut { Err(ConnectionCut) } else { Ok(response) }
    }

    /// Handles a request to the sandbox's own operations.
    async fn handle_control<B>(
        &self,
        pipeline: &Pipeline,
        request: Request<B>,
        log: &mut RequestLog,
    ) -> Result<Response, ApiError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (head, body) = request.into_parts();
        framing::check(&head)?;
        let body = pipeline.read_body(body, &head.headers, BodyUse::Keep, log).await?;
        let (resource, _) = self.router.find(head.uri.path()).ok_or(Problem::NotFound)?;
        log.route = Some(resource.template);
        let Some((_, handle)) = resource.handler(&head.method) else { return Ok(resource.method_not_allowed()) };
        handle(ControlRequest { control: self.control.clone(), headers: head.headers, body }).await
    }

    async fn next_fault(&self, received: &Received) -> Option<FaultKind> {
        let (method, path) = (received.head.method.as_str(), normalized(received.head.uri.path()));
        if path.starts_with(RWS_PREFIX) { self.control.next_fault(method, &path).await } else { None }
    }
}

/// Fails a request if its fault asks for it.
async fn inject(fault: Option<FaultKind>, received: &mut Received) -> Result<(), ApiError> {
    let internal = || Internal::new("a fault injected by the sandbox");
    match fault {
        None | Some(FaultKind::CutAfter) => Ok(()),
        // The caller's rights may have ended during the delay.
        Some(FaultKind::Delay(_)) => received.confirm().await,
        Some(FaultKind::RateLimit) => Err(Problem::RateLimitExceeded.into()),
        Some(FaultKind::ErasureInProgress) => Err(Problem::ErasureInProgress.into()),
        Some(FaultKind::ServerError) => Err(Failure::Internal(internal()).into()),
        Some(FaultKind::Unavailable | FaultKind::CutBefore) => Err(Failure::Unavailable(internal()).into()),
    }
}

fn handler_of(route: &Route) -> ControlHandler {
    match route.operation {
        "reset" => |request| Box::pin(reset::reset(request)),
        "get_clock" => |request| Box::pin(clock::get_clock(request)),
        "set_clock" => |request| Box::pin(clock::set_clock(request)),
        "reset_clock" => |request| Box::pin(clock::reset_clock(request)),
        "list_faults" => |request| Box::pin(faults::list_faults(request)),
        "add_fault" => |request| Box::pin(faults::add_fault(request)),
        "clear_faults" => |request| Box::pin(faults::clear_faults(request)),
        other => unreachable!("a test checks that every operation has a handler: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_handler() {
        for route in SANDBOX_ROUTES {
            let _ = handler_of(route);
        }
    }
}
