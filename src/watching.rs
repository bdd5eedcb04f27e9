//! What a server does for a registry besides serving it: noticing what other processes change, erasing, and noting when
//! keys were last used and where the audit log ends.

use carnelian_app::App;
use std::{
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};

/// How often the server looks whether another process has changed accounts, groups, users or keys.
const DIRECTORY_INTERVAL: Duration = Duration::from_millis(200);

/// How often the server looks whether an erasure is due.
const ERASURE_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is noted when keys were last used.
const KEY_USES_INTERVAL: Duration = Duration::from_secs(60);

/// How often the head of the audit log is logged, so that it is noted outside of the registry.
const AUDIT_HEAD_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Begins all of it, for as long as the registry is served; dropping what is returned ends it too.
pub(crate) fn watch(app: &Arc<App>) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    watching.spawn(watch_directory(Arc::downgrade(app)));
    watching.spawn(erase_when_due(Arc::downgrade(app)));
    watching.spawn(watch_key_uses(Arc::downgrade(app)));
    watching.spawn(watch_audit_head(Arc::downgrade(app)));
    watching
}

pub(crate) fn every(time: Duration) -> Interval {
    let mut ticks = interval(time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Takes over what is changed.
async fn watch_directory(app: Weak<App>) {
    let mut ticks = every(DIRECTORY_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else { return };
        if let Err(error) = app.refresh_directory().await {
            tracing::warn!(%error, "accounts, groups, users and keys could not be looked at");
        }
    }
}

/// Carries out erasures, and retries an interrupted one every second.
async fn erase_when_due(app: Weak<App>) {
    let mut ticks = every(ERASURE_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else { return };
        if let Err(failure) = app.run_erasures().await {
            tracing::warn!(?failure, "an erasure was interrupted; retrying in a second");
        }
    }
}

/// Notes when keys were last used, again and again.
async fn watch_key_uses(app: Weak<App>) {
    let mut ticks = every(KEY_USES_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else { return };
        note_key_uses(&app).await;
    }
}

/// Logs the head of the audit log at once, and again and again.
async fn watch_audit_head(app: Weak<App>) {
    let mut ticks = every(AUDIT_HEAD_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else { return };
        log_audit_heads(&app).await;
    }
}

/// Logs the head of the audit log, as `audit verify --expect` takes it.
pub(crate) async fn log_audit_heads(app: &App) {
    match app.audit_heads().await {
        Ok(heads) => heads.iter().for_each(|head| tracing::info!(%head, "the head of the audit log")),
        Err(error) => tracing::warn!(%error, "the head of the audit log could not be read"),
    }
}

/// Notes when keys were last used, as far as it has not been noted.
pub(crate) async fn note_key_uses(app: &App) {
    if let Err(error) = app.write_key_uses().await {
        tracing::warn!(%error, "it could not be noted when keys were last used");
    }
}
