//! Full disks: writes fail until there is space again.

use chaos::shim::ENOSPC;
use chaos::{Action, Random, Rule, Shim, TestRegistry};

use crate::mounts::{Ballast, Mount, move_registry};
use crate::trial::Trial;

/// How often the disk fills up.
const CYCLES: usize = 20;

#[test]
fn writes_on_a_full_disk_fail_until_there_is_space() {
    let registry = TestRegistry::new();
    let rule = Rule { action: Action::FailFromThenOn(ENOSPC), kind: "write", suffix: "*", number: 1 };
    let launch = Shim::new(&registry.data()).rule(&rule).armed_by_signal().under(registry.test_dir.launch());
    let name = "no space, by the shim";
    let trial = Trial::start(name, Random::of_test(name), registry, None, launch);
    trial.survive(CYCLES, |server| server.signal("USR1"), |server| server.signal("USR2"));
}

#[test]
fn a_small_disk_fills_and_empties_and_loses_nothing() {
    let registry = TestRegistry::new();
    let Some(mount) = move_registry(&registry, |at| Mount::tmpfs(24, at)) else { return };
    let (ballast, launch) = (Ballast::of(&registry.data()), registry.test_dir.launch());
    let name = "no space, on a small disk";
    let trial = Trial::start(name, Random::of_test(name), registry, Some(mount), launch);
    trial.survive(CYCLES, |_| ballast.fill(), |_| ballast.free());
}
