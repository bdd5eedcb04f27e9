//! What a disk may hold after a power cut: what was synced, and any part of the rest.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::recording::{Event, Recording};
use crate::seed::Random;

/// A file: its number, and how many files had that number before.
type File = (u64, usize);

/// Whether a change is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Synced,
    Pending,
    /// A sync of it has failed: later syncs promise nothing for it.
    Doubtful,
}

/// A write or a truncation.
struct Change<'a> {
    at: usize,
    fate: Fate,
    event: &'a Event,
}

/// A name that was given to a file, or taken away.
struct Entry {
    at: usize,
    fate: Fate,
    file: Option<File>,
}

/// The disk at a moment.
#[derive(Default)]
pub struct Disk<'a> {
    changes: HashMap<File, Vec<Change<'a>>>,
    entries: HashMap<String, Vec<Entry>>,
}

/// What happens to changes that were not synced.
#[derive(Clone, Copy, Debug)]
pub enum Unsynced {
    /// All of it is lost.
    Dropped,
    /// All of it is there.
    Kept,
    /// Each change and each name on its own is there, lost, or torn into pieces of this many bytes.
    Torn(usize),
}

impl Unsynced {
    /// Those on which a write is missing whose sync was left out. With [`Unsynced::Kept`] every write is there.
    pub const LOSING: [Self; 3] = [Self::Dropped, Self::Torn(512), Self::Torn(4096)];

    /// One of these, torn ones as often as the others.
    pub fn any(random: &mut Random) -> Self {
        *random.pick(&[Self::Dropped, Self::Kept, Self::Torn(512), Self::Torn(512), Self::Torn(4096)])
    }
}

impl<'a> Disk<'a> {
    /// The disk after the first `cut` events of a recording that began with an empty directory.
    pub fn after(recording: &'a Recording, cut: usize) -> Self {
        let mut disk = Self::default();
        let mut generations: HashMap<u64, usize> = HashMap::new();
        let mut syncs: HashMap<u32, (usize, u64, &str)> = HashMap::new();
        for (at, event) in recording.events[..cut].iter().enumerate() {
            let mut file = |ino: u64| (ino, *generations.entry(ino).or_default());
            match event {
                Event::Write { ino, .. } | Event::Truncate { ino, .. } => {
                    disk.changes.entry(file(*ino)).or_default().push(Change { at, fate: Fate::Pending, event });
                }
                Event::Create { ino, name } => {
                    *generations.entry(*ino).or_default() += 1;
                    let made = Some((*ino, generations[ino]));
                    disk.entry(name).push(Entry { at, fate: Fate::Pending, file: made });
                }
                Event::Link { ino, name } => {
                    let file = Some(file(*ino));
                    disk.entry(name).push(Entry { at, fate: Fate::Pending, file });
                }
                Event::Unlink { name } => disk.entry(name).push(Entry { at, fate: Fate::Pending, file: None }),
                Event::SyncBegins { id, ino, name } => drop(syncs.insert(*id, (at, *ino, name))),
                Event::Synced { id } | Event::SyncFailed { id } => {
                    let fate = if matches!(event, Event::Synced { .. }) { Fate::Synced } else { Fate::Doubtful };
                    let Some((began, ino, name)) = syncs.remove(id) else { continue };
                    let file = file(ino);
                    disk.sync(file, name, began, fate);
                }
                Event::Open { .. } | Event::Answer { .. } | Event::Fired { .. } => {}
            }
        }
        disk
    }

    fn entry(&mut self, name: &str) -> &mut Vec<Entry> {
        self.entries.entry(name.to_owned()).or_default()
    }

    /// Gives this fate to the pending changes of a file, or of the names in a directory, that were made before a sync
    /// began.
    fn sync(&mut self, file: File, name: &str, began: usize, fate: Fate) {
        let changes = self.changes.entry(file).or_default().iter_mut();
        changes.filter(|c| c.at < began && c.fate == Fate::Pending).for_each(|change| change.fate = fate);
        let within = self.entries.iter_mut().filter(|(entry, _)| directory_of(entry) == name);
        let entries = within.flat_map(|(_, entries)| entries);
        entries.filter(|e| e.at < began && e.fate == Fate::Pending).for_each(|entry| entry.fate = fate);
    }

    /// Writes an image of the directory as it may be found after the cut.
    pub fn write_image(&self, directory: &Path, unsynced: Unsynced, random: &mut Random) {
        // In the order of their names, so that a seed leads to the same image again.
        let mut names: Vec<_> = self.entries.keys().collect();
        names.sort();
        let mut contents: HashMap<File, Vec<u8>> = HashMap::new();
        for name in names {
            let Some(file) = found(&self.entries[name], unsynced, random) else { continue };
            let content = contents.entry(file).or_insert_with(|| self.content(file, unsynced, random));
            let mut options = fs::OpenOptions::new();
            let path = directory.join(name);
            // A folder of its own comes with what is in it.
            fs::create_dir_all(path.parent().unwrap_or(directory)).expect("an image can be written");
            let made = options.write(true).create_new(true).mode(0o600).open(path);
            made.and_then(|mut made| made.write_all(content)).expect("an image can be written");
        }
    }

    fn content(&self, file: File, unsynced: Unsynced, random: &mut Random) -> Vec<u8> {
        let mut content = Vec::new();
        for change in self.changes.get(&file).into_iter().flatten() {
            let whole = change.fate == Fate::Synced || matches!(unsynced, Unsynced::Kept);
            match (change.event, unsynced) {
                _ if !whole && matches!(unsynced, Unsynced::Dropped) => {}
                (Event::Truncate { length, .. }, _) if whole || random.percent(50) => content.resize(*length, 0),
                (Event::Write { offset, data, .. }, _) if whole => put(&mut content, *offset, data),
                (Event::Write { offset, data, .. }, Unsynced::Torn(piece)) => match random.within(0..3) {
                    0 => {}
                    1 => put(&mut content, *offset, data),
                    _ => tear(&mut content, *offset, data, piece, random),
                },
                _ => {}
            }
        }
        content
    }
}

/// The directory that a name is in.
fn directory_of(name: &str) -> &str {
    name.rsplit_once('/').map_or(".", |(directory, _)| directory)
}

/// The file that a name leads to: the names of a directory are lost from the last one on.
fn found(entries: &[Entry], unsynced: Unsynced, random: &mut Random) -> Option<File> {
    let synced = entries.iter().rposition(|entry| entry.fate == Fate::Synced).map_or(0, |last| last + 1);
    let kept = match unsynced {
        Unsynced::Dropped => synced,
        Unsynced::Kept => entries.len(),
        Unsynced::Torn(_) => random.within(synced..entries.len() + 1),
    };
    entries[..kept].last().and_then(|entry| entry.file)
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

/// Writes some of the pieces, which begin where the disk's own pieces do.
fn tear(content: &mut Vec<u8>, offset: usize, data: &[u8], piece: usize, random: &mut Random) {
    let mut from = 0;
    while from < data.len() {
        let end = data.len().min(from + piece - (offset + from) % piece);
        if random.percent(50) {
            put(content, offset + from, &data[from..end]);
        }
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: usize, data: &str) -> Event {
        Event::Write { ino: 7, offset, data: data.as_bytes().to_vec() }
    }

    fn sync(id: u32, ino: u64, name: &str) -> [Event; 2] {
        [Event::SyncBegins { id, ino, name: name.to_owned() }, Event::Synced { id }]
    }

    fn recording(parts: &[&[Event]]) -> Recording {
        Recording { events: parts.concat() }
    }

    /// The content of file `a` in an image of the end of the recording.
    fn image(recording: &Recording, unsynced: Unsynced) -> Option<String> {
        let directory = tempfile::tempdir().expect("a directory");
        let disk = Disk::after(recording, recording.events.len());
        disk.write_image(directory.path(), unsynced, &mut Random::new(1));
        fs::read_to_string(directory.path().join("a")).ok()
    }

    fn made() -> Vec<Event> {
        vec![Event::Create { ino: 7, name: "a".to_owned() }]
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be_lost() {
        let (file, directory) = (sync(1, 7, "a"), sync(2, 9, "."));
        let recording = recording(&[&made(), &directory, &[write(0, "one")], &file, &[write(3, "two")]]);
        assert_eq!(image(&recording, Unsynced::Dropped).as_deref(), Some("one"));
        assert_eq!(image(&recording, Unsynced::Kept).as_deref(), Some("onetwo"));
    }

    #[test]
    fn a_file_whose_name_was_not_synced_may_be_lost() {
        let recording = recording(&[&made(), &[write(0, "one")], &sync(1, 7, "a")]);
        assert_eq!(image(&recording, Unsynced::Dropped), None);
    }

    #[test]
    fn a_sync_holds_only_what_was_written_before_it_began() {
        let [begins, ends] = sync(1, 7, "a");
        let recording = recording(&[&made(), &sync(2, 9, "."), &[write(0, "a"), begins, write(1, "b"), ends]]);
        assert_eq!(image(&recording, Unsynced::Dropped).as_deref(), Some("a"));
    }

    #[test]
    fn after_a_failed_sync_a_later_one_promises_nothing_for_the_same_write() {
        let [begins, _] = sync(1, 7, "a");
        let failed = [write(0, "a"), begins, Event::SyncFailed { id: 1 }];
        let recording = recording(&[&made(), &sync(3, 9, "."), &failed, &sync(2, 7, "a")]);
        assert_eq!(image(&recording, Unsynced::Dropped).as_deref(), Some(""));
    }

    #[test]
    fn a_new_file_has_nothing_of_a_removed_one_with_its_number() {
        let gone = [write(0, "old"), Event::Unlink { name: "a".to_owned() }];
        let recording = recording(&[&made(), &gone, &made(), &[write(0, "n")]]);
        assert_eq!(image(&recording, Unsynced::Kept).as_deref(), Some("n"));
    }

    #[test]
    fn a_file_that_was_renamed_has_both_its_name_and_its_content_only_once_each_was_synced() {
        let renamed = [
            Event::Create { ino: 7, name: "a.part".to_owned() },
            write(0, "one"),
            Event::Link { ino: 7, name: "a".to_owned() },
            Event::Unlink { name: "a.part".to_owned() },
        ];
        let (file, directory) = (sync(1, 7, "a.part"), sync(2, 9, "."));
        assert_eq!(image(&recording(&[&renamed, &file]), Unsynced::Dropped), None);
        assert_eq!(image(&recording(&[&renamed, &directory]), Unsynced::Dropped).as_deref(), Some(""));
        assert_eq!(image(&recording(&[&renamed, &file, &directory]), Unsynced::Dropped).as_deref(), Some("one"));
    }

    #[test]
    fn a_sync_of_a_directory_holds_no_name_of_another_one() {
        let made = [Event::Create { ino: 7, name: "folder/b".to_owned() }];
        let moved = [Event::Link { ino: 7, name: "a".to_owned() }, Event::Unlink { name: "folder/b".to_owned() }];
        let recording = recording(&[&made, &moved, &sync(1, 8, "folder")]);
        assert_eq!(image(&recording, Unsynced::Dropped), None);
        assert_eq!(image(&recording, Unsynced::Kept).as_deref(), Some(""));
    }

    #[test]
    fn a_write_is_torn_where_the_disk_s_pieces_begin() {
        let mut content = vec![b'-'; 8];
        let (mut random, mut seen) = (Random::new(1), std::collections::BTreeSet::new());
        for _ in 0..50 {
            content.fill(b'-');
            tear(&mut content, 2, b"abcd", 4, &mut random);
            seen.insert(String::from_utf8(content.clone()).expect("ASCII"));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["--------", "----cd--", "--ab----", "--abcd--"]);
    }
}
