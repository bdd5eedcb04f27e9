//! That the tests of this module can fail: losses that PostgreSQL or a proxy causes are reported.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use blackbox::{sample, wait};
use chaos::checker::{self, Stored};
use chaos::test_registry::judge;
use chaos::{Load, Model, Random, TestRegistry, Violation};
use test_postgres::proxy::{Fault, Point, Proxy};
use test_postgres::{Server as Postgres, change_setting, new_database, run_sql};

use super::acknowledged;

/// How a load ends whose commits wait for a standby that never comes, and are cancelled.
struct Cancelled {
    acknowledged: usize,
    violations: Vec<Violation>,
}

/// Loads a server while each wait for a standby is cancelled, then judges a copy of the database that was made before, as
/// a standby that is promoted would be.
fn cancel_waits(hide_warnings: bool) -> Cancelled {
    let mut random = Random::of_test("cancelled waits for a standby");
    let postgres = Postgres::start();
    let url = postgres.new_database();
    let registry = TestRegistry::in_database_at(&url);
    let backends = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'carnelian'";
    wait::until("nothing is connected", wait::PATIENCE, || (run_sql(&url, backends) == "0").then_some(()));
    let copy = postgres.copy(&url);

    let proxy = Proxy::before(&url);
    if hide_warnings {
        proxy.hide_notices();
    }
    let server = registry.test_dir.launch().args(&["--database", &proxy.url(&url)]).start();
    change_setting(&url, "synchronous_standby_names", "nobody");
    let is_over = AtomicBool::new(false);
    let load = Load { prefix: "S".to_owned(), workers: 4, requests: 10, large: 0 };
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            while !is_over.load(Ordering::Relaxed) {
                run_sql(&url, cancel);
            }
        });
        let report = load.run(server.address(), &registry.ada, &mut random, |_| {});
        change_setting(&url, "synchronous_standby_names", "");
        is_over.store(true, Ordering::Relaxed);
        report
    });
    server.stop();
    let promoted = registry.test_dir.beside_at(&copy);
    let model = Model::of(&report.histories);
    let verdict = judge(&promoted, &promoted.data(), Some(&registry.ada), &model, &mut random);
    Cancelled { acknowledged: report.acknowledged, violations: verdict.violations }
}

#[test]
fn commits_whose_wait_for_a_standby_is_cancelled_are_not_acknowledged() {
    let cancelled = cancel_waits(false);
    assert_eq!(cancelled.acknowledged, 0, "the standby has nothing");
    assert_eq!(cancelled.violations, []);
}

#[test]
fn the_check_detects_losses_when_the_warnings_of_cancelled_waits_are_hidden() {
    let cancelled = cancel_waits(true);
    let lost = cancelled.violations.iter().filter(|violation| matches!(violation, Violation::Lost(_))).count();
    assert!(lost > 0, "{} acknowledged, and none is reported as lost", cancelled.acknowledged);
    eprintln!("{} acknowledged, {lost} reported as lost", cancelled.acknowledged);
}

#[test]
fn the_check_detects_a_commit_that_is_acknowledged_and_not_made() {
    let mut registry = TestRegistry::in_database_at(&new_database());
    let url = registry.test_dir.database();
    let proxy = Proxy::before(&url);
    let server = registry.test_dir.launch().args(&["--database", &proxy.url(&url)]).start();
    let client = server.client_of(&registry.ada);
    let mut number = 0;
    // Some commits are not those of customers: ids are reserved, and uses of keys are noted.
    wait::until("a loss is reported", wait::PATIENCE, || {
        number += 1;
        proxy.arm(Point::Commit, Fault::AnswerCommit);
        let body = sample::full(&format!("Name {number}"), "Acme");
        let reply = client.create(&body);
        if reply.status == 200 {
            registry.histories.push(vec![acknowledged("", body, reply.customer_id())]);
        }
        let violations = checker::check(&Model::of(&registry.histories), &Stored::read_database(&url), |_| Ok(None));
        violations.iter().any(|violation| matches!(violation, Violation::Lost(_))).then_some(())
    });
}
