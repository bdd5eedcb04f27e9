//! Databases that are not as they should be, and databases that fail.

use crate::{database, open, open_in};
use carnelian_domain::{AccountId, Actor, Origin};
use carnelian_store::{
    Audit, Conflict, Customers, Directory, Engine, IdempotencyKey, ImportBatch, ImportRow, ImportStep, Imports,
    NewCustomer, PartitionId, Restores, Store, StoreError, contract::TestKeys,
};
use carnelian_store_postgres::{Database, Durability, OpenError, PostgresStore, UnsafeDatabase, migrate};
use std::sync::Arc;
use test_postgres::{Server, change_setting, run_sql};

static ORIGIN: Origin = Origin::new(Actor::Server);

async fn account(store: &PostgresStore) -> AccountId {
    let wrap = Arc::new(|_| b"wrapped".to_vec());
    store.create_account("acme".into(), wrap, &ORIGIN).await.expect("an account is created").id
}

async fn draft(store: &PostgresStore, account: AccountId, name: &str) -> NewCustomer {
    let mut ids = store.reserve_customer_ids(PartitionId::FIRST, 1).await.expect("an id is reserved");
    NewCustomer {
        id: ids.next().expect("one was reserved"),
        account,
        name: name.into(),
        unique_name: name.into(),
        ship_to_bill_address: false,
        sealed: vec![7; 40],
    }
}

/// An empty registry on a server of its own, whose settings a test may change.
async fn open_alone() -> (Server, String, PostgresStore) {
    let server = Server::start();
    let url = server.new_database();
    migrate(&database(&url), &TestKeys).await.expect("is prepared");
    let store = open_in(&url).await.expect("the registry opens");
    (server, url, store)
}

/// Runs a future until it ends, and meanwhile a statement until it prints `t`.
async fn meanwhile<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static, url: &str, sql: &str) -> T {
    let work = tokio::spawn(work);
    while !run_sql(url, sql).contains('t') {
        assert!(!work.is_finished(), "it ended before {sql}");
    }
    work.await.expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_opened_only_if_it_is_prepared_for_this_release() {
    let url = test_postgres::new_database();
    assert!(matches!(open_in(&url).await, Err(OpenError::NotPrepared)));
    let (one, two) = (database(&url), database(&url));
    let (one, two) = tokio::join!(migrate(&one, &TestKeys), migrate(&two, &TestKeys));
    one.and(two).expect("both find it prepared");
    let store = open_in(&url).await.expect("the registry opens");
    drop(store.begin_restore(carnelian_store::RegistryId([7; 16])).await.expect("begins"));
    assert!(matches!(open_in(&url).await, Err(OpenError::RestoreUnfinished)));
    run_sql(&url, "UPDATE registry SET restoring = FALSE; UPDATE schema SET version = 1000");
    open_in(&url).await.expect("a later schema that allows this release");
    run_sql(&url, "UPDATE schema SET oldest = 1000");
    let refused = open_in(&url).await.err().expect("the schema is for other releases");
    assert!(matches!(refused, OpenError::TooNew { found: 1000, oldest: 1000, .. }), "{refused}");
    assert!(migrate(&database(&url), &TestKeys).await.is_err(), "nothing migrates to an earlier schema");
    run_sql(&url, "UPDATE schema SET version = 0, oldest = 0");
    assert!(matches!(open_in(&url).await, Err(OpenError::TooOld { found: 0, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_could_lose_what_it_acknowledges_is_refused_at_the_start_and_later() {
    let (_server, url, store) = open_alone().await;
    let replicated = Database { durability: Durability::Replicated, ..database(&url) };
    let refused = migrate(&replicated, &TestKeys).await.expect_err("there is no standby");
    assert!(refused.to_string().contains("synchronous_standby_names"), "{refused}");
    store.directory_version().await.expect("is read");
    change_setting(&url, "fsync", "off");
    let Err(OpenError::Database(error)) = open_in(&url).await else { panic!("it opens") };
    assert_eq!(error.to_string(), UnsafeDatabase::NoSync.to_string());
    let error = store.directory_version().await.expect_err("a server looks again and again");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_engine_or_an_old_release_is_refused() {
    let url = test_postgres::new_database();
    migrate(&database(&url), &TestKeys).await.expect("is prepared");
    // The functions of the database itself are found last.
    run_sql(
        &url,
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET search_path = public, pg_catalog'; END $$",
    );
    let version = |text: &str| {
        let function =
            format!("CREATE OR REPLACE FUNCTION public.version() RETURNS TEXT LANGUAGE SQL AS $$ SELECT '{text}' $$");
        run_sql(&url, &function);
    };
    for engine in ["CockroachDB CCL v26.1.0", "PostgreSQL 15.12-YB-2025.2.0.0-b0 on x86_64-pc-linux-gnu"] {
        version(engine);
        let Err(OpenError::Database(error)) = open_in(&url).await else { panic!("{engine} is opened") };
        assert_eq!(error.to_string(), UnsafeDatabase::OtherEngine.to_string());
    }
    version("PostgreSQL 18.1");
    open_in(&url).await.expect("a newer release is opened");
    run_sql(
        &url,
        "CREATE FUNCTION public.current_setting(text) RETURNS TEXT LANGUAGE SQL AS
            $$ SELECT CASE $1 WHEN 'server_version_num' THEN '140018' ELSE pg_catalog.current_setting($1) END $$",
    );
    let Err(OpenError::Database(error)) = open_in(&url).await else { panic!("an old release is opened") };
    assert_eq!(error.to_string(), UnsafeDatabase::TooOld.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_wait_for_a_standby_is_cancelled_is_not_acknowledged() {
    let (_server, url, store) = open_alone().await;
    let account = account(&store).await;
    let new = draft(&store, account, "Jane").await;
    change_setting(&url, "synchronous_standby_names", "nobody");
    let store = Arc::new(store);
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let (writing, id) = (store.clone(), new.id);
    let write = async move { writing.create_customer(new, &ORIGIN, None).await };
    let error = meanwhile(write, &url, cancel).await.expect_err("the standby has nothing");
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    change_setting(&url, "synchronous_standby_names", "");
    assert!(store.customer(id).await.expect("the store can be read").is_some(), "what is unknown may have happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_write_promises_no_more_than_the_first_one_could() {
    let (_server, url, store) = open_alone().await;
    let account = account(&store).await;
    let (first, second) = (draft(&store, account, "Jane").await, draft(&store, account, "Jane").await);
    let key = IdempotencyKey { user: carnelian_domain::UserId(1), key: "once".into(), fingerprint: vec![7; 32] };
    change_setting(&url, "synchronous_standby_names", "nobody");
    let store = Arc::new(store);
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let create = |new: &NewCustomer| {
        let (store, new, key) = (store.clone(), new.clone(), key.clone());
        async move { store.create_customer(new, &ORIGIN, Some(key)).await }
    };
    let find = || {
        let (store, key) = (store.clone(), key.clone());
        async move { store.find_idempotent_write(&key).await }
    };
    meanwhile(create(&first), &url, cancel).await.expect_err("the standby has nothing");
    assert_eq!(run_sql(&url, "SELECT count(*) FROM idempotent_write"), "1", "the primary shows it all the same");
    let error = meanwhile(find(), &url, cancel).await.expect_err("the standby still has nothing");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let error = meanwhile(create(&second), &url, cancel).await.expect_err("the standby still has nothing");
    assert!(matches!(error, StoreError::Unknown(_)), "{error}");
    change_setting(&url, "synchronous_standby_names", "");
    let found = find().await.expect("no standby is waited for").expect("it was made");
    assert_eq!(found.id, first.id);
    assert_eq!(create(&second).await.expect("was made"), found);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_remembered_no_longer_are_removed_as_others_are_remembered() {
    let (url, store) = open().await;
    let account = account(&store).await;
    let add = |at: i64, count: usize| {
        let columns = "partition, user_id, key, fingerprint, customer_id, account_id, at, version";
        let rows = format!("SELECT 0, 1, 'at {at} ' || n, '', 1, 1, {at}, 1 FROM generate_series(1, {count}) AS g (n)");
        run_sql(&url, &format!("INSERT INTO idempotent_write ({columns}) {rows}"));
    };
    let forgotten_at = crate::StoppedClock::NOW.0 - IdempotencyKey::KEPT_MILLIS;
    add(forgotten_at, 30);
    add(forgotten_at + 1, 7);
    for number in 0..20 {
        let new = draft(&store, account, &format!("Name {number}")).await;
        let key =
            IdempotencyKey { user: carnelian_domain::UserId(1), key: number.to_string(), fingerprint: vec![7; 32] };
        store.create_customer(new, &ORIGIN, Some(key)).await.expect("is created");
        let kept = run_sql(&url, "SELECT count(*) FROM idempotent_write").parse::<i64>().expect("a number");
        assert_eq!(kept, 7 + number + 1 + (30 - 2 * (number + 1)).max(0), "two are removed with each that is added");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_continues_when_its_connections_are_lost() {
    let (url, store) = open().await;
    let account = account(&store).await;
    for name in ["One", "Two", "Three"] {
        let new = draft(&store, account, name).await;
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        run_sql(&url, terminate);
        store.create_customer(new.clone(), &ORIGIN, None).await.expect("nothing of the first attempt was kept");
        // A read on a connection that is about to end fails, and the next one has another connection.
        let mut reads = 0;
        while store.customer(new.id).await.is_err() {
            reads += 1;
            assert!(reads < 10, "reads do not recover");
        }
    }
    assert_eq!(store.audit_ends().await.expect("are read")[0].sequence, 4);
}

#[test]
fn reads_of_a_runtime_do_not_wait_for_a_runtime_that_stands_still() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (one, two) = (runtime(), runtime());
    let (_, store) = one.block_on(open());
    for runtime in [&one, &two, &one] {
        runtime.block_on(store.directory_version()).expect("is read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_statements_are_outdated_is_replaced() {
    let (url, store) = open().await;
    let account = account(&store).await;
    let new = draft(&store, account, "Jane").await;
    let id = new.id;
    store.create_customer(new, &ORIGIN, None).await.expect("is created");
    for _ in 0..4 {
        store.customer(id).await.expect("each reader has prepared the statement");
    }
    run_sql(&url, "ALTER TABLE customer ALTER COLUMN name TYPE VARCHAR(1000)");
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(store.customer(id).await.is_err());
    }
    assert!((1..=2).contains(&failed), "each of the two readers fails at most once: {failed}");
    let new = draft(&store, account, "John").await;
    store.create_customer(new, &ORIGIN, None).await.expect("is created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_makes_every_call_unavailable() {
    let (server, url, store) = open_alone().await;
    let account = account(&store).await;
    let new = draft(&store, account, "Jane").await;
    drop(server);
    let unavailable = |error: StoreError| assert!(!matches!(error, StoreError::Conflict(_)), "{error}");
    unavailable(store.create_customer(new.clone(), &ORIGIN, None).await.expect_err("it is gone"));
    unavailable(store.customer(new.id).await.expect_err("it is gone"));
    unavailable(store.directory_version().await.expect_err("it is gone"));
    let Err(OpenError::Database(_)) = open_in(&url).await else { panic!("it opens") };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_for_another_transaction_ends_before_its_caller_does() {
    let (url, store) = open().await;
    let account = account(&store).await;
    let new = draft(&store, account, "Jane").await;
    // Another server that stands still within a transaction.
    let hold = "BEGIN; SELECT 1 FROM partition FOR UPDATE; SELECT pg_sleep(60)";
    let holder = std::thread::spawn({
        let url = url.clone();
        move || test_postgres::try_sql(&url, hold)
    });
    while run_sql(&url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "0" {}
    let store = Arc::new(store);
    let writing = store.clone();
    let waits = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'
        AND EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock')";
    let written = meanwhile(async move { writing.create_customer(new, &ORIGIN, None).await }, &url, waits).await;
    written.expect("the other transaction has ended");
    assert!(holder.join().expect("it does not panic").is_err(), "it was ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_arrive_before_a_commit_share_the_next_one() {
    let (url, store) = open().await;
    let account = account(&store).await;
    let store = Arc::new(store);
    let mut news = Vec::new();
    for name in ["First", "Second", "Third", "Fourth"] {
        news.push(draft(&store, account, name).await);
    }
    let create = |new: NewCustomer| {
        let store = store.clone();
        tokio::spawn(async move { store.create_customer(new, &ORIGIN, None).await })
    };
    let holder = test_postgres::OpenTransaction::begin(&url, "LOCK TABLE partition IN EXCLUSIVE MODE");
    let mut writes = vec![create(news.remove(0))];
    while run_sql(&url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "0" {}
    writes.extend(news.drain(..).map(create));
    while store.engine_status().await.expect("is read").writes_waiting < 3 {
        assert!(!writes[0].is_finished(), "the others are not taken before the first one can be committed");
    }
    drop(holder);
    for write in writes {
        write.await.expect("it does not panic").expect("is created");
    }
    assert_eq!(run_sql(&url, "SELECT count(DISTINCT CAST(xmin AS TEXT)) FROM customer"), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_names_keys_states_and_one_audit_log() {
    let (url, one) = open().await;
    let two = open_in(&url).await.expect("another server opens it");
    let account = account(&one).await;
    let (mut calls, mut keyed) = (Vec::new(), Vec::new());
    let stores: [Arc<PostgresStore>; 2] = [Arc::new(one), Arc::new(two)];
    for number in 0..200 {
        for store in &stores {
            let mut new = draft(store, account, &format!("Name {number}")).await;
            let store = store.clone();
            if number % 2 == 0 {
                calls.push(tokio::spawn(async move { store.create_customer(new, &ORIGIN, None).await }));
            } else {
                new.name = format!("Keyed {number}");
                new.unique_name.clone_from(&new.name);
                let (user, fingerprint) = (carnelian_domain::UserId(1), vec![number as u8; 32]);
                let key = IdempotencyKey { user, key: format!("key {number}"), fingerprint };
                let call = async move { store.create_customer(new, &ORIGIN, Some(key)).await };
                keyed.push(tokio::spawn(call));
            }
        }
    }
    let mut created = 0;
    for call in calls {
        match call.await.expect("it does not panic") {
            Ok(_) => created += 1,
            Err(error) => assert!(matches!(error, StoreError::Conflict(Conflict::NameTaken)), "{error}"),
        }
    }
    let mut answers = Vec::new();
    for call in keyed {
        answers.push(call.await.expect("it does not panic").expect("one of two is made, and answers both"));
    }
    assert!(answers.chunks(2).all(|pair| pair[0] == pair[1]), "both have the same answer");
    assert_eq!(created, 100);

    let [one, two] = stores;
    one.request_erasure("acme".into(), 0, &ORIGIN).await.expect("is requested");
    let late = draft(&two, account, "Late").await;
    let refused = two.create_customer(late, &ORIGIN, None).await.expect_err("the account is being erased");
    assert!(matches!(refused, StoreError::Conflict(Conflict::ErasureInProgress)), "{refused}");
    assert_whole_log(&*one, 1 + 200 + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_an_import_that_are_sent_at_once_are_stored_in_their_order() {
    let (_, store) = open().await;
    let account = account(&store).await;
    let mut batches = Vec::new();
    for number in 0..20 {
        let new = draft(&store, account, &format!("Row {number}")).await;
        let step = Some(ImportStep { import: b"import".to_vec(), from: number, to: number + 1 });
        let rows = vec![(number, ImportRow::Customer { new, replace: None })];
        batches.push(store.import_customers(ImportBatch { rows, step }, &ORIGIN));
    }
    for outcomes in futures_util::future::join_all(batches).await {
        outcomes.expect("each follows the one before");
    }
    assert_eq!(store.import_progress(b"import").await.expect("is read").expect("is known").rows, 20);
}

/// Asserts that the audit log has this many entries, each linked to the one before.
async fn assert_whole_log(store: &dyn Store, entries: usize) {
    use carnelian_store::{AuditHead, contract::TestChain};
    let chain = TestChain(store.registry_id().await.expect("is read"));
    let log = store.audit_entries(PartitionId::FIRST, 0, 10_000).await.expect("is read");
    assert_eq!(log.len(), entries);
    let mut head = AuditHead::empty(PartitionId::FIRST);
    for stored in &log {
        head.append(&chain, stored.at, &stored.entry);
        assert_eq!((stored.sequence, &stored.link[..]), (head.sequence, &head.link[..]));
    }
    let newest = store.directory().await.expect("is read").newest;
    assert_eq!(store.audit_ends().await.expect("are read"), [head.end(&chain, &newest)]);
}
