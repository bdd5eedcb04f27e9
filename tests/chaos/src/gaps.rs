//! What cannot be tested on a machine, and how whoever runs the tests hears of it.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Says what is left out here: to stderr, and to the file that `CHAOS_GAPS` names, as nobody sees the stderr of a test
/// that passes.
pub fn tell(left_out: &str) {
    eprintln!("LEFT OUT HERE: {left_out}");
    if let Some(path) = env::var_os("CHAOS_GAPS") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file can be made");
        writeln!(file, "{left_out}").expect("a line can be added");
    }
}
