//! What a server does for a registry besides serving it: noticing what other processes change, erasing, and noting when
//! keys were last used and where the audit log ends, and indexing it.

use carnelian_app::App;
use std::{
    future::Future,
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

/// How often the server verifies accounts, groups, users and keys, although their version has not changed.
const SEAL_INTERVAL: Duration = Duration::from_secs(60);

/// How often the head of the audit log is logged, so that it is noted outside of the registry.
const AUDIT_HEAD_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How often full blocks of the audit log are added to the index that searches use. Under full load some ten are filled
/// meanwhile.
const AUDIT_INDEX_INTERVAL: Duration = Duration::from_millis(500);

/// Begins all of it, for as long as the registry is served; dropping what is returned ends it too.
pub(crate) fn watch(app: &Arc<App>) -> JoinSet<()> {
    let mut watching = JoinSet::new();
    watching.spawn(repeat(Arc::downgrade(app), DIRECTORY_INTERVAL, refresh_directory));
    watching.spawn(repeat(Arc::downgrade(app), ERASURE_INTERVAL, run_erasures));
    watching.spawn(repeat(Arc::downgrade(app), KEY_USES_INTERVAL, async |app| note_key_uses(&app).await));
    watching.spawn(repeat(Arc::downgrade(app), AUDIT_HEAD_INTERVAL, async |app| log_audit_heads(&app).await));
    watching.spawn(repeat(Arc::downgrade(app), AUDIT_INDEX_INTERVAL, index_audit));
    watching.spawn(repeat(Arc::downgrade(app), SEAL_INTERVAL, verify_directory));
    watching
}

pub(crate) fn every(time: Duration) -> Interval {
    let mut ticks = interval(time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Does some work at once, and again and again, for as long as `owner` is there.
pub(crate) async fn repeat<T, Work: Future<Output = ()>>(
    owner: Weak<T>,
    time: Duration,
    work: impl Fn(Arc<T>) -> Work,
) {
    let mut ticks = every(time);
    loop {
        ticks.tick().await;
        let Some(owner) = owner.upgrade() else { return };
        work(owner).await;
    }
}

/// Takes over what is changed.
async fn refresh_directory(app: Arc<App>) {
    if let Err(error) = app.refresh_directory().await {
        tracing::warn!(%error, "accounts, groups, users and keys could not be looked at");
    }
}

/// Indexes the audit log, as far as it is not indexed.
async fn index_audit(app: Arc<App>) {
    if let Err(error) = app.index_audit().await {
        tracing::warn!(%error, "the audit log could not be indexed; searches take longer");
    }
}

/// Verifies that accounts, groups, users and keys were not altered outside of the program.
async fn verify_directory(app: Arc<App>) {
    if let Err(error) = app.verify_directory().await {
        tracing::warn!(%error, "accounts, groups, users and keys could not be verified");
    }
}

/// Carries out erasures; an interrupted one is retried the next time.
async fn run_erasures(app: Arc<App>) {
    if let Err(failure) = app.run_erasures().await {
        tracing::warn!(?failure, "an erasure was interrupted; retrying in a second");
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::{pause, sleep};

    #[tokio::test]
    async fn work_at_an_interval_is_done_again_and_again_until_its_owner_is_gone() {
        pause();
        for time in [DIRECTORY_INTERVAL, AUDIT_INDEX_INTERVAL, ERASURE_INTERVAL, KEY_USES_INTERVAL, AUDIT_HEAD_INTERVAL]
        {
            let times = Arc::new(AtomicUsize::new(0));
            let count = async |times: Arc<AtomicUsize>| {
                times.fetch_add(1, Ordering::Relaxed);
            };
            let repeated = tokio::spawn(repeat(Arc::downgrade(&times), time, count));
            // The clock is paused: it advances to the next moment that a task waits for.
            sleep(time / 2).await;
            for expected in 1..=5 {
                assert_eq!(times.load(Ordering::Relaxed), expected, "every {time:?}");
                sleep(time).await;
            }
            drop(times);
            repeated.await.expect("ends with its owner");
        }
    }
}
