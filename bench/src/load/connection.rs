//! One keep-alive connection with at most one request in flight.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::answer::{self, Answer, Progress};

/// Larger than any answer of a customer, so that one read is enough.
const INBOX: usize = 16 * 1024;

/// A connection and its two buffers, which are used again for every request.
pub struct Connection {
    stream: TcpStream,
    inbox: Box<[u8]>,
    /// The next request, rendered.
    pub outbox: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: vec![0; INBOX].into(), outbox: Vec::with_capacity(1024) })
    }

    /// Sends what is in the outbox and waits for the answer.
    pub async fn exchange(&mut self) -> io::Result<Answer<'_>> {
        self.stream.write_all(&self.outbox).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.inbox[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            match answer::progress(&self.inbox[..filled]) {
                Progress::Partial => {}
                Progress::Malformed => return Err(io::Error::other("an answer that does not fit its length")),
                Progress::Whole { status, body } => return Ok(Answer { status, body: &self.inbox[body..filled] }),
            }
        }
    }
}
