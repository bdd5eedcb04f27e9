//! `carnelian restore --replace` beside a running server.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use blackbox::problems::*;
use blackbox::{CUSTOMERS, Connection, Login, Place, Request, Site, sample, wait};
use serde_json::Value;

use super::backup::{back_up, elsewhere, erase_account, holds, plain, restore};

/// Names of customers in the order of their ids.
fn names(place: &Place) -> Vec<String> {
    let exported = place.cli(&["customer", "export", "--format", "jsonl"]).done();
    let name = |line: &str| {
        let customer: Value = serde_json::from_str(line).expect("a line is JSON");
        customer["name"].as_str().expect("a name").to_owned()
    };
    exported.lines().map(name).collect()
}

/// Creates customers, and returns the ids.
fn create(site: &Site, name: &str, count: usize) -> Vec<u64> {
    let client = site.client();
    (0..count).map(|number| client.create(&sample::full(&format!("{name} {number}"), "Acme")).customer_id()).collect()
}

/// Asserts that no restore has left anything in the data directory.
fn must_be_tidy(place: &Place) {
    let entries = fs::read_dir(place.data()).expect("there is a data directory");
    let names = entries.map(|entry| entry.expect("can be listed").file_name().into_string().expect("a plain name"));
    let is_left = |name: &String| name.starts_with("restore") || name.starts_with("carnelian.db.re");
    let left: Vec<_> = names.filter(is_left).collect();
    assert!(left.is_empty(), "{left:?} is left");
}

/// A command of the place that runs beside the test.
fn spawn(place: &Place, arguments: &[&str]) -> Child {
    let mut command = place.command();
    command.args(arguments).arg("--data").arg(place.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary can be run")
}

/// Kills a command that is running, or over.
fn kill(mut child: Child) {
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

/// An export that has the registry open until somebody reads what it prints, which is more than fits into a pipe.
fn unread_export(site: &Site) -> Child {
    create(site, &"Much to read ".repeat(4), 300);
    let mut export = spawn(&site.place, &["customer", "export", "--format", "jsonl"]);
    let mut first = [0; 1];
    export.stdout.as_mut().expect("is piped").read_exact(&mut first).expect("the export has begun");
    export
}

/// A restore that is decided for, and waits for somebody who has the registry open.
struct Waiting {
    site: Site,
    restoring: Child,
    export: Child,
}

impl Waiting {
    /// Begins one that brings three customers back.
    fn start() -> Self {
        let site = Site::start();
        create(&site, "Kept", 3);
        let file = back_up(&site.place, "backup");
        let export = unread_export(&site);
        let restoring = spawn(&site.place, &["restore", plain(&file), "--replace"]);
        let restored = site.place.data().join("carnelian.db.restored");
        wait::until("the restore is decided", wait::PROCESS, || restored.exists().then_some(()));
        Self { site, restoring, export }
    }
}

/// How many clients ask.
const CLIENTS: usize = 4;

/// What clients ask for, before, during and after a restore.
struct Questions<'a> {
    login: &'a Login,
    /// A customer that is in the backup, called `Kept 0`.
    kept: u64,
    /// A customer that is not.
    later: u64,
    is_over: AtomicBool,
    answered: AtomicUsize,
    put_off: AtomicUsize,
}

impl Questions<'_> {
    /// Asks on one connection, again and again, and returns the names that were created, and whether that began after
    /// the restore was over.
    fn ask(&self, mut connection: Connection, client: usize, enough: usize) -> Vec<(String, bool)> {
        let (mut created, mut rounds_after) = (Vec::new(), 0);
        while rounds_after < enough {
            let is_over = self.is_over.load(Ordering::SeqCst);
            rounds_after += usize::from(is_over);
            let name = format!("Load {client} {}", created.len());
            let mut send = |request: Request, expected: &[u16]| {
                let reply = connection.exchange(&request.login(self.login)).expect("no connection breaks");
                assert_eq!(reply.header("connection"), None, "connections stay open");
                let is_put_off = reply.is(&UNAVAILABLE);
                self.put_off.fetch_add(usize::from(is_put_off), Ordering::SeqCst);
                self.answered.fetch_add(1, Ordering::SeqCst);
                assert!(is_put_off || expected.contains(&reply.status), "{expected:?}: {}", reply.text());
                reply
            };
            let read = |id: u64| Request::new("GET", &format!("{CUSTOMERS}/{id}"));
            let create = |name: &str| Request::new("POST", CUSTOMERS).json(&sample::full(name, "Acme"));
            send(read(self.kept), &[200]);
            send(read(self.later), if is_over { &[404] } else { &[200, 404] });
            send(create("Kept 0"), &[DUPLICATE_NAME.status]);
            let reply = send(create(&name), &[200]);
            created.push((name, is_over && reply.status == 200));
        }
        created
    }

    fn wait_for_answers(&self, count: usize) {
        let enough = self.answered.load(Ordering::SeqCst) + count;
        wait::until("there is load", wait::PATIENCE, || (self.answered.load(Ordering::SeqCst) >= enough).then_some(()));
    }
}

#[test]
fn a_restore_under_a_running_server_is_served_on_connections_that_stay_open() {
    let site = Site::start();
    let kept = create(&site, "Kept", 20);
    let file = back_up(&site.place, "backup");
    let later = create(&site, "Later", 5);
    let ursula = site.place.user("ursula", "Acme", &[]);
    site.server.client_of(&ursula).read(kept[0]).must_succeed("a user that was made after the backup");
    let questions = Questions {
        login: &site.ada,
        kept: kept[0],
        later: later[0],
        is_over: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        put_off: AtomicUsize::new(0),
    };
    let created: Vec<_> = thread::scope(|scope| {
        let ask = |client| {
            let connection = Connection::open(site.server.address()).expect("the server accepts connections");
            let questions = &questions;
            scope.spawn(move || questions.ask(connection, client, 20))
        };
        let clients: Vec<_> = (0..CLIENTS).map(ask).collect();
        questions.wait_for_answers(200);
        let outcome = restore(&site.place, &file, &["--replace", "--reason", "ticket 7"]);
        questions.is_over.store(true, Ordering::SeqCst);
        outcome.done();
        clients.into_iter().flat_map(|client| client.join().expect("every answer is right")).collect()
    });
    let (answered, put_off) = (questions.answered.into_inner(), questions.put_off.into_inner());
    eprintln!("{answered} answers, {put_off} of them 503");
    // What a client had under way, and once more if the machine is very busy: else everybody waits, and is served.
    assert!(put_off <= 2 * CLIENTS, "{put_off} of {answered} requests were put off");
    site.server.client_of(&ursula).read(kept[0]).must_be(&INVALID_CREDENTIALS, "a user that the backup has not");
    let new = site.client().create(&sample::full("New", "Acme")).customer_id();
    assert!(new > later[4], "the id of a customer that is gone was given again");

    let stored = names(&site.place);
    let of_backup: Vec<_> = (0..20).map(|number| format!("Kept {number}")).collect();
    assert_eq!(stored[..20], of_backup);
    let is_sent = |name: &String| name == "New" || created.iter().any(|(sent, _)| sent == name);
    assert!(stored[20..].iter().all(is_sent), "there is what nobody has sent: {stored:?}");
    let lost: Vec<_> = created.iter().filter(|(name, is_certain)| *is_certain && !stored.contains(name)).collect();
    assert!(lost.is_empty(), "acknowledged after the restore, and not there: {lost:?}");
    let audit = site.place.cli(&["audit", "export"]).done();
    assert_eq!(audit.matches("\"restore\"").count(), 1, "{audit}");
    assert!(audit.contains("ticket 7"), "{audit}");
    site.place.cli(&["audit", "verify"]).done();
    must_be_tidy(&site.place);

    site.server.kill();
    let server = site.place.serve();
    assert_eq!(names(&site.place), stored, "a restart changes nothing");
    sample::assert_shows(&server.client_of(&site.ada).read(new).json(), &sample::full("New", "Acme"), new);
}

#[test]
fn who_was_erased_since_cannot_come_back_with_a_ledger_as_old_as_the_backup() {
    let site = Site::start();
    site.place.account("Leaving");
    let greta = site.place.user("greta", "Leaving", &[]);
    site.server.client_of(&greta).create(&sample::full("Gone", "Leaving")).must_succeed("a create");
    let ids = create(&site, "Kept", 3);
    let file = back_up(&site.place, "backup");
    erase_account(&site, "Leaving");
    site.client().erase(ids[1]).must_succeed("an erasure");
    let unknown = site.client().create(&sample::full("Later", "Acme")).customer_id();
    site.client().erase(unknown).must_succeed("the backup does not have this one");
    let why = restore(&site.place, &file, &["--replace"]).fails(1);
    assert!(why.contains("would come back: 1 and 1"), "{why}");
    must_be_tidy(&site.place);
    assert_eq!(names(&site.place), ["Kept 0", "Kept 2"]);

    let ledger = site.place.root().join("newest.ledger");
    site.place.cli(&["ledger", plain(&ledger)]).done();
    restore(&site.place, &file, &["--replace", "--ledger", plain(&ledger)]).done();
    assert_eq!(names(&site.place), ["Kept 0", "Kept 2"]);
    site.server.client_of(&greta).get(CUSTOMERS).must_be(&INVALID_CREDENTIALS, "a user of an erased account");
    site.client().create(&sample::full("Kept 1", "Acme")).must_succeed("its name is free");
    assert!(site.place.data_files().iter().all(|(_, bytes)| !holds(bytes, "Leaving")), "a name came back");
}

#[test]
fn what_is_refused_beside_a_server_changes_nothing() {
    let site = Site::start();
    create(&site, "Kept", 3);
    let file = back_up(&site.place, "backup");
    create(&site, "Later", 1);
    let must_change_nothing = |why: String, expected: &str| {
        assert!(why.contains(expected), "{why}");
        assert_eq!(names(&site.place), ["Kept 0", "Kept 1", "Kept 2", "Later 0"]);
        must_be_tidy(&site.place);
    };
    must_change_nothing(restore(&site.place, &file, &[]).fails(1), "--replace");
    let mut bytes = fs::read(&file).expect("is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let altered = site.place.root().join("altered");
    fs::write(&altered, &bytes).expect("can be written");
    let ledger = site.place.root().join("backup.ledger");
    let with_ledger = ["--replace", "--ledger", plain(&ledger)];
    must_change_nothing(restore(&site.place, &altered, &with_ledger).fails(1), "no whole backup");
    fs::write(&altered, &bytes[..middle]).expect("can be written");
    must_change_nothing(restore(&site.place, &altered, &with_ledger).fails(1), "no whole backup");

    let stranger = Place::new();
    stranger.account("Theirs");
    let theirs = back_up(&stranger, "theirs");
    let key = stranger.data().join("master.key");
    let outcome = restore(&site.place, &theirs, &["--replace", "--master-key-file", plain(&key)]);
    must_change_nothing(outcome.fails(1), "another master key");
    create(&site, "And on", 1);
}

#[test]
fn a_restore_waits_for_a_command_that_has_the_registry_open_and_others_wait_for_it() {
    let Waiting { site, restoring, mut export } = Waiting::start();
    create(&site, "Meanwhile", 1);
    let adding = spawn(&site.place, &["user", "create", "ursula", "--account", "Acme"]);
    let mut exported = String::new();
    export.stdout.as_mut().expect("is piped").read_to_string(&mut exported).expect("it goes on");
    assert!(exported.lines().count() >= 303, "the export goes on in the registry that it began with");
    assert!(export.wait().expect("it ends").success());
    for (child, name) in [(restoring, "restore"), (adding, "user create")] {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{name}: {output:?}");
    }
    assert_eq!(names(&site.place), ["Kept 0", "Kept 1", "Kept 2"]);
    let users = site.place.cli(&["user", "list", "--json"]).json();
    let is_ursula = |user: &Value| user.to_string().contains("ursula");
    assert!(users.as_array().expect("a list").iter().any(is_ursula), "made after the decision, and lost: {users}");
    create(&site, "And on", 1);
}

#[test]
fn a_server_that_is_killed_while_a_restore_waits_serves_the_restored_registry_next() {
    let Waiting { site, restoring, export } = Waiting::start();
    kill(restoring);
    site.server.kill();
    kill(export);
    let server = site.place.serve();
    assert_eq!(names(&site.place), ["Kept 0", "Kept 1", "Kept 2"]);
    must_be_tidy(&site.place);
    server.client_of(&site.ada).create(&sample::full("New", "Acme")).must_succeed("a create");
    let audit = site.place.cli(&["audit", "export"]).done();
    assert_eq!(audit.matches("\"restore\"").count(), 1, "{audit}");
}

#[test]
fn a_command_that_is_killed_after_its_decision_leaves_the_rest_to_the_server() {
    let Waiting { site, restoring, export } = Waiting::start();
    kill(restoring);
    kill(export);
    let restored = site.place.data().join("carnelian.db.restored");
    wait::until("the server takes it over", wait::PROCESS, || (!restored.exists()).then_some(()));
    assert_eq!(names(&site.place), ["Kept 0", "Kept 1", "Kept 2"]);
    must_be_tidy(&site.place);
}

#[test]
fn of_two_restores_at_once_each_is_done_or_refused() {
    let site = Site::start();
    create(&site, "Kept", 3);
    let one = back_up(&site.place, "one");
    create(&site, "Later", 1);
    let two = back_up(&site.place, "two");
    create(&site, "Last", 1);
    let restores = [&one, &two].map(|file| spawn(&site.place, &["restore", plain(file), "--replace"]));
    let outcomes = restores.map(|restore| restore.wait_with_output().expect("it ends"));
    let done = outcomes.each_ref().map(|output| output.status.success());
    assert!(done.contains(&true), "{outcomes:?}");
    for output in outcomes.iter().filter(|output| !output.status.success()) {
        assert!(String::from_utf8_lossy(&output.stderr).contains("a restored registry waits"), "{output:?}");
    }
    let stored = names(&site.place);
    let of_one = stored == ["Kept 0", "Kept 1", "Kept 2"];
    let of_two = stored == ["Kept 0", "Kept 1", "Kept 2", "Later 0"];
    assert!(of_one && done[0] || of_two && done[1], "{done:?}, and there is {stored:?}");
    must_be_tidy(&site.place);
    create(&site, "And on", 1);
}

#[test]
fn a_damaged_registry_is_replaced_and_a_sandbox_is_not() {
    let site = Site::start();
    create(&site, "Kept", 1);
    let file = back_up(&site.place, "backup");
    let other = elsewhere(&site.place);
    fs::write(other.data().join("carnelian.db"), "this is no database").expect("can be written");
    restore(&other, &file, &[]).fails(1);
    restore(&other, &file, &["--replace"]).done();
    assert_eq!(names(&other), ["Kept 0"]);
    must_be_tidy(&other);

    let sandbox = elsewhere(&site.place);
    sandbox.write("data/carnelian.sandbox", "");
    let why = restore(&sandbox, &file, &["--replace"]).fails(1);
    assert!(why.contains("sandbox"), "{why}");
    assert!(!Path::new(&sandbox.data().join("carnelian.db")).exists());
}

#[test]
fn a_request_that_is_still_arriving_at_a_restore_is_put_off_and_its_connection_goes_on() {
    let site = Site::start();
    create(&site, "Kept", 3);
    let file = back_up(&site.place, "backup");
    let send = |name: &str| Request::new("POST", CUSTOMERS).login(&site.ada).json(&sample::full(name, "Acme"));
    let mut connection = Connection::open(site.server.address()).expect("the server accepts connections");
    let bytes = send("Slow").bytes();
    let (first, rest) = bytes.split_at(bytes.len() - 10);
    connection.send_bytes(first).expect("the server reads");
    restore(&site.place, &file, &["--replace"]).done();
    connection.send_bytes(rest).expect("the server reads");
    let reply = connection.receive("POST", CUSTOMERS).expect("the request is answered");
    reply.must_be(&UNAVAILABLE, "a request that began in the registry before");
    assert_eq!(names(&site.place), ["Kept 0", "Kept 1", "Kept 2"]);
    connection.exchange(&send("Slow")).expect("the connection goes on").must_succeed("the same again");
}
