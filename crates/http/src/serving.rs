//! Which registry a request meets: the one that is served just then.
//!
//! Another one can take its place, under connections that stay open: a sandbox starts over that way, and a restored
//! registry is served that way. A request keeps the registry that it has met to its end.

use crate::{
    openapi::PublishedSetting,
    published::Documents,
    request_id::RequestIds,
    routes::Routes,
    sandbox::{self, Control},
};
use arc_swap::ArcSwapOption;
use carnelian_app::{
    App, Clock,
    sandbox::{Registry, Sandbox},
};
use std::{any::Any, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// How long a request waits while one registry takes the place of another, before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// What there is to serve.
pub enum Source {
    /// A registry.
    Registry(Arc<App>),
    /// A sandbox, beginning with this registry.
    Sandbox(Sandbox, Registry),
}

/// Where a registry is kept; dropped once nobody uses the registry any more.
type Place = Box<dyn Any + Send + Sync>;

/// A registry as it is served. The routes go first and the place last, so that the registry is closed between them.
pub(crate) struct Serving {
    pub(crate) routes: Routes,
    pub(crate) app: Arc<App>,
    _place: Option<Place>,
    /// Closed when the last request that has met the registry is done.
    in_use: watch::Sender<()>,
}

/// The registry of the moment; none while another one takes its place.
pub(crate) struct Current {
    serving: ArcSwapOption<Serving>,
    /// Told when there is one again, or when there will be none.
    changed: Notify,
    documents: Arc<Documents>,
}

impl Current {
    fn new(documents: Arc<Documents>) -> Current {
        Current { serving: ArcSwapOption::empty(), changed: Notify::new(), documents }
    }

    /// Lets every request that begins from now on meet this registry.
    pub(crate) fn serve(&self, app: Arc<App>, place: Option<Place>) {
        let routes = Routes::of_registry(app.clone(), self.documents.clone());
        let serving = Serving { routes, app, _place: place, in_use: watch::Sender::new(()) };
        self.serving.store(Some(Arc::new(serving)));
        self.changed.notify_waiters();
    }

    /// The registry that a request meets; waits for it, but not for ever.
    async fn meet(&self) -> Option<Arc<Serving>> {
        match self.serving.load_full() {
            // In a box, so that no request that need not wait takes memory for it.
            None => Box::pin(timeout(PATIENCE, self.wait())).await.ok().flatten(),
            serving => serving,
        }
    }

    async fn wait(&self) -> Option<Arc<Serving>> {
        let mut changed = pin!(self.changed.notified());
        changed.as_mut().enable();
        if let Some(serving) = self.serving.load_full() {
            return Some(serving);
        }
        changed.await;
        self.serving.load_full()
    }

    async fn withdraw(&self, patience: Duration) {
        let Some(serving) = self.serving.swap(None) else { return };
        let mut in_use = serving.in_use.subscribe();
        drop(serving);
        // Nothing is ever sent: this waits until it is closed.
        let _ = timeout(patience, in_use.changed()).await;
    }
}

/// Everything that is served.
pub struct Served {
    current: Arc<Current>,
    sandbox: Option<OfSandbox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) request_ids: RequestIds,
}

/// What a sandbox serves besides its registry.
struct OfSandbox {
    control: Arc<Control>,
    routes: Routes,
}

impl Served {
    /// Serves a registry or a sandbox; `published` are the settings that the published interface shows.
    pub fn new(source: Source, published: Vec<PublishedSetting>) -> Served {
        let (app, place, sandbox) = match source {
            Source::Registry(app) => (app, None, None),
            Source::Sandbox(sandbox, first) => (first.app, Some(first.place), Some(sandbox)),
        };
        let (clock, request_ids) = (app.shared_clock(), RequestIds::new(app.entropy()));
        let current = Arc::new(Current::new(Arc::new(Documents::new(app.rules().clone(), published))));
        current.serve(app, place);
        let sandbox = sandbox.map(|sandbox| {
            let control = Arc::new(Control::new(sandbox, current.clone(), clock.clone()));
            OfSandbox { routes: Routes::of_sandbox(&control), control }
        });
        Served { current, sandbox, clock, request_ids }
    }

    /// Serves another registry from now on.
    pub fn serve(&self, app: Arc<App>) {
        self.current.serve(app, None);
    }

    /// Serves nothing for the moment: whoever comes now waits. Those who are being served have so long to end.
    pub async fn withdraw(&self, patience: Duration) {
        self.current.withdraw(patience).await;
    }

    /// Lets nobody wait any longer for what will not come.
    pub fn give_up(&self) {
        self.current.changed.notify_waiters();
    }

    /// The registry that is served just then.
    pub fn app(&self) -> Option<Arc<App>> {
        self.current.serving.load().as_ref().map(|serving| serving.app.clone())
    }

    pub(crate) async fn meet(&self) -> Option<Arc<Serving>> {
        self.current.meet().await
    }

    pub(crate) fn sandbox(&self) -> Option<&Control> {
        self.sandbox.as_ref().map(|sandbox| &*sandbox.control)
    }

    /// Whether a path is one of the sandbox's own, which only a sandbox has.
    pub(crate) fn is_of_sandbox(&self, path: &str) -> bool {
        self.sandbox.is_some() && path.starts_with(sandbox::PATHS)
    }

    /// What answers a path.
    pub(crate) fn routes<'a>(&'a self, serving: &'a Serving, path: &str) -> &'a Routes {
        match &self.sandbox {
            Some(sandbox) if path.starts_with(sandbox::PATHS) => &sandbox.routes,
            _ => &serving.routes,
        }
    }
}
