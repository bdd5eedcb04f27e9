//! A group of customer writes in one transaction.
//!
//! ```text
//! names:  insert the new customers; a name that is taken refuses its row and no other
//! rows:   lock the customers that are edited or erased, change and delete them
//! log:    lock the audit log, look whether accounts, idempotency keys and rights are as expected, append the entries
//! commit
//! ```
//!
//! The begin is sent with the first statements. A group that only creates customers takes no other lock than that of the
//! log, so its names and its look are one round trip, and all of it is three.
//!
//! Until the log is locked, the group expects what is nearly always so: that accounts are active, that no write was made
//! under its idempotency keys, and that the directory has not changed since rights were confirmed. If the look finds
//! anything else, the group is rolled back and runs again with what was found. So all of it holds at the moment of the
//! commit, and nothing is locked for it.
//!
//! The lock of the log is itself part of the write-ahead log. So a group that only finds earlier writes under its keys
//! waits for the standbys like any other, and the answers promise what was promised before.
//!
//! Within a group new customers come first, then edits, then erasures. Arrays are sorted, so that two groups that wait for
//! each other's rows are rare; the database ends one of them, and it runs again.

//!
//! * [`piece`]: the writes that groups consist of
//! * [`outcome`]: how groups and their writes end
//! * [`customers`]: the customers that are created, edited and erased
//! * [`rows`]: customers as the arrays of columns that one statement writes
//! * [`look`]: what is expected under the lock of the log
//! * [`idempotency`]: remembering writes that were made under keys
//! * [`words`]: the words of names
//! * [`import`]: the part of a group that belongs to an import

mod customers;
mod idempotency;
pub(crate) mod import;
mod look;
mod outcome;
mod piece;
mod rows;
pub(crate) mod words;

pub(crate) use piece::{ImportPart, Piece, Write};

use crate::{
    core::{Core, PARTITION, PARTITION_NUMBER},
    session::{Done, Values},
    transaction::{LOCK_LOG, LockedLog, Transaction},
};
use carnelian_domain::Timestamp;
use carnelian_store::{NewCustomer, StoreError};
use customers::{Group, INSERT, LOCK};
use idempotency::remember;
use look::{Expected, Look};
use outcome::{Ended, GroupError, Outcome};
use rows::Rows;
use std::time::Duration;
use words::Words;

/// How often a group is run.
const TRIES: usize = 8;

/// How long a group is run again.
const PATIENCE: Duration = Duration::from_secs(5);

const NOTE_ERASED: &str = "
    INSERT INTO erased_customer (partition, id, purged)
    SELECT p.partition, t.id, FALSE FROM partition p, unnest($2::BIGINT[]) AS t (id) WHERE p.partition = $1";

/// Writes a group; returns the outcomes in the order of the pieces. Calls `before_commit` when only the commit remains.
pub(crate) async fn write(
    core: &Core,
    pieces: &[&Piece],
    import: Option<&ImportPart>,
    mut before_commit: impl FnMut(),
) -> Result<Vec<Outcome>, GroupError> {
    let (mut expected, began) = (Expected::default(), core.clock.monotonic());
    for _ in 0..TRIES {
        match run(core, pieces, import, &mut expected, &mut before_commit).await {
            Ok(outcomes) => return Ok(outcomes),
            Err(Ended::Again) if core.clock.monotonic().saturating_sub(began) < PATIENCE => {}
            Err(Ended::Again) => break,
            Err(Ended::Database(error)) => {
                let is_of_values = error.is_of_values();
                return Err(GroupError { error: error.into(), is_of_values });
            }
            Err(Ended::Store(error)) => return Err(GroupError { error, is_of_values: false }),
        }
    }
    Err(GroupError { error: StoreError::Busy, is_of_values: false })
}

/// Runs the transaction of a group once.
async fn run(
    core: &Core,
    pieces: &[&Piece],
    import: Option<&ImportPart>,
    expected: &mut Expected,
    before_commit: &mut impl FnMut(),
) -> Result<Vec<Outcome>, Ended> {
    let now = core.clock.now();
    let mut group = Group::new(now, pieces, expected);
    let creates = group.creates();
    let locked_ids = group.edited_and_erased();
    let mut sorted: Vec<&NewCustomer> = creates.iter().map(|create| create.new).collect();
    sorted.sort_by(|one, other| (one.account, &one.unique_name).cmp(&(other.account, &other.unique_name)));
    let words = Words::new(sorted.iter().map(|new| (new.id.0.cast_signed(), new.unique_name.as_str())));
    let rows = Rows::new(now, sorted);
    let (mut insert, lock): (Vec<_>, Values<'_>) = (rows.values().into(), &[&PARTITION_NUMBER, &locked_ids]);
    insert.extend_from_slice(&words.values()[1..]);
    let look = Look::new(now, &group.accounts, pieces);
    let looks = look.values();
    let mut statements: Vec<(&'static str, Values<'_>)> = Vec::new();
    if !creates.is_empty() {
        statements.push((INSERT, &insert));
    }
    if !locked_ids.is_empty() {
        statements.push((LOCK, lock));
    }
    let customers = statements.len();
    // Customers that are only created need no other lock, so the log is locked at once.
    let looks_at_once = locked_ids.is_empty() && import.is_none();
    if looks_at_once {
        statements.extend(looks.statements());
    }
    let (transaction, mut done) = begin(core, now, import, &statements).await?;
    let mut looked = done.split_off(customers);
    let locked = if locked_ids.is_empty() { None } else { done.pop() };
    group.note_locked(locked.as_ref());
    group.create(&transaction, creates, done.first()).await?;
    group.edit(&transaction).await?;
    group.erase(&transaction).await?;
    let look = if looks_at_once {
        look
    } else {
        let look = Look::new(now, &group.accounts, pieces);
        looked = transaction.run_all(&look.values().statements()).await?;
        look
    };
    let Group { outcomes, entries, erased, .. } = group;
    let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing_outcome)).collect();
    let mut log = LockedLog::new(core.audit_chain(), PARTITION, &looked)?;
    if !expected.holds(pieces, &look.accounts, &looked[LOCK_LOG.len()..])? {
        transaction.roll_back().await;
        return Err(Ended::Again);
    }

    for entry in entries {
        log.append(transaction.now, entry);
    }
    transaction.write_log(log).await?;
    if !erased.is_empty() {
        transaction.run(NOTE_ERASED, &[&PARTITION_NUMBER, &erased]).await?.must_count(erased.len())?;
    }
    if !look.keys.is_empty() {
        remember(&transaction, pieces, &outcomes, expected).await?;
    }
    if let Some(import) = import {
        import::note_refused(&transaction, import, &outcomes).await?;
    }
    before_commit();
    transaction.commit().await?;
    Ok(outcomes)
}

/// Begins the transaction of a group, and runs its first statements. The progress of an import comes before them.
async fn begin(
    core: &Core,
    now: Timestamp,
    import: Option<&ImportPart>,
    statements: &[(&'static str, Values<'_>)],
) -> Result<(Transaction, Vec<Done>), Ended> {
    let Some(import) = import else {
        return Ok(Transaction::begin_for_writer(&core.sessions, now, statements).await?);
    };
    let (transaction, _) = Transaction::begin_for_writer(&core.sessions, now, &[]).await?;
    if let Some(step) = &import.step {
        import::advance(&transaction, step).await?;
    }
    let done = transaction.run_all(statements).await?;
    Ok((transaction, done))
}

fn missing_outcome() -> Outcome {
    Err(StoreError::corrupt("a write has no outcome"))
}
