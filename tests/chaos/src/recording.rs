//! What the shim has recorded: every change, sync and answer, in one order.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// The length of a record before its name and its data; the layout is `struct header` in `shim/shim.c`.
const HEADER: usize = 32;

/// Something that a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file was written to.
    Write {
        /// The file's number.
        ino: u64,
        /// Where.
        offset: usize,
        /// What.
        data: Vec<u8>,
    },
    /// A file was cut or extended.
    Truncate {
        /// The file's number.
        ino: u64,
        /// Its new length.
        length: usize,
    },
    /// A file was made.
    Create {
        /// The file's number, which a removed file may have had before.
        ino: u64,
        /// Its name.
        name: String,
    },
    /// A file was about to be opened, or made.
    Open {
        /// Its name.
        name: String,
    },
    /// A file was given another name.
    Link {
        /// The file's number.
        ino: u64,
        /// The name.
        name: String,
    },
    /// A name was removed.
    Unlink {
        /// The name.
        name: String,
    },
    /// A sync began.
    SyncBegins {
        /// The sync's number, of its own within the process.
        id: u32,
        /// The file's number.
        ino: u64,
        /// The file's name, `.` for the directory.
        name: String,
    },
    /// A sync succeeded.
    Synced {
        /// The sync's number.
        id: u32,
    },
    /// A sync failed.
    SyncFailed {
        /// The sync's number.
        id: u32,
    },
    /// An answer was about to be sent.
    Answer {
        /// The id of the request.
        request: String,
        /// Whether it says that a write was done.
        acknowledges: bool,
    },
    /// The rule applied for the first time.
    Fired {
        /// The kind of the operation.
        kind: String,
        /// The file.
        name: String,
    },
}

/// Events in the order in which they happened.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The events.
    pub events: Vec<Event>,
}

impl Recording {
    /// Reads a log; one that was never begun is empty.
    pub fn read(log: &Path) -> Self {
        let bytes = fs::read(log).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while let Some((header, after)) = rest.split_at_checked(HEADER) {
            let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
            let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
            let (name, data) = (number(24) as usize, number(28) as usize);
            // The process may have been killed while it wrote the last record.
            let Some((content, after)) = after.split_at_checked(name + data) else { break };
            let name_text = String::from_utf8_lossy(&content[..name]).into_owned();
            events.push(event(header[0], number(4), long(8), long(16) as usize, name_text, &content[name..]));
            rest = after;
        }
        Self { events }
    }

    /// The requests that were acknowledged before the event with this index.
    pub fn acknowledged_before(&self, cut: usize) -> HashSet<&str> {
        let answers = self.events[..cut].iter().filter_map(|event| match event {
            Event::Answer { request, acknowledges: true } => Some(request.as_str()),
            _ => None,
        });
        answers.collect()
    }

    /// The indices of what `wanted` picks.
    pub fn indices(&self, wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
        let found = self.events.iter().enumerate().filter(|(_, event)| wanted(event));
        found.map(|(index, _)| index).collect()
    }

    /// The kind of operation and the file that the rule first applied to.
    pub fn fired(&self) -> Option<(&str, &str)> {
        self.events.iter().find_map(|event| match event {
            Event::Fired { kind, name } => Some((kind.as_str(), name.as_str())),
            _ => None,
        })
    }
}

fn event(kind: u8, id: u32, ino: u64, offset: usize, name: String, data: &[u8]) -> Event {
    match kind {
        b'W' => Event::Write { ino, offset, data: data.to_vec() },
        b'T' => Event::Truncate { ino, length: offset },
        b'C' => Event::Create { ino, name },
        b'O' => Event::Open { name },
        b'L' => Event::Link { ino, name },
        b'U' => Event::Unlink { name },
        b'B' => Event::SyncBegins { id, ino, name },
        b'E' => Event::Synced { id },
        b'X' => Event::SyncFailed { id },
        b'A' => Event::Answer { request: request_id(data), acknowledges: name == "ack" },
        b'F' => Event::Fired { kind: String::from_utf8_lossy(data).into_owned(), name },
        other => panic!("the recording has a {other:?}, which the shim does not write"),
    }
}

fn request_id(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-request-id").then(|| value.trim().to_owned())
    });
    line.unwrap_or_default()
}
