//! HTTP/1.1 by hand, over anything that can be read and written.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::{Reply, Request, hits, invariants};

/// How long a client waits for a response.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One connection to the server.
pub struct Connection<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects without TLS.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, READ_TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_write_timeout(Some(READ_TIMEOUT))?;
        Ok(Self::over(stream))
    }

    /// Connects without TLS, from an address of the loopback interface.
    pub fn open_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::from((source, 0)))?;
        connect(&socket, &address)?;
        let connection = Self::over(TcpStream::from(socket));
        connection.set_patience(READ_TIMEOUT);
        Ok(connection)
    }

    /// Sets how long to wait for a response.
    pub fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a socket takes a timeout");
    }

    /// Makes the connection non-blocking: a read or write that cannot be done at once fails with `WouldBlock`.
    pub fn never_wait(&self) {
        self.stream.set_nonblocking(true).expect("a socket can be made non-blocking");
    }
}

impl<S: Read + Write> Connection<S> {
    /// Speaks HTTP over `stream`.
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends a request and receives its response.
    pub fn exchange(&mut self, request: &Request) -> io::Result<Reply> {
        // A server may respond and close the connection before it has read the whole request; the response counts then.
        let sent = self.send_bytes(&request.bytes());
        let received = self.receive(&request.method, &request.target);
        if received.is_err() {
            sent?;
        }
        received
    }

    /// Sends raw bytes.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Receives the final response to a request, checks the invariants of every response, and records it.
    pub fn receive(&mut self, method: &str, target: &str) -> io::Result<Reply> {
        loop {
            let reply = self.receive_one(method)?;
            if reply.status >= 200 {
                invariants::check(method, target, &reply);
                hits::record(method, target, &reply);
                return Ok(reply);
            }
        }
    }

    /// Receives one response, which may be an interim one, without checking it.
    pub fn receive_one(&mut self, method: &str) -> io::Result<Reply> {
        let head = self.read_head()?;
        let (status, headers) = parse_head(&head)?;
        let mut reply = Reply { status, headers, body: Vec::new() };
        let bodiless = method == "HEAD" || matches!(status, 100..200 | 204 | 304);
        if bodiless {
            return Ok(reply);
        }
        match self.read_body(&reply) {
            Ok(body) => reply.body = body,
            Err(error) => {
                // A later call receives the response from its beginning.
                self.unread.splice(0..0, head);
                return Err(error);
            }
        }
        Ok(reply)
    }

    /// Reads until the server closes the connection, and returns all bytes.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.unread))
    }

    fn read_head(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                return Ok(self.take(at + 4));
            }
            self.fill_or_fail()?;
        }
    }

    fn read_body(&mut self, reply: &Reply) -> io::Result<Vec<u8>> {
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().map_err(|_| broken("the content length is no number"))?;
            return self.read_exactly(length);
        }
        match reply.header("transfer-encoding") {
            Some("chunked") => self.read_chunks(),
            _ => self.read_to_end(),
        }
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match find(&self.unread, b"\r\n") {
                    Some(at) => break self.take(at + 2),
                    None => self.fill_or_fail()?,
                }
            };
            let size = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| broken("the chunk size is no number"))?;
            let chunk = self.read_exactly(size + 2)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend(&chunk[..size]);
        }
    }

    fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.fill_or_fail()?;
        }
        Ok(self.take(length))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.unread.drain(..length).collect()
    }

    fn fill_or_fail(&mut self) -> io::Result<()> {
        if self.fill()? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        self.unread.extend(&buffer[..count]);
        Ok(count > 0)
    }
}

/// Whether an error means that the server closed the connection, rather than that a read timed out.
pub fn is_closed(error: &io::Error) -> bool {
    !is_silence(error)
}

/// Whether an error means that a read timed out.
pub fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn parse_head(head: &[u8]) -> io::Result<(u16, Vec<(String, String)>)> {
    let head = std::str::from_utf8(head).map_err(|_| broken("the head is not UTF-8"))?;
    let mut lines = head.trim_end().split("\r\n");
    // An HTTP/1.0 request gets an HTTP/1.0 response.
    let line = lines.next().unwrap_or_default();
    let after_version = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let status = after_version.and_then(|rest| rest.get(..3));
    let status = status.and_then(|status| status.parse().ok()).ok_or_else(|| broken("there is no status line"))?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a header has no colon"))?;
        Ok((name.to_owned(), value.trim().to_owned()))
    };
    Ok((status, lines.map(header).collect::<io::Result<_>>()?))
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
