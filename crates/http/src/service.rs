//! What a server serves: a registry, or a sandbox.

use crate::{
    active_registry::{ActiveRegistry, Registry},
    body::BodyLimits,
    openapi::PublishedSetting,
    pipeline::Pipeline,
    published::Documents,
    response::Response,
    sandbox::{ConnectionCut, SandboxLayer},
    trusted_proxies::TrustedProxies,
};
use carnelian_app::{
    App,
    sandbox::{Registry as SandboxRegistry, Sandbox},
};
use carnelian_domain::Problem;
use hyper::{
    Request,
    body::{Body, Bytes},
};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// What there is to serve.
pub enum Source {
    /// A registry.
    Registry(Arc<App>),
    /// A sandbox and its first registry.
    Sandbox(Sandbox, SandboxRegistry),
}

/// The settings of a [`Service`].
pub struct ServiceSettings {
    /// The settings that the OpenAPI document shows.
    pub published: Vec<PublishedSetting>,
    /// The maximum size of a body.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// The proxies in front of the server.
    pub proxies: TrustedProxies,
}

/// Handles the requests of a server.
pub struct Service {
    pipeline: Pipeline,
    sandbox: Option<SandboxLayer>,
}

impl Service {
    /// Serves `source`.
    pub fn new(source: Source, settings: ServiceSettings) -> Service {
        let ServiceSettings { published, body_bytes, body_timeout, proxies } = settings;
        let (registry, sandbox) = match source {
            Source::Registry(app) => (Registry::new(app, None), None),
            Source::Sandbox(sandbox, first) => (Registry::new(first.app, Some(first.directory)), Some(sandbox)),
        };
        let (rules, clock) = (registry.app.rules().clone(), registry.app.shared_clock());
        let registry = Arc::new(ActiveRegistry::new(registry));
        let limits = BodyLimits { bytes: body_bytes, time: body_timeout };
        let pipeline = Pipeline::new(registry.clone(), Documents::new(rules, published), limits, proxies);
        Service { pipeline, sandbox: sandbox.map(|sandbox| SandboxLayer::new(sandbox, registry, clock)) }
    }

    /// Handles a request; only a sandbox closes the connection instead of responding.
    pub(crate) async fn handle<B>(&self, peer: IpAddr, request: Request<B>) -> Result<Response, ConnectionCut>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match &self.sandbox {
            None => Ok(self.pipeline.handle(peer, request).await),
            // Boxed, so that connections of a server without a sandbox do not reserve memory for it.
            Some(sandbox) => Box::pin(sandbox.handle(&self.pipeline, peer, request)).await,
        }
    }

    /// The response to a malformed message or to a connection too many, logged, as bytes.
    pub(crate) fn refuse(&self, problem: Problem) -> Vec<u8> {
        self.pipeline.refuse(problem)
    }
}
