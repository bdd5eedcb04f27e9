//! The frames of a file that is signed as a whole: a backup or a ledger. It begins with a line that says what it is, and
//! the id of its registry.

use super::BackupError;
use crate::vault::{BackupVault, Signing};
use carnelian_store::RegistryId;
use std::io::{self, Read, Write};

/// A frame with a record.
pub(super) const RECORD: u8 = b'R';

/// The last frame, with the signature.
pub(super) const END: u8 = b'E';

/// The longest frame that is accepted: far more than any record has.
const MAX_FRAME: usize = 1 << 24;

/// A file that is being written.
pub(super) struct FrameWriter<'a> {
    to: &'a mut (dyn Write + Send),
    signature: Signing,
}

impl<'a> FrameWriter<'a> {
    /// Begins a file.
    pub(super) fn begin(
        vault: &BackupVault,
        magic: &[u8],
        to: &'a mut (dyn Write + Send),
    ) -> io::Result<FrameWriter<'a>> {
        let mut writer = FrameWriter { to, signature: vault.sign() };
        writer.write(magic)?;
        writer.write(&vault.registry().0)?;
        Ok(writer)
    }

    pub(super) fn record(&mut self, content: &[u8]) -> io::Result<()> {
        self.write(&[RECORD])?;
        self.write(&(content.len() as u32).to_be_bytes())?;
        self.write(content)
    }

    /// Ends the file with a signature of every byte before.
    pub(super) fn end(self) -> io::Result<()> {
        let signature = self.signature.finish();
        self.to.write_all(&[END])?;
        self.to.write_all(&(signature.len() as u32).to_be_bytes())?;
        self.to.write_all(&signature)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.signature.update(bytes);
        self.to.write_all(bytes)
    }
}

/// The frames of a file, and the check of its signature at their end.
pub(super) struct Frames<'a> {
    from: &'a mut (dyn Read + Send),
    signature: Signing,
}

impl<'a> Frames<'a> {
    /// Begins to read a file of the registry whose keys these are.
    pub(super) fn begin(
        vault: &BackupVault,
        magic: &[u8],
        from: &'a mut (dyn Read + Send),
    ) -> Result<Frames<'a>, BackupError> {
        let registry = read_registry(magic, from)?;
        let frames = Frames::after_registry(vault, magic, from);
        if registry == vault.registry() { Ok(frames) } else { Err(BackupError::OtherRegistry) }
    }

    /// The same, when it has been read to which registry it belongs.
    pub(super) fn after_registry(vault: &BackupVault, magic: &[u8], from: &'a mut (dyn Read + Send)) -> Frames<'a> {
        let mut signature = vault.sign();
        signature.update(magic);
        signature.update(&vault.registry().0);
        Frames { from, signature }
    }

    /// The content of the next record; `None` at a valid end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, BackupError> {
        let head: [u8; 5] = exactly(self.from)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(BackupError::NotWhole);
        }
        let mut content = vec![0; length];
        fill(self.from, &mut content)?;
        match head[0] {
            RECORD => {
                self.signature.update(&head);
                self.signature.update(&content);
                Ok(Some(content))
            }
            END if self.signature.verify(&content) && io::copy(self.from, &mut io::sink())? == 0 => Ok(None),
            _ => Err(BackupError::NotWhole),
        }
    }
}

/// Reads the beginning of a file: which registry it claims to belong to.
pub(super) fn read_registry(magic: &[u8], from: &mut dyn Read) -> Result<RegistryId, BackupError> {
    let mut found = vec![0; magic.len()];
    fill(from, &mut found)?;
    if found == magic { Ok(RegistryId(exactly(from)?)) } else { Err(BackupError::NotWhole) }
}

fn exactly<const N: usize>(from: &mut dyn Read) -> Result<[u8; N], BackupError> {
    let mut bytes = [0; N];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

fn fill(from: &mut dyn Read, bytes: &mut [u8]) -> Result<(), BackupError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::NotWhole,
        _ => error.into(),
    })
}
