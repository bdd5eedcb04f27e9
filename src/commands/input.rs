//! Input: `-` as the name of a file means stdin, and stdout for a file to write.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::Path,
};

/// Whether a path means stdin or stdout.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file to read it once, or stdin if the path is `-`.
pub(crate) fn open_input(path: &Path) -> io::Result<BufReader<Box<dyn Read + Send>>> {
    Ok(BufReader::new(if is_dash(path) { Box::new(io::stdin()) } else { Box::new(File::open(path)?) }))
}

/// Reads a whole text, from stdin if the path is `-`.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    if is_dash(path) { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) }
}
