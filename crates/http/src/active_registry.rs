//! The registry that new requests use.
//!
//! A sandbox that is reset replaces it while connections stay open. A request keeps the registry that it acquired until it
//! ends, and a replaced registry is closed when the last of its requests has ended.

use arc_swap::ArcSwap;
use carnelian_app::App;
use std::{any::Any, sync::Arc};

/// What must outlive a registry, such as its temporary directory.
pub(crate) type Storage = Box<dyn Any + Send + Sync>;

/// A registry that is served. The fields are dropped in this order: the registry is closed before its storage goes.
pub(crate) struct Registry {
    pub(crate) app: Arc<App>,
    _storage: Option<Storage>,
}

impl Registry {
    pub(crate) fn new(app: Arc<App>, storage: Option<Storage>) -> Registry {
        Registry { app, _storage: storage }
    }
}

/// The registry that new requests use.
pub(crate) struct ActiveRegistry(ArcSwap<Registry>);

impl ActiveRegistry {
    pub(crate) fn new(registry: Registry) -> ActiveRegistry {
        ActiveRegistry(ArcSwap::from_pointee(registry))
    }

    /// The registry for one request.
    pub(crate) fn acquire(&self) -> Arc<Registry> {
        self.0.load_full()
    }

    /// Replaces the registry for all requests that start from now on.
    pub(crate) fn replace(&self, registry: Registry) {
        self.0.store(Arc::new(registry));
    }
}
