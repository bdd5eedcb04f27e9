//! PostgreSQL is killed, restarted, without space, or ends sessions and statements.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use blackbox::{Server, wait};
use chaos::{Load, Model, Progress, Random, TestRegistry, gaps, seed};
use test_postgres::{Server as Postgres, run_sql};

use super::recover;
use crate::mounts::{Ballast, Mount};

/// A registry in a PostgreSQL server of its own, and a server that must outlive every fault of that.
struct Trial<'a> {
    name: &'a str,
    random: Random,
    server: Server,
    registry: TestRegistry,
    postgres: Postgres,
    /// How many requests each client sends. Those that are sent while the database is away are sent again one by one.
    requests: usize,
}

impl<'a> Trial<'a> {
    fn start(name: &'a str, postgres: Postgres) -> Self {
        let registry = TestRegistry::in_database_at(&postgres.new_database());
        Self {
            name,
            random: Random::of_test(name),
            server: registry.test_dir.serve(),
            registry,
            postgres,
            requests: 50,
        }
    }

    /// Makes a fault of the database under load, in several rounds.
    fn survive(mut self, rounds: usize, mut fault: impl FnMut(&Postgres, &str, &Progress)) {
        let rounds = seed::rounds(rounds);
        let (mut acknowledged, mut unavailable) = (0, 0);
        for round in 0..rounds {
            let enough = self.random.within(1..200);
            let (address, url) = (self.server.address(), self.registry.test_dir.database());
            let load = Load { prefix: format!("R{round}"), workers: 8, requests: self.requests, large: 10 };
            let report = load.run(address, &self.registry.ada, &mut self.random, |progress| {
                wait::until("there is load", wait::PATIENCE, || (progress.answered() >= enough).then_some(()));
                fault(&self.postgres, &url, progress);
            });
            acknowledged += report.acknowledged;
            unavailable += report.unavailable;
            self.registry.note(report);
            let took = recover(&self.server, &mut self.registry, &mut self.random);
            eprintln!("{}, round {round}: a write succeeds {took:?} after the load", self.name);
            self.registry.send_again(&self.server);
        }
        assert!(self.server.is_running(), "{}: the server has ended", self.name);
        self.server.stop();
        self.registry.must_hold(self.name, &mut self.random);
        let certain = Model::of(&self.registry.histories).certain();
        eprintln!(
            "{}: {acknowledged} acknowledged, {unavailable} refused, {certain} acknowledged customers are there",
            self.name
        );
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_postgres_is_killed() {
    Trial::start("kills of PostgreSQL", Postgres::start()).survive(4, |postgres, _, _| {
        postgres.kill();
        postgres.restart();
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_postgres_is_restarted() {
    Trial::start("restarts of PostgreSQL", Postgres::start()).survive(3, |postgres, _, _| postgres.restart_in_order());
}

#[test]
fn nothing_acknowledged_is_lost_when_sessions_are_terminated() {
    stop_sessions("terminated sessions", "pg_terminate_backend");
}

#[test]
fn nothing_acknowledged_is_lost_when_statements_are_cancelled() {
    stop_sessions("cancelled statements", "pg_cancel_backend");
}

/// Calls a function of PostgreSQL for each session in a transaction that writes, and then for all of them, under load.
fn stop_sessions(name: &str, function: &str) {
    let mut stopped = 0;
    let mut trial = Trial::start(name, Postgres::start());
    trial.requests = usize::MAX;
    trial.survive(3, |_, url, progress| {
        let sessions = "FROM pg_stat_activity WHERE application_name = 'carnelian' AND pid <> pg_backend_pid()";
        let writing = format!("SELECT count({function}(pid)) {sessions} AND backend_xid IS NOT NULL");
        let enough = stopped + 3;
        wait::until("transactions that write are stopped", wait::PATIENCE, || {
            stopped += run_sql(url, &writing).parse::<usize>().expect("a number");
            (stopped >= enough).then_some(())
        });
        run_sql(url, &format!("SELECT count({function}(pid)) {sessions}"));
        progress.end();
    });
    eprintln!("{name}: {stopped} within a transaction");
}

#[test]
fn nothing_acknowledged_is_lost_when_postgres_runs_out_of_space() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let Some(_mount) = Mount::tmpfs(96, directory.path()) else {
        return gaps::report("PostgreSQL on a full disk: mounting is not permitted");
    };
    // PostgreSQL runs as another user than the tests.
    set_permissions(directory.path(), Permissions::from_mode(0o777)).expect("permissions can be set");
    let ballast = Ballast::of(directory.path());
    let mut ended = 0;
    let mut trial = Trial::start("PostgreSQL without space", Postgres::start_in(directory.path()));
    trial.requests = usize::MAX;
    trial.survive(3, |postgres, _, progress| {
        ballast.fill();
        wait::until("a write is refused", wait::PATIENCE, || progress.refused_a_write().then_some(()));
        progress.end();
        ballast.free();
        // Without space for its log, PostgreSQL ends.
        wait::until("PostgreSQL runs", wait::PATIENCE, || {
            if postgres.has_ended() {
                ended += 1;
                postgres.restart();
            }
            postgres.is_up().then_some(())
        });
    });
    eprintln!("PostgreSQL has ended {ended} times");
}
