//! The content of a file as the body of a response, read ahead of the connection on a thread that may wait for the disk.

use hyper::body::Bytes;
use std::{
    fs::File,
    future::Future,
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::task::{JoinHandle, spawn_blocking};

/// How many bytes are read at once.
const CHUNK: u64 = 1 << 18;

/// A file that is being sent.
#[derive(Debug)]
pub(crate) struct FileBody {
    /// The file, unless it is being read.
    file: Option<File>,
    /// A read on its way.
    reading: Option<JoinHandle<io::Result<(File, Bytes)>>>,
    /// How many bytes have not been read.
    left: u64,
}

impl FileBody {
    /// The first `bytes` of a file.
    pub(crate) fn new(file: File, bytes: u64) -> FileBody {
        FileBody { file: Some(file), reading: None, left: bytes }
    }

    /// How many bytes have not been read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; none at the end. A file that is shorter than it was fails, so that the connection is closed.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(CHUNK);
        if let Some(file) = self.file.take() {
            self.reading = Some(spawn_blocking(move || read(file, length)));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context)).map_err(io::Error::other);
        self.reading = None;
        Poll::Ready(Some(read.flatten().map(|(file, bytes)| {
            self.file = Some(file);
            self.left -= length;
            bytes
        })))
    }
}

fn read(mut file: File, length: u64) -> io::Result<(File, Bytes)> {
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok((file, bytes.into()))
}
