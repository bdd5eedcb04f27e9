//! An account is erased on a disk that is full, and stays so.

use std::fs;
use std::path::Path;

use blackbox::{Launch, Login, Place, Request, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, Random, Scene, Shim};
use rusqlite::Connection as Database;
use serde_json::{Value, json};

use crate::erasures::{CUSTOMERS, PLANTED, fill_leaver, has_receipt, must_be_gone, wait_for_receipt};
use crate::mounts::{Ballast, Mount, move_registry};
use crate::trial::{RECOVERED, Trial};

/// How large the disks are, in MiB: space is kept for erasures only where there is plenty at first.
const DISK: u64 = 160;

/// How many KiB of them are left for customers.
const LEFT: u64 = 4 << 10;

/// How many customers come after an erasure that has made room for them: more than the log has room for at once.
const CUSTOMERS_AFTER: usize = 1000;

/// A character that takes four bytes, of which an email may have 320.
const LONGEST_EMAIL: &str = "\u{10348}";

/// A registry on a disk that is soon full, with an account that is to go.
struct FullDisk<'a> {
    trial: Trial<'a>,
    ballast: Ballast,
    /// An operator.
    opal: Login,
}

/// A server that begins with erasures at once.
fn launch(place: &Place) -> Launch {
    place.launch().args(&["--erasure-grace=0"])
}

fn tmpfs(_image: &Path, at: &Path) -> Option<Mount> {
    Mount::tmpfs(DISK, at)
}

fn ext4(image: &Path, at: &Path) -> Option<Mount> {
    Mount::ext4(DISK, image, at)
}

impl<'a> FullDisk<'a> {
    /// Fills all of the disk but what is left for customers; nothing where mounting is not permitted.
    fn start(name: &'a str, mount: fn(&Path, &Path) -> Option<Mount>) -> Option<Self> {
        let scene = Scene::new();
        let opal = scene.place.user("opal", "Acme", &["--role", "OPERATOR"]);
        let image = scene.place.root().join("image");
        let mount = move_registry(&scene, |at| mount(&image, at))?;
        fill_leaver(&scene.place, &Shim::new(&scene.data())).stop();
        let (ballast, launch) = (Ballast::of(&scene.data()), launch(&scene.place));
        let trial = Trial::start(name, Random::of_test(name), scene, Some(mount), launch);
        ballast.fill_all_but(LEFT);
        Some(Self { trial, ballast, opal })
    }

    /// Fills what is left with customers, so that the log holds some for whom the database has no room, and then the rest.
    /// Nobody is erased meanwhile, so what is kept for erasures is there in the end.
    fn fill_up(&mut self) {
        let client = self.trial.server.client_of(&self.trial.scene.ada);
        wait::until("a write is refused", wait::PATIENCE, || {
            let stories = &mut self.trial.scene.stories;
            let mut body = sample::full(&format!("Fill {}", stories.len()), "Acme");
            body["contacts"][0]["email"] = LONGEST_EMAIL.repeat(320).into();
            let reply = client.create(&body);
            let refused = reply.status == 503;
            let outcome = if refused { Outcome::Unknown } else { Outcome::Acknowledged(reply.customer_id()) };
            stories.push(vec![Sent { request: String::new(), body, outcome }]);
            refused.then_some(())
        });
        self.ballast.fill();
        assert!(!self.is_reserve_given_back(), "somebody was erased");
        self.trial.must_refuse_and_read();
    }

    fn place(&self) -> &Place {
        &self.trial.scene.place
    }

    /// Whether the space that was kept is given back.
    fn is_reserve_given_back(&self) -> bool {
        fs::metadata(self.trial.scene.data().join("carnelian.reserve")).expect("there is a reserve").len() == 1
    }

    /// Whether customers are being erased, and how many were so far.
    fn progress(&self) -> (bool, i64) {
        let database = Database::open(self.trial.scene.data().join("carnelian.db")).expect("opens");
        let select = "SELECT state = 1, customers FROM erasure";
        database.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("there is an erasure")
    }

    fn request_over_http(&self) {
        let accounts = self.place().cli(&["account", "list", "--json"]).json();
        let mut accounts = accounts.as_array().expect("a list").iter();
        let leaver = accounts.find(|account| account["accountName"] == PLANTED).expect("it is there");
        let path = format!("/admin/v1/accounts/{}/erasure", leaver["accountId"].as_str().expect("a text"));
        let reply = self.trial.server.client_of(&self.opal).send(Request::new("POST", &path).json(&json!({})));
        reply.must_succeed("a request for an erasure on a full disk");
    }

    fn request_by_command(&self) {
        self.place().cli(&["account", "request-erasure", PLANTED, "--erasure-grace=0"]).done();
    }

    /// Asserts that nobody else gets what was given back until there is a receipt; says how often that was tried.
    fn others_must_wait(&mut self) -> usize {
        let (mut tries, data) = (0, self.trial.scene.data());
        wait::until("there is a receipt", wait::PATIENCE, || {
            let before = self.is_reserve_given_back();
            let stored = self.trial.try_once(100).acknowledged;
            // While customers are erased, nothing becomes free that others could have instead.
            if before && self.is_reserve_given_back() && self.progress().0 {
                assert_eq!(stored, 0, "a customer was stored in the space that is kept for erasures");
                tries += 1;
            }
            has_receipt(&data).then_some(())
        });
        tries
    }

    /// Asserts that customers are stored one after the other, although the log has no room to become as long as usual.
    fn must_go_on(&mut self) {
        let client = self.trial.server.client_of(&self.trial.scene.ada);
        for number in 0..CUSTOMERS_AFTER {
            let body = sample::minimal(&format!("After {number}"), "Acme");
            let id = wait::until("a customer is stored", RECOVERED, || {
                let reply = client.create(&body);
                (reply.status == 200).then(|| reply.customer_id())
            });
            let outcome = Outcome::Acknowledged(id);
            self.trial.scene.stories.push(vec![Sent { request: String::new(), body, outcome }]);
        }
    }

    /// Erases customers one by one, every one of them at once.
    fn erase_customers(&mut self, count: usize) {
        let client = self.trial.server.client_of(&self.trial.scene.ada);
        // The first one is read in between.
        let stories = self.trial.scene.stories.iter_mut().skip(1);
        let there = stories.filter_map(|story| match story[0].outcome {
            Outcome::Acknowledged(id) if !story.iter().any(Sent::erases) => Some((id, story)),
            _ => None,
        });
        let mut erased = 0;
        for (id, story) in there.take(count) {
            client.erase(id).must_succeed("an erasure on a full disk");
            let outcome = Outcome::Acknowledged(id);
            story.push(Sent { request: String::new(), body: Value::Null, outcome });
            erased += 1;
        }
        assert_eq!(erased, count);
    }

    /// Kills the server, and starts it again on the full disk.
    fn kill_and_start(&mut self) {
        self.trial.server.signal("KILL");
        self.trial.server.wait();
        self.trial.server = launch(self.place()).start();
    }

    /// Asserts that there is a receipt that can be checked.
    fn must_have_receipt(&self) {
        wait_for_receipt(&self.trial.scene.data());
        let receipt = self.place().cli(&["account", "receipt", "1"]).line();
        let file = self.place().write("receipt.json", &receipt);
        self.place().cli(&["account", "check-receipt", file.to_str().expect("a plain name")]).done();
    }

    /// Asserts that the erasure is whole although the disk stays full, and that all is well once it no longer is.
    fn must_end_well(mut self) {
        self.must_have_receipt();
        // What the erasure has freed is taken up as well.
        self.ballast.fill();
        self.trial.must_refuse_and_read();
        self.ballast.free();
        self.trial.must_recover();
        self.end(CUSTOMERS);
    }

    fn end(mut self, erased: usize) {
        assert_eq!(self.trial.stop(), 0, "the server did not stop in order");
        must_be_gone(self.place(), &self.trial.scene.data(), erased);
        self.trial.must_hold();
    }
}

/// Has an account erased over HTTP while others try to get at what was kept for that.
fn erase_over_http(name: &str, mount: fn(&Path, &Path) -> Option<Mount>) {
    let Some(mut disk) = FullDisk::start(name, mount) else { return };
    disk.fill_up();
    disk.request_over_http();
    let tries = disk.others_must_wait();
    assert!(tries > 0, "the erasure was never in need of the space that was kept, so this shows nothing");
    disk.must_end_well();
}

#[test]
fn an_account_is_erased_on_a_full_disk_that_stays_full() {
    erase_over_http("an erasure on a full disk", tmpfs);
}

#[test]
fn an_account_is_erased_on_a_full_ext4_that_stays_full() {
    erase_over_http("an erasure on a full ext4", ext4);
}

#[test]
fn an_erasure_that_is_killed_on_a_full_disk_goes_on_there() {
    let name = "kills while erasing on a full disk";
    let Some(mut disk) = FullDisk::start(name, tmpfs) else { return };
    disk.fill_up();
    disk.kill_and_start();
    disk.request_by_command();
    for part in 1..4 {
        let enough = (CUSTOMERS * part / 5) as i64;
        wait::until("customers are erased", wait::PATIENCE, || (disk.progress().1 >= enough).then_some(()));
        disk.kill_and_start();
    }
    disk.must_end_well();
}

#[test]
fn customers_are_erased_one_by_one_on_a_full_disk_that_stays_full() {
    let Some(mut disk) = FullDisk::start("customers erased on a full disk", tmpfs) else { return };
    disk.fill_up();
    disk.erase_customers(20);
    assert!(disk.is_reserve_given_back(), "the space that was kept was never needed, so this shows nothing");
    disk.trial.must_refuse_and_read();
    disk.ballast.free();
    disk.trial.must_recover();
    disk.request_by_command();
    disk.must_have_receipt();
    disk.end(CUSTOMERS);
}

#[test]
fn an_erasure_makes_room_for_customers_on_a_disk_that_the_registry_has_filled_itself() {
    let Some(mut disk) = FullDisk::start("a disk filled by customers", tmpfs) else { return };
    let leaver = disk.place().user("lea", PLANTED, &[]);
    let client = disk.trial.server.client_of(&leaver);
    let mut customer = sample::full(PLANTED, PLANTED);
    customer["contacts"][0]["email"] = LONGEST_EMAIL.repeat(320).into();
    let mut stored = 0;
    wait::until("a write is refused", wait::PATIENCE, || {
        customer["name"] = format!("{PLANTED} number {stored}").into();
        let answered = client.create(&customer).status;
        stored += usize::from(answered == 200);
        (answered == 503).then_some(())
    });
    disk.trial.must_refuse_and_read();
    disk.request_by_command();
    disk.must_have_receipt();
    disk.trial.must_recover();
    disk.must_go_on();
    disk.end(CUSTOMERS + stored);
}
