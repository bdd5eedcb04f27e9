//! The succession: a restored registry takes the place of the one that is served, in the same process and under
//! connections that stay open.
//!
//! Requests under way end in the old registry, and others wait for the new one. Between them nobody has either open.

use crate::{
    Refusal,
    sandbox::TellFailure,
    watching::{every, watch},
    wiring::{Opened, Opener},
};
use carnelian_http::Served;
use carnelian_store_sqlite::{SqliteStore, Succession};
use std::{sync::Arc, time::Duration};
use tokio::task::{JoinSet, spawn_blocking};

/// How often the server looks whether a restored registry waits.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long requests under way may take. Later ones find the old registry closed.
const GRACE: Duration = Duration::from_secs(2);

/// The registry that is served, and what it takes to serve another one in its place.
pub(crate) struct Reign {
    opener: Opener,
    served: Arc<Served>,
    tell_failure: TellFailure,
    store: Arc<SqliteStore>,
    watching: JoinSet<()>,
}

impl Reign {
    /// Begins with a registry that is served.
    pub(crate) fn new(opener: Opener, served: Arc<Served>, tell_failure: TellFailure, first: Opened) -> Reign {
        Reign { opener, served, tell_failure, store: first.store, watching: watch(&first.app) }
    }

    /// Serves every restored registry in the place of the one before, until that fails: then only a new start can.
    pub(crate) async fn go_on(mut self) {
        let (mut ticks, mut is_told) = (every(INTERVAL), false);
        loop {
            ticks.tick().await;
            if !self.opener.restore_waits() {
                is_told = false;
                continue;
            }
            match self.ask().await {
                Ok(Some(succession)) => {
                    tracing::info!("a restored registry takes the place of the one that is served");
                    if let Err(refusal) = self.succeed(succession).await {
                        return self.fail(refusal.why());
                    }
                    tracing::info!("the restored registry is served");
                }
                Ok(None) if !is_told => {
                    tracing::info!("a restored registry waits until no command has the one open that is served");
                    is_told = true;
                }
                Ok(None) => {}
                Err(refusal) => tracing::warn!(why = refusal.why(), "a restored registry cannot take its place yet"),
            }
        }
    }

    async fn ask(&self) -> Result<Option<Succession>, Refusal> {
        let store = self.store.clone();
        let asked = spawn_blocking(move || store.succession()).await;
        asked.map_err(Refusal::refused)?.map_err(Refusal::refused)
    }

    async fn succeed(&mut self, succession: Succession) -> Result<(), Refusal> {
        self.served.withdraw(GRACE).await;
        self.watching.shutdown().await;
        let store = self.store.clone();
        let claim = spawn_blocking(move || store.close(succession)).await.map_err(Refusal::refused)?;
        let claim = claim.ok_or_else(|| Refusal::refused("the registry was closed before"))?;
        let tell_failure = self.tell_failure.clone();
        let Opened { app, store } = self.opener.open_claimed(claim, Box::new(move |why| tell_failure(why))).await?;
        self.opener.note_settings(&app).await?;
        (self.store, self.watching) = (store, watch(&app));
        self.served.serve(app);
        Ok(())
    }

    fn fail(&self, why: &str) {
        self.served.give_up();
        (self.tell_failure)(format!("the restored registry cannot be served: {why}"));
    }
}
