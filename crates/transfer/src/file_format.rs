//! What the name and the first bytes of a file say about its format.

use carnelian_app::transfer::FileFormat;
use std::path::Path;

/// The format that a file's name implies.
pub fn format_of_name(path: &Path) -> Option<FileFormat> {
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" => Some(FileFormat::Csv),
        "jsonl" | "ndjson" | "json" => Some(FileFormat::Jsonl),
        _ => None,
    }
}

/// What files of other kinds begin with, and what to do with them.
const OTHER_KINDS: [(&[u8], &str); 5] = [
    (b"\xff\xfe", "the file is in UTF-16; convert it to UTF-8"),
    (b"\xfe\xff", "the file is in UTF-16; convert it to UTF-8"),
    (b"\x1f\x8b", "the file is compressed with gzip; decompress it first"),
    (b"PK\x03\x04", "the file is a spreadsheet or a ZIP archive; save it as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "the file is a spreadsheet; save it as CSV in UTF-8"),
];

/// The format that the first character of a file implies.
pub(crate) fn format_of_content(start: &[u8]) -> FileFormat {
    if matches!(first_character(start), Some(b'{' | b'[')) { FileFormat::Jsonl } else { FileFormat::Csv }
}

/// Checks the start of a file for content that cannot be imported.
pub(crate) fn check_content(start: &[u8], format: FileFormat) -> Result<(), &'static str> {
    if let Some((_, why)) = OTHER_KINDS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(why);
    }
    // The first character of either format is in ASCII.
    if start.iter().take(2).any(|byte| *byte == 0) {
        return Err("the file is in UTF-16 or is not text; convert it to UTF-8");
    }
    match (first_character(start), format) {
        (Some(b'['), FileFormat::Jsonl) => {
            Err("the file is a JSON array; write one object per line, as `jq -c '.[]'` does")
        }
        (Some(b'{'), FileFormat::Csv) => Err("the file contains JSON; import it with --format jsonl"),
        _ => Ok(()),
    }
}

fn first_character(start: &[u8]) -> Option<u8> {
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start().first().copied()
}
