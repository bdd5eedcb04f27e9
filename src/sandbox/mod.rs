//! `carnelian serve --sandbox`: registries that are made from a seed, as often as asked for.
//!
//! * [`seed`], [`checking`]: what a registry begins with
//! * [`place`]: where registries are kept

mod checking;
mod place;
mod seed;

pub(crate) use place::{is_marked, registry_of};
pub(crate) use seed::{Seed, SeedUser};

use crate::{
    Refusal,
    config::Settings,
    watching::watch,
    wiring::{self, Purpose},
};
use carnelian_app::{
    failure::Internal,
    sandbox::{Making, Planted, Registry, Sandbox, clock::SandboxClock},
};
use place::{Home, Place, Temporary};
use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Told when a registry has failed for good.
pub(crate) type TellFailure = Arc<dyn Fn(String) + Send + Sync>;

/// The defaults of a sandbox: no place of its own is a place for this run.
pub(crate) fn defaults() -> Settings {
    Settings { data: PathBuf::new(), ..Settings::default() }
}

/// A sandbox that is about to be served.
pub(crate) struct Prepared {
    /// What it can do.
    pub(crate) sandbox: Sandbox,
    /// The registry that it begins with.
    pub(crate) first: Registry,
    /// Where it keeps its data.
    pub(crate) root: PathBuf,
    /// Whether an earlier run has left its registry.
    pub(crate) is_old: bool,
    /// To be dropped when everything else has ended.
    pub(crate) last: Box<dyn Any>,
}

/// How registries are made.
struct Maker {
    seed: Arc<Seed>,
    settings: Settings,
    clock: Arc<SandboxClock>,
    place: Arc<Place>,
    tell_failure: TellFailure,
}

/// Reads the seed that is asked for.
pub(crate) fn read_seed(path: Option<&Path>, settings: &Settings) -> Result<Seed, Refusal> {
    path.map_or_else(|| Ok(Seed::usual()), |path| Seed::read(path, &wiring::rules(settings)))
}

/// Makes the first registry, or opens the one that an earlier run has left.
pub(crate) async fn prepare(
    seed: Arc<Seed>,
    settings: &Settings,
    tell_failure: TellFailure,
) -> Result<Prepared, Refusal> {
    let is_given = !settings.data.as_os_str().is_empty();
    let (place, temporary): (_, Option<Temporary>) = if is_given {
        (Place::given(&settings.data)?, None)
    } else {
        let (place, temporary) = Place::temporary().map_err(Refusal::refused)?;
        (place, Some(temporary))
    };
    let root = place.root().to_owned();
    let clock = Arc::new(SandboxClock::new(wiring::system_clock()));
    let maker = Maker { seed, settings: settings.clone(), clock: clock.clone(), place: Arc::new(place), tell_failure };
    let maker = Arc::new(maker);
    let left = maker.place.home();
    let is_old = left.is_some();
    let first = match left {
        Some(home) => maker.open(home, None).await,
        None => maker.make().await,
    };
    let first = first.map_err(Refusal::refused)?;
    let make = move || -> Making {
        let maker = maker.clone();
        Box::pin(async move { maker.make().await.map_err(Internal::new) })
    };
    Ok(Prepared { sandbox: Sandbox::new(clock, make), first, root, is_old, last: Box::new(temporary) })
}

impl Maker {
    /// Makes a registry from the seed, which counts from then on.
    async fn make(&self) -> Result<Registry, String> {
        let home = self.place.new_home().map_err(|error| error.to_string())?;
        self.open(home, Some(&self.seed)).await
    }

    async fn open(&self, home: Home, seed: Option<&Seed>) -> Result<Registry, String> {
        let home = Arc::new(home);
        let settings = Settings { data: home.path(), ..self.settings.clone() };
        let (tell_failure, failing) = (self.tell_failure.clone(), Arc::downgrade(&home));
        let on_failure = Box::new(move |why| {
            // What happens to a registry that counts no more concerns nobody.
            if failing.upgrade().is_some_and(|home| home.counts()) {
                tell_failure(why);
            }
        });
        let opened = wiring::open_app(&settings, Purpose::Sandbox, self.clock.clone(), on_failure).await;
        let app = opened.map_err(|refusal| refusal.why().to_owned())?;
        let mut planted = Planted::default();
        if let Some(seed) = seed {
            planted = seed.plant(&app).await?;
            home.settle().map_err(|error| error.to_string())?;
        }
        // It ends with the registry.
        watch(&app).detach_all();
        Ok(Registry { app, planted, place: Box::new(home) })
    }
}
