//! Which registry a request meets: the one that is served, or, in a sandbox, the one that is served just then.

use crate::{
    published::Documents,
    routes,
    sandbox::{self, Control},
    server::Source,
};
use axum::Router;
use carnelian_app::App;
use std::{any::Any, ops::Deref, sync::Arc};

/// A registry as it is served. The router goes first and the place last, so that the registry is closed between them.
pub(crate) struct Serving {
    pub(crate) router: Router,
    pub(crate) app: Arc<App>,
    _place: Option<Box<dyn Any + Send + Sync>>,
}

impl Serving {
    pub(crate) fn new(app: Arc<App>, documents: Arc<Documents>, place: Option<Box<dyn Any + Send + Sync>>) -> Serving {
        Serving { router: routes::router(app.clone(), documents), app, _place: place }
    }
}

/// Everything that is served.
pub(crate) enum Served {
    /// One registry, for good.
    Registry(Serving),
    /// A sandbox: its registry of the moment, and its own routes.
    Sandbox(Arc<Control>, Router),
}

/// The registry that one request meets from its beginning to its end.
pub(crate) enum Met<'a> {
    Only(&'a Serving),
    OfTheMoment(Arc<Serving>),
}

impl Served {
    pub(crate) fn new(source: Source, documents: impl FnOnce(&App) -> Documents) -> Served {
        match source {
            Source::Registry(app) => {
                let documents = Arc::new(documents(&app));
                Served::Registry(Serving::new(app, documents, None))
            }
            Source::Sandbox(sandbox, first) => {
                let documents = Arc::new(documents(&first.app));
                let control = Arc::new(Control::new(sandbox, first, documents));
                Served::Sandbox(control.clone(), routes::sandbox_router(control))
            }
        }
    }

    pub(crate) fn meet(&self) -> Met<'_> {
        match self {
            Served::Registry(serving) => Met::Only(serving),
            Served::Sandbox(control, _) => Met::OfTheMoment(control.serving()),
        }
    }

    pub(crate) fn sandbox(&self) -> Option<&Control> {
        match self {
            Served::Registry(_) => None,
            Served::Sandbox(control, _) => Some(control),
        }
    }

    /// Whether a path is one of the sandbox's own, which only a sandbox has.
    pub(crate) fn is_of_sandbox(&self, path: &str) -> bool {
        matches!(self, Served::Sandbox(..)) && path.starts_with(sandbox::PATHS)
    }

    /// What answers a path.
    pub(crate) fn router<'a>(&'a self, serving: &'a Serving, path: &str) -> &'a Router {
        match self {
            Served::Sandbox(_, router) if path.starts_with(sandbox::PATHS) => router,
            Served::Registry(_) | Served::Sandbox(..) => &serving.router,
        }
    }
}

impl Deref for Met<'_> {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        match self {
            Met::Only(serving) => serving,
            Met::OfTheMoment(serving) => serving,
        }
    }
}
