//! Erasing an account through kills, a power cut and a full disk.

use std::path::{Path, PathBuf};

use blackbox::{Server, TestDir, sample, wait};
use chaos::recording::Recording;
use chaos::shim::ENOSPC;
use chaos::test_registry::Image;
use chaos::{Action, Load, Model, Random, Rule, Shim, TestRegistry, Unsynced, seed, test_registry};
use rusqlite::Connection as Database;

use crate::power_cuts::prepare;

/// The number of customers in the erased account: many transactions of the erasure.
const CUSTOMERS: usize = 350;

/// A text in every part of the erased account.
const PLANTED: &str = "Therizinosaurus";

/// Creates an account with customers and requests its erasure, due at once; the server runs under the shim.
fn request_erasure(test_dir: &TestDir, shim: &Shim) -> Server {
    shim.cli(test_dir, &["account", "create", PLANTED]);
    let user = shim.user(test_dir, &format!("of {PLANTED}"), PLANTED);
    let server = shim.under(test_dir.launch()).start();
    let client = server.client_of(&user);
    for number in 0..CUSTOMERS {
        client.create(&sample::full(&format!("{PLANTED} {number}"), PLANTED)).must_succeed("a customer to be erased");
    }
    shim.cli(test_dir, &["account", "erasure-grace", "0"]);
    shim.cli(test_dir, &["account", "request-erasure", "--yes", PLANTED]);
    server
}

/// Whether the only erasure of a registry has its receipt.
fn has_receipt(data: &Path) -> bool {
    let database = Database::open(data.join("carnelian.db")).expect("opens");
    database.query_row("SELECT state = 3 FROM erasure", [], |row| row.get(0)).expect("there is an erasure")
}

fn wait_for_receipt(data: &Path) {
    wait::until("there is a receipt", wait::PATIENCE, || has_receipt(data).then_some(()));
}

/// Every file of a registry, those of its jobs included.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("there is a registry");
    let paths = entries.map(|entry| entry.expect("can be listed").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Asserts that no file of a stopped registry contains anything of the account or its customers, and that the audit log
/// verifies.
fn must_be_erased(test_dir: &TestDir, data: &Path, customers: usize) {
    for path in files_below(data) {
        let bytes = std::fs::read(&path).expect("can be read");
        let found = bytes.windows(PLANTED.len()).any(|part| part == PLANTED.as_bytes());
        assert!(!found, "{PLANTED} is left in {}", path.display());
    }
    let data = data.to_str().expect("a plain name");
    test_dir.bare_cli(&["audit", "verify", "--data", data]).done();
    let erased = test_dir.bare_cli(&["account", "erasures", "--json", "--data", data]).json();
    assert_eq!(erased[0]["customers"], customers, "{erased}");
}

#[test]
fn a_killed_erasure_is_continued_and_other_accounts_are_unchanged() {
    use Action::*;
    let rules: [(Action, &str, &str, std::ops::Range<usize>); 7] = [
        (KillBefore, "write", "-wal", 1..120),
        (KillHalf, "write", "-wal", 1..120),
        (KillBefore, "sync", "-wal", 1..12),
        (KillAfter, "sync", "-wal", 1..12),
        (KillBefore, "write", "carnelian.db", 1..30),
        (KillAfter, "sync", "carnelian.db", 1..3),
        (KillBefore, "truncate", "-wal", 1..2),
    ];
    let mut random = Random::of_test("kills while erasing");
    let mut kills_in_all = 0;
    let mut round = 0;
    while seed::is_another_round(round, 5, kills_in_all > 0) {
        let mut registry = TestRegistry::new();
        let server = request_erasure(&registry.test_dir, &Shim::new(&registry.data()));
        let load = Load { prefix: "Others".to_owned(), workers: 2, requests: 60, large: 0 };
        registry.note(load.run(server.address(), &registry.ada, &mut random, |_| {}));
        server.kill();
        let mut kills = 0;
        while !has_receipt(&registry.data()) && kills < 20 {
            let (action, kind, suffix, numbers) = random.pick(&rules).clone();
            let rule = Rule { action, kind, suffix, number: random.within(numbers) };
            let shim = Shim::new(&registry.data()).rule(&rule);
            let Some(mut server) = shim.start_unless_killed(registry.test_dir.launch()) else {
                kills += 1;
                continue;
            };
            let ended = wait::until("the server is killed or the erasure has its receipt", wait::PATIENCE, || {
                let ended = !server.is_running();
                (ended || has_receipt(&registry.data())).then_some(ended)
            });
            kills += usize::from(ended);
        }
        let server = registry.test_dir.serve();
        wait_for_receipt(&registry.data());
        server.stop();
        must_be_erased(&registry.test_dir, &registry.data(), CUSTOMERS);
        registry.must_hold(&format!("round {round}, {kills} kills"), &mut random);
        kills_in_all += kills;
        round += 1;
    }
    eprintln!("{kills_in_all} kills");
}

#[test]
fn an_erasure_is_continued_after_a_power_cut_at_any_event() {
    let mut random = Random::of_test("power cuts while erasing");
    let (test_dir, log, _ada) = prepare();
    let server = request_erasure(&test_dir, &Shim::new(&test_dir.data()).record(&log));
    let acknowledged = Recording::read(&log).events.len();
    wait_for_receipt(&test_dir.data());
    server.kill();
    let recording = Recording::read(&log);
    // The last third contains the whole erasure and the end of the preparation.
    let (first, end) = (recording.events.len() * 2 / 3, recording.events.len() + 1);
    for image in 0..seed::rounds(12) {
        let unsynced = *random.pick(&[Unsynced::Dropped, Unsynced::Torn(4096)]);
        let cut = if image == 0 { acknowledged } else { random.within(first..end) };
        let left = Image::of(&recording, cut, unsynced, &mut random);
        let server = test_registry::launch(&test_dir, &left.data).start();
        let requested = Database::open(left.data.join("carnelian.db"))
            .and_then(|database| database.query_row("SELECT count(*) FROM erasure", [], |row| row.get::<_, bool>(0)));
        let requested = requested.expect("can be read");
        assert!(requested || cut < acknowledged, "image {image}, cut at {cut}, {unsynced:?}: the request is lost");
        if requested {
            wait_for_receipt(&left.data);
            server.stop();
            must_be_erased(&test_dir, &left.data, CUSTOMERS);
        }
        eprintln!("image {image}, cut at {cut}");
    }
}

#[test]
fn an_erasure_on_a_full_disk_waits_for_space_and_loses_nothing() {
    let mut random = Random::of_test("full disk while erasing");
    let mut registry = TestRegistry::new();
    let server = request_erasure(&registry.test_dir, &Shim::new(&registry.data()));
    server.kill();
    let rule = Rule { action: Action::FailFromThenOn(ENOSPC), kind: "write", suffix: "-wal", number: 1 };
    let shim = Shim::new(&registry.data()).rule(&rule).armed_by_signal();
    let server = shim.under(registry.test_dir.launch()).start();
    server.signal("USR1");
    let load = Load { prefix: "Full".to_owned(), workers: 1, requests: 10, large: 0 };
    registry.note(load.run(server.address(), &registry.ada, &mut random, |_| {}));
    let says_so = || server.log().contains("waiting for disk space").then_some(());
    wait::until("the log says that writes wait for disk space", wait::NOTICE, says_so);
    assert!(!has_receipt(&registry.data()), "an erasure without disk space has a receipt");
    server.signal("USR2");
    wait_for_receipt(&registry.data());
    server.stop();
    must_be_erased(&registry.test_dir, &registry.data(), CUSTOMERS);
    registry.must_hold("after the disk was full", &mut random);
    assert!(Model::of(&registry.histories).certain() > 0);
}
