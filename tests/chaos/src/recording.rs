//! What the shim has recorded: every change, sync and answer, in one order.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The length of a record before its name and its data; the layout is `struct header` in `shim/shim.c`.
const HEADER: usize = 32;

/// The name under which an answer without a customer's id is recorded.
const OTHER: &str = "other";

/// An operation of a process.
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
        /// Its name, relative to the data directory.
        name: String,
    },
    /// A file was about to be opened, or made.
    Open {
        /// Its name.
        name: String,
    },
    /// A file was given another name. To rename it is this, and the removal of the name that it had.
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
        /// The sync's number, unique among the syncs in progress.
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

impl Event {
    /// Whether it is an answer, of any kind.
    pub fn is_answer(&self) -> bool {
        matches!(self, Event::Answer { .. })
    }

    /// Whether it is an answer that a customer was stored or erased.
    pub fn is_acknowledgement(&self) -> bool {
        matches!(self, Event::Answer { acknowledges: true, .. })
    }
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

    /// What would have made the files of a directory as they are, all of it synced.
    pub fn of_files(directory: &Path) -> Self {
        let mut events = Vec::new();
        let paths =
            fs::read_dir(directory).expect("there is a directory").map(|entry| entry.expect("is listed").path());
        for path in paths.filter(|path| path.is_file()) {
            let ino = path.metadata().expect("there is a file").ino();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
            events.push(Event::Create { ino, name: name.clone() });
            events.push(Event::Write { ino, offset: 0, data: fs::read(&path).expect("can be read") });
            events.extend([Event::SyncBegins { id: 0, ino, name }, Event::Synced { id: 0 }]);
        }
        events.extend([Event::SyncBegins { id: 0, ino: 0, name: ".".to_owned() }, Event::Synced { id: 0 }]);
        Self { events }
    }

    /// This one, and then another.
    pub fn then(mut self, other: Recording) -> Self {
        self.events.extend(other.events);
        self
    }

    /// Records a success that was reported otherwise than through a socket, which the shim cannot see.
    pub fn note_answer(log: &Path, request: &str) {
        let data = format!("HTTP/1.1 200 OK\r\nx-request-id: {request}\r\n");
        let mut record = [0; HEADER].to_vec();
        record[0] = b'A';
        record[24..28].copy_from_slice(&(OTHER.len() as u32).to_le_bytes());
        record[28..32].copy_from_slice(&(data.len() as u32).to_le_bytes());
        record.extend([OTHER.as_bytes(), data.as_bytes()].concat());
        // In one piece, as the processes write that may do so at the same time.
        let file = OpenOptions::new().append(true).open(log);
        file.and_then(|mut file| file.write_all(&record)).expect("a log can be written");
    }

    /// The requests that were answered before the event with this index, with any answer.
    pub fn answered_before(&self, cut: usize) -> HashSet<&str> {
        let answers = self.events[..cut].iter().filter_map(|event| match event {
            Event::Answer { request, .. } => Some(request.as_str()),
            _ => None,
        });
        answers.collect()
    }

    /// The requests that were acknowledged before the event with this index.
    pub fn acknowledged_before(&self, cut: usize) -> HashSet<&str> {
        let answers = self.events[..cut].iter().filter_map(|event| match event {
            Event::Answer { request, acknowledges: true } => Some(request.as_str()),
            _ => None,
        });
        answers.collect()
    }

    /// The indices of the events for which `wanted` is true.
    pub fn indices(&self, wanted: impl Fn(&Event) -> bool) -> Vec<usize> {
        let found = self.events.iter().enumerate().filter(|(_, event)| wanted(event));
        found.map(|(index, _)| index).collect()
    }

    /// The syncs of the write-ahead log: where each begins, and where it has succeeded.
    pub fn syncs_of_log(&self) -> Vec<(usize, usize)> {
        let mut begun = HashMap::new();
        let mut syncs = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            match event {
                Event::SyncBegins { id, name, .. } if name.ends_with("-wal") => drop(begun.insert(id, at)),
                Event::Synced { id } => syncs.extend(begun.remove(id).map(|began| (began, at))),
                Event::SyncFailed { id } => drop(begun.remove(id)),
                _ => {}
            }
        }
        syncs
    }

    /// For each group of answers between two syncs of the write-ahead log: right after its last one.
    ///
    /// If the sync that precedes the answers was missing, a power cut there would lose a write; later ones may not, because
    /// the next sync covers the same writes.
    pub fn ends_of_groups(&self, is_answer: impl Fn(&Event) -> bool) -> Vec<usize> {
        let mut synced = self.syncs_of_log().into_iter().map(|(_, ended)| ended).peekable();
        let mut ends: Vec<usize> = Vec::new();
        for at in self.indices(is_answer) {
            let is_next_group = synced.next_if(|ended| *ended < at).is_some();
            while synced.next_if(|ended| *ended < at).is_some() {}
            match ends.last_mut() {
                Some(end) if !is_next_group => *end = at + 1,
                _ => ends.push(at + 1),
            }
        }
        ends
    }

    /// For each of these answers, if there is one client: where the syncs of the write-ahead log begin that it depends on,
    /// which are those between the answer before and this one.
    pub fn syncs_of_answers(&self, is_wanted: impl Fn(&Event) -> bool) -> Vec<Vec<usize>> {
        let (answers, syncs) = (self.indices(Event::is_answer), self.syncs_of_log());
        let pairs = answers.iter().zip(&answers[1..]).filter(|(_, answer)| is_wanted(&self.events[**answer]));
        let between = pairs.map(|(before, answer)| {
            let between = syncs.iter().filter(|(begins, ended)| before < begins && ended < answer);
            between.map(|(begins, _)| *begins).collect::<Vec<_>>()
        });
        between.filter(|syncs| !syncs.is_empty()).collect()
    }

    /// Leaves out the syncs that begin at these events.
    pub fn without_syncs(&self, begins: &[usize]) -> Self {
        let mut recording = self.clone();
        for begins in begins.iter().rev() {
            let removed = recording.events.remove(*begins);
            assert!(matches!(removed, Event::SyncBegins { .. }), "{removed:?} is no sync");
        }
        recording
    }

    /// How many operations it has that a rule can apply to.
    pub fn operations(&self) -> usize {
        // Of each of these there is an event that stands for the operation already.
        let second = |event: &Event| matches!(event, Event::Create { .. } | Event::Synced { .. });
        self.indices(|event| !second(event)).len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_noted_is_read_as_one() {
        let log = tempfile::NamedTempFile::new().expect("a file");
        Recording::note_answer(log.path(), "first");
        Recording::note_answer(log.path(), "second");
        let recording = Recording::read(log.path());
        assert_eq!(recording.answered_before(1), HashSet::from(["first"]));
        assert_eq!(recording.answered_before(2), HashSet::from(["first", "second"]));
        assert!(recording.acknowledged_before(2).is_empty(), "no customer was stored");
    }

    #[test]
    fn the_files_of_a_directory_are_as_if_they_had_been_made_and_synced() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("a"), "one").expect("can be written");
        let recording = Recording::of_files(directory.path());
        let written = |event: &Event| matches!(event, Event::Write { offset: 0, data, .. } if data == b"one");
        assert_eq!(recording.indices(written).len(), 1);
        assert_eq!(recording.indices(|event| matches!(event, Event::Synced { .. })).len(), 2, "of file and directory");
    }
}
