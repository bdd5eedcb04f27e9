//! How a registry and its server are doing.

use super::{Admin, AdminError};
use crate::{erasure::ErasureState, host::HostStatus};
use carnelian_domain::{Action, Timestamp};
use carnelian_store::{EngineStatus, ErasureRecord};

/// How long an erasure may be due before it is overdue, in milliseconds: servers look for due ones every second.
const OVERDUE: i64 = 60 * 60 * 1000;

/// How a registry and its server are doing.
#[derive(Clone, Debug)]
pub struct RegistryStatus {
    /// When this was found out.
    pub at: Timestamp,
    /// The process and its machine.
    pub host: HostStatus,
    /// The engine.
    pub engine: EngineStatus,
    /// The erasures that have not ended.
    pub erasures: PendingErasures,
    /// When the newest backup was begun.
    pub newest_backup_at: Option<Timestamp>,
    /// When the newest ledger was written.
    pub newest_ledger_at: Option<Timestamp>,
}

/// The erasures that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingErasures {
    /// How many can still be cancelled.
    pub waiting: u64,
    /// How many are due or running.
    pub due: u64,
    /// How many of these have been due for more than an hour.
    pub overdue: u64,
    /// Since when the oldest of these has been due.
    pub oldest_due_at: Option<Timestamp>,
}

impl PendingErasures {
    fn count(erasures: &[ErasureRecord], now: Timestamp) -> PendingErasures {
        let is_pending = |state| !matches!(state, ErasureState::Receipted | ErasureState::Cancelled);
        let pending = erasures.iter().filter(|erasure| is_pending(erasure.state));
        let (due, waiting): (Vec<_>, Vec<_>) = pending.partition(|erasure| erasure.due_at <= now);
        let overdue = due.iter().filter(|erasure| now.0.saturating_sub(erasure.due_at.0) > OVERDUE);
        PendingErasures {
            waiting: waiting.len() as u64,
            overdue: overdue.count() as u64,
            oldest_due_at: due.iter().map(|erasure| erasure.due_at).min(),
            due: due.len() as u64,
        }
    }
}

impl Admin<'_> {
    /// How the registry and its server are doing.
    pub async fn status(&self) -> Result<RegistryStatus, AdminError> {
        let (store, at) = (&self.app.store, self.app.clock.now());
        Ok(RegistryStatus {
            at,
            host: self.app.host.status(),
            engine: store.engine_status().await?,
            erasures: PendingErasures::count(&store.erasures().await?, at),
            newest_backup_at: self.newest(Action::BackUp).await?,
            newest_ledger_at: self.newest(Action::WriteLedger).await?,
        })
    }

    /// Looks for damage of the store, as far as that is quick.
    pub async fn find_damage(&self) -> Result<Vec<String>, AdminError> {
        Ok(self.app.store.find_damage().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnelian_domain::{AccountId, ErasureId};

    fn erasure(state: ErasureState, due_at: i64) -> ErasureRecord {
        ErasureRecord {
            id: ErasureId(1),
            account: AccountId(1),
            state,
            requested_at: Timestamp(0),
            requested_by: "server".into(),
            reason: None,
            due_at: Timestamp(due_at),
            erased_at: None,
            customers: 0,
            users: 0,
            keys: 0,
            receipt: None,
        }
    }

    #[test]
    fn erasures_are_due_at_their_time_and_overdue_an_hour_later() {
        let now = 10 * OVERDUE;
        let erasures = [
            erasure(ErasureState::Waiting, now + 1),
            erasure(ErasureState::Waiting, now),
            erasure(ErasureState::Running, now - OVERDUE),
            erasure(ErasureState::Erased, now - OVERDUE - 1),
            erasure(ErasureState::Receipted, 0),
            erasure(ErasureState::Cancelled, 0),
        ];
        let expected =
            PendingErasures { waiting: 1, due: 3, overdue: 1, oldest_due_at: Some(Timestamp(now - OVERDUE - 1)) };
        assert_eq!(PendingErasures::count(&erasures, Timestamp(now)), expected);
        assert_eq!(PendingErasures::count(&[], Timestamp(now)), PendingErasures::default());
    }
}
