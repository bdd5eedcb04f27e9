//! Reports what cannot be tested on this machine.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Reports what is left out: on stderr and in the file that `TEST_GAPS` names, as the stderr of a test that passes is
/// not shown.
pub fn report(left_out: &str) {
    eprintln!("LEFT OUT HERE: {left_out}");
    if let Some(path) = env::var_os("TEST_GAPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file can be made");
        writeln!(file, "{left_out}").expect("a line can be added");
    }
}
