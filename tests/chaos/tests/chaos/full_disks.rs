//! The disk is full, and then it is not.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use blackbox::{Server, sample, wait};
use chaos::model::Sent;
use chaos::shim::ENOSPC;
use chaos::{Action, Load, Model, Outcome, Random, Rule, Scene, Shim, seed};

/// How soon a write must be refused.
const REFUSED: Duration = Duration::from_secs(1);

/// How soon writes must succeed once there is space.
const RECOVERED: Duration = Duration::from_secs(5);

/// One server, and a disk that `fill` fills and `free` frees.
fn survive(name: &str, scene: &mut Scene, mut server: Server, fill: impl Fn(&Server), free: impl Fn(&Server)) {
    let mut random = Random::of_test(name);
    let address = server.address();
    let client = server.client_of(&scene.ada);
    let known = client.create(&sample::minimal("Known", "Acme")).customer_id();
    let cycles = seed::rounds(20);
    for cycle in 0..cycles {
        let load = Load { prefix: format!("C{cycle}"), workers: 4, requests: 20, large: 50 };
        let report = load.run(address, &scene.ada, &mut random, |_| fill(&server));
        scene.note(report);
        // A first write may still fit into what the files have already.
        let refused = wait::until("a write is refused", wait::PATIENCE, || {
            let load = Load { prefix: format!("C{cycle} {:x}", random.number()), workers: 1, requests: 1, large: 100 };
            let started = Instant::now();
            let report = load.run(address, &scene.ada, &mut random, |_| {});
            let refused = (report.unavailable > 0).then(|| started.elapsed());
            scene.note(report);
            refused
        });
        assert!(refused < REFUSED, "cycle {cycle}: a write was refused only after {refused:?}");
        client.read(known).must_succeed("a read on a full disk");
        let load = Load { prefix: format!("C{cycle} full"), workers: 4, requests: 10, large: 50 };
        let report = load.run(address, &scene.ada, &mut random, |_| {});
        scene.note(report);
        assert!(server.is_running(), "cycle {cycle}: the server has stopped\n{}", server.log());
        free(&server);
        wait::until("writes succeed again", RECOVERED, || {
            let load = Load { prefix: format!("C{cycle} {:x}", random.number()), workers: 1, requests: 1, large: 0 };
            let report = load.run(address, &scene.ada, &mut random, |_| {});
            let recovered = (report.acknowledged > 0).then_some(());
            scene.note(report);
            recovered
        });
    }
    server.stop();
    let (body, outcome) = (sample::minimal("Known", "Acme"), Outcome::Acknowledged(known));
    scene.stories.push(vec![Sent { request: String::new(), body, outcome }]);
    scene.must_hold(name, &mut random);
    eprintln!("{cycles} cycles, {} acknowledged customers are there", Model::of(&scene.stories).certain());
}

#[test]
fn writes_that_find_no_space_are_refused_until_there_is_some() {
    let mut scene = Scene::new();
    let rule = Rule { action: Action::FailFromThenOn(ENOSPC), kind: "write", suffix: "*", number: 1 };
    let shim = Shim::new(&scene.data()).rule(&rule).armed_by_signal();
    let server = shim.under(scene.place.launch()).start();
    survive(
        "no space, by the shim",
        &mut scene,
        server,
        |server| server.signal("USR1"),
        |server| server.signal("USR2"),
    );
}

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it, if that is permitted.
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "chaos"]).arg(at).output();
        status.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    fn fill(&self) {
        let mut file = File::create(self.ballast()).expect("a file can be made");
        let block = [0; 4096];
        while file.write_all(&block).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).expect("a file can be removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_small_disk_fills_and_empties_and_loses_nothing() {
    let mut scene = Scene::new();
    let moved = scene.place.root().join("moved");
    fs::rename(scene.data(), &moved).expect("a directory can be renamed");
    fs::create_dir(scene.data()).expect("a directory can be made");
    let Some(disk) = SmallDisk::mount(&scene.data()) else {
        eprintln!("mounting is not permitted here: only the other test of this file says something");
        return;
    };
    for name in ["carnelian.db", "master.key"] {
        fs::copy(moved.join(name), scene.data().join(name)).expect("a file can be copied");
    }
    let server = scene.place.serve();
    survive("no space, on a small disk", &mut scene, server, |_| disk.fill(), |_| disk.free());
}
