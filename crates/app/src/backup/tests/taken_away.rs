//! What was taken away since a backup stays taken away, whether the ledger knows it or the registry that is replaced.

use super::{Target, directory};
use crate::{
    backup::{
        BackupError, BackupFile, KnownLedger, Restored, TakenAway,
        ledger::{LedgerFile, read_ledger},
        restore,
    },
    vault::{
        BackupVault, MasterKey, Vault,
        tests::{Counting, REGISTRY},
    },
};
use carnelian_domain::{AccountId, AccountState, Actor, CustomerId, GroupId, Origin, Role, Timestamp, UserId};
use carnelian_store::{
    BackupCustomer, BackupErasure, BackupKey, BackupUser, DirectorySnapshot, ErasureState, GivenIds, GroupRecord,
    KeyKind, KeyRecord, Ledger, Record, RecordSink, UserRecord,
};
use std::sync::Arc;

const IDS: GivenIds = GivenIds { next_customer: 100, last_account: 2, last_group: 1, last_user: 3, last_erasure: 1 };

/// Two accounts in a group, three users with a key each, and three customers.
fn records(vault: &Vault) -> Vec<Record> {
    let account = |id| Record::Account {
        id,
        name: format!("account {id}"),
        state: AccountState::Active,
        created_at: 0,
        wrapped_key: vault.new_data_key(AccountId(id)),
    };
    let user = |id, account, role| {
        Record::User(BackupUser {
            id,
            name: Some(format!("user {id}")),
            account,
            group: Some(1),
            role,
            enabled: true,
            created_at: 0,
        })
    };
    let key = |user, account| {
        Record::Key(BackupKey {
            key_id: format!("k{user}"),
            user,
            account,
            digest: vec![user as u8],
            imported: false,
            label: None,
            created_at: 0,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            allowed: None,
        })
    };
    let customer = |id, account| {
        Record::Customer(BackupCustomer {
            id,
            account,
            name: format!("customer {id}"),
            unique_name: format!("customer {id}"),
            version: 1,
            ship_to_bill_address: false,
            created_at: 0,
            modified_at: 0,
            sealed: b"sealed".to_vec(),
        })
    };
    let erasure = Record::Erasure(BackupErasure {
        id: 1,
        account: 2,
        state: ErasureState::Waiting,
        requested_at: 0,
        requested_by: "server".into(),
        reason: None,
        due_at: 0,
        erased_at: None,
        customers: 0,
        users: 0,
        keys: 0,
        receipt: None,
    });
    vec![
        Record::Registry { key_proof: None, ids: IDS },
        account(1),
        account(2),
        Record::Group { id: 1, name: "west".into() },
        Record::Member { group: 1, account: 1 },
        Record::Member { group: 1, account: 2 },
        user(1, 1, Role::Operator),
        user(2, 1, Role::AccountAdmin),
        user(3, 2, Role::AccountReadOnly),
        key(1, 1),
        key(2, 1),
        key(3, 2),
        erasure,
        customer(1, 1),
        customer(2, 1),
        customer(3, 2),
    ]
}

/// What a registry with these records knows.
fn known(records: &[Record]) -> Ledger {
    let mut snapshot = directory(records);
    for record in records {
        match record {
            Record::Group { id, name } => {
                snapshot.groups.push(GroupRecord { id: GroupId(*id), name: name.clone(), accounts: Vec::new() });
            }
            Record::Member { account, .. } => snapshot.groups[0].accounts.push(AccountId(*account)),
            Record::User(user) => snapshot.users.push(UserRecord {
                id: UserId(user.id),
                name: user.name.clone(),
                account: AccountId(user.account),
                group: user.group.map(GroupId),
                role: user.role,
                enabled: user.enabled,
                created_at: Timestamp(user.created_at),
            }),
            Record::Key(key) => snapshot.keys.push(KeyRecord {
                key_id: key.key_id.clone(),
                user: UserId(key.user),
                digest: key.digest.clone(),
                kind: KeyKind::Issued,
                label: None,
                created_at: Timestamp(0),
                expires_at: None,
                revoked_at: None,
                last_used_at: None,
                allowed: Vec::new(),
            }),
            _ => {}
        }
    }
    Ledger { directory: snapshot, ids: IDS, erased_customers: Vec::new() }
}

/// What was restored.
struct Outcome {
    restored: Restored,
    records: Vec<Record>,
    /// What the audit log says, as action, object and fields.
    entries: Vec<String>,
}

impl Outcome {
    fn account(&self, id: u64) -> AccountState {
        let found = self.records.iter().find_map(|record| match record {
            Record::Account { id: found, state, .. } if *found == id => Some(*state),
            _ => None,
        });
        found.expect("every account leaves its id")
    }

    fn user(&self, id: u64) -> &BackupUser {
        let found = self.records.iter().find_map(|record| match record {
            Record::User(user) if user.id == id => Some(user),
            _ => None,
        });
        found.expect("every user leaves its id")
    }

    fn revoked_at(&self, key_id: &str) -> Option<i64> {
        let found = self.records.iter().find_map(|record| match record {
            Record::Key(key) if key.key_id == key_id => Some(key.revoked_at),
            _ => None,
        });
        found.expect("the key is there")
    }

    fn members(&self) -> Vec<u64> {
        let member = |record: &Record| match record {
            Record::Member { account, .. } => Some(*account),
            _ => None,
        };
        self.records.iter().filter_map(member).collect()
    }

    fn customers(&self) -> Vec<u64> {
        let customer = |record: &Record| match record {
            Record::Customer(customer) => Some(customer.id),
            _ => None,
        };
        self.records.iter().filter_map(customer).collect()
    }
}

/// Backs the records up, and restores them with a ledger and beside a registry that is replaced.
async fn restored(
    now: impl Fn(&mut Ledger),
    in_replaced: Option<&dyn Fn(&mut Ledger)>,
) -> Result<Outcome, BackupError> {
    let (master, entropy) = (MasterKey::from_bytes(&[7; 32]).expect("32 bytes"), Arc::new(Counting::default()));
    let (vault, keys) = (BackupVault::new(&master, REGISTRY), Vault::new(&master, REGISTRY, entropy.clone()));
    let records = records(&keys);
    let mut ledger = known(&records);
    let mut replaced = in_replaced.map(|_| known(&records));
    now(&mut ledger);
    if let (Some(replaced), Some(change)) = (&mut replaced, in_replaced) {
        change(replaced);
    }
    let (mut backup, mut ledger_file) = (Vec::new(), Vec::new());
    let mut file = BackupFile::begin(&mut backup, &vault, &*entropy).expect("is written");
    file.put(records).await.expect("is written");
    file.end().expect("is written");
    let mut file = LedgerFile::begin(&vault, &*entropy, &mut ledger_file).expect("is written");
    file.directory(&ledger.directory, ledger.ids).expect("is written");
    file.erased_customers(&ledger.erased_customers).expect("is written");
    file.end().expect("is written");
    let (registry, ledger) = read_ledger(&master, &mut &*ledger_file).expect("is whole");
    assert_eq!(registry, REGISTRY);
    let (target, origin) = (Target::default(), Origin::new(Actor::CommandLine));
    let replaced = replaced.as_ref().map(KnownLedger::from_registry);
    let restored = restore(&target, &vault, &ledger, replaced.as_ref(), &mut &*backup, &origin).await?;
    let entries = target.entries.into_inner().into_iter().map(|entry| {
        let entry: serde_json::Value = serde_json::from_str(&entry).expect("is JSON");
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let fields = entry["fields"].as_array().map(|fields| format!(" {}", serde_json::json!(fields)));
        format!("{} {}{}", text("action"), text("object"), fields.unwrap_or_default())
    });
    let entries: Vec<_> = entries.collect();
    assert_eq!(entries[0], "restore registry");
    Ok(Outcome { restored, records: target.records.into_inner(), entries: entries[1..].to_vec() })
}

/// Restores after a change that the ledger alone knows, that the replaced registry alone knows, and that both know, and
/// asserts the same of each.
async fn with_each_source(change: impl Fn(&mut Ledger), is_right: impl Fn(&Outcome)) {
    let nothing: &dyn Fn(&mut Ledger) = &|_| {};
    for outcome in [
        restored(&change, None).await,
        restored(&change, Some(nothing)).await,
        restored(|_| {}, Some(&change)).await,
        restored(&change, Some(&change)).await,
    ] {
        is_right(&outcome.expect("is restored"));
    }
}

fn user(ledger: &mut Ledger, id: u64) -> &mut UserRecord {
    ledger.directory.users.iter_mut().find(|user| user.id.0 == id).expect("is there")
}

#[tokio::test]
async fn what_was_not_taken_away_is_restored_unchanged() {
    with_each_source(
        |_| {},
        |outcome| {
            assert_eq!(outcome.restored.taken_away, TakenAway::default());
            assert!(outcome.entries.is_empty(), "{:?}", outcome.entries);
            assert_eq!(outcome.members(), [1, 2]);
            assert_eq!(outcome.customers(), [1, 2, 3]);
            for (id, role) in [(1, Role::Operator), (2, Role::AccountAdmin), (3, Role::AccountReadOnly)] {
                let user = outcome.user(id);
                assert_eq!((user.role, user.group, user.enabled), (role, Some(1), true));
                assert_eq!(outcome.revoked_at(&format!("k{id}")), None);
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_revoked_since_stays_revoked() {
    with_each_source(
        |known| known.directory.keys[1].revoked_at = Some(Timestamp(77)),
        |outcome| {
            assert_eq!(["k1", "k2", "k3"].map(|key| outcome.revoked_at(key)), [None, Some(77), None]);
            assert_eq!(outcome.restored.taken_away, TakenAway { keys: 1, ..TakenAway::default() });
            assert_eq!(outcome.entries, ["revoke_key key:k2"]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_user_disabled_since_stays_disabled() {
    with_each_source(
        |known| user(known, 2).enabled = false,
        |outcome| {
            assert_eq!([1, 2, 3].map(|id| outcome.user(id).enabled), [true, false, true]);
            assert_eq!(outcome.restored.taken_away, TakenAway { users: 1, ..TakenAway::default() });
            assert_eq!(outcome.entries, ["disable_user user:2"]);
        },
    )
    .await;
}

#[tokio::test]
async fn a_role_lowered_since_stays_low_and_one_that_was_raised_is_that_of_the_backup() {
    for lower in [Role::AccountAdmin, Role::AccountReadOnly] {
        with_each_source(
            |known| {
                user(known, 1).role = lower;
                user(known, 3).role = Role::Operator;
            },
            |outcome| {
                assert_eq!([1, 3].map(|id| outcome.user(id).role), [lower, Role::AccountReadOnly]);
                assert_eq!(outcome.restored.taken_away, TakenAway { roles: 1, ..TakenAway::default() });
                assert_eq!(outcome.entries, ["edit_user user:1 [\"role\"]"]);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_group_left_since_stays_left_by_users_and_accounts() {
    for group in [None, Some(GroupId(2))] {
        with_each_source(
            |known| {
                user(known, 2).group = group;
                known.directory.groups[0].accounts = vec![AccountId(1)];
            },
            |outcome| {
                assert_eq!([1, 2, 3].map(|id| outcome.user(id).group), [Some(1), None, Some(1)]);
                assert_eq!(outcome.members(), [1]);
                let lost = TakenAway { groups: 1, members: 1, ..TakenAway::default() };
                assert_eq!(outcome.restored.taken_away, lost);
                assert_eq!(outcome.entries, ["remove_from_group group:1", "edit_user user:2 [\"accountGroup\"]"]);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn an_account_erased_since_leaves_its_id_and_those_of_its_users() {
    let erase = |known: &mut Ledger| {
        let DirectorySnapshot { accounts, groups, users, keys, .. } = &mut known.directory;
        (accounts[1].state, accounts[1].wrapped_key) = (AccountState::Erased, Vec::new());
        groups[0].accounts.pop();
        (users[2].name, users[2].enabled, users[2].group) = (None, false, None);
        keys.pop();
    };
    with_each_source(erase, |outcome| {
        assert_eq!([1, 2].map(|id| outcome.account(id)), [AccountState::Active, AccountState::Erased]);
        assert_eq!((&outcome.user(3).name, outcome.user(3).enabled), (&None, false));
        assert_eq!(outcome.customers(), [1, 2]);
        assert_eq!(outcome.members(), [1]);
        assert_eq!((outcome.restored.accounts_left_out, outcome.restored.customers_left_out), (1, 1));
        let has = |what: fn(&Record) -> bool| outcome.records.iter().any(what);
        assert!(!has(|record| matches!(record, Record::Key(key) if key.user == 3)), "a key of the account");
        assert!(!has(|record| matches!(record, Record::Erasure(_))), "the erasure would be carried out again");
        assert_eq!(outcome.entries, ["erase_account account:2"]);
    })
    .await;
}

#[tokio::test]
async fn a_customer_erased_since_is_left_out_and_stays_known_as_erased() {
    with_each_source(
        |known| known.erased_customers = vec![CustomerId(2), CustomerId(50)],
        |outcome| {
            assert_eq!(outcome.customers(), [1, 3]);
            let erased = |record: &Record| match record {
                Record::ErasedCustomer { id } => Some(*id),
                _ => None,
            };
            assert_eq!(outcome.records.iter().filter_map(erased).collect::<Vec<_>>(), [2, 50]);
            assert_eq!(outcome.entries, ["erase_customer customer:2", "erase_customer customer:50"]);
        },
    )
    .await;
}

#[tokio::test]
async fn ids_given_since_are_not_given_again() {
    with_each_source(
        |known| {
            known.ids =
                GivenIds { next_customer: 900, last_account: 90, last_group: 91, last_user: 92, last_erasure: 93 };
        },
        |outcome| {
            let Record::Registry { ids, .. } = &outcome.records[0] else { panic!("it comes first") };
            let GivenIds { next_customer, last_account, last_group, last_user, last_erasure } = *ids;
            assert_eq!([next_customer, last_account, last_group, last_user, last_erasure], [900, 90, 91, 92, 93]);
        },
    )
    .await;
    let lower = restored(|known| known.ids = GivenIds::default(), None).await.expect("is restored");
    assert!(matches!(lower.records[0], Record::Registry { ids: IDS, .. }), "{:?}", lower.records[0]);
}

#[tokio::test]
async fn an_erasure_requested_since_is_told() {
    with_each_source(
        |known| known.directory.accounts[0].state = AccountState::ErasureInProgress,
        |outcome| {
            assert_eq!(outcome.restored.erasures_forgotten, [AccountId(1)]);
            assert_eq!(outcome.account(1), AccountState::Active);
        },
    )
    .await;
}

#[tokio::test]
async fn what_a_ledger_or_the_replaced_registry_has_never_known_is_restored_unless_it_cannot_be_opened() {
    let forget_user = |known: &mut Ledger| {
        known.directory.users.pop();
        known.directory.keys.clear();
        known.directory.groups.clear();
    };
    with_each_source(forget_user, |outcome| {
        assert_eq!(outcome.restored.taken_away, TakenAway::default());
        assert_eq!((outcome.user(3).enabled, outcome.members()), (true, vec![1, 2]));
    })
    .await;
    let forget_account = |known: &mut Ledger| drop(known.directory.accounts.pop());
    let unknown = restored(forget_account, None).await.map(drop);
    assert!(matches!(unknown, Err(BackupError::OldLedger(AccountId(2)))), "{unknown:?}");
    let lost = restored(|_| {}, Some(&forget_account)).await.expect("the ledger knows the account");
    assert_eq!((lost.account(2), lost.customers()), (AccountState::Active, vec![1, 2, 3]));
}
