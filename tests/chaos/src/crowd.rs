//! Many connections at once, driven by one thread.

use std::net::SocketAddr;

use blackbox::connection::is_silence;
use blackbox::{Connection, Reply, Request};

/// Who asks something, and may wait for the answer for long.
pub struct Member {
    /// The connection, for whatever comes next.
    pub connection: Connection,
    /// What was answered.
    pub reply: Option<Reply>,
}

/// Opens that many connections.
pub fn open(address: SocketAddr, count: usize) -> Vec<Connection> {
    (0..count).map(|_| Connection::open(address).expect("the server accepts connections")).collect()
}

impl Member {
    /// Sends a request and waits for nothing.
    pub fn asking(mut connection: Connection, request: &Request) -> Self {
        connection.send_bytes(&request.bytes()).expect("the server reads on");
        connection.never_wait();
        Self { connection, reply: None }
    }

    /// Receives what has come by now; whether the answer has.
    #[track_caller]
    pub fn is_answered(&mut self) -> bool {
        if self.reply.is_none() {
            match self.connection.receive("POST", "-") {
                Ok(reply) => self.reply = Some(reply),
                Err(error) => assert!(is_silence(&error), "a connection broke: {error}"),
            }
        }
        self.reply.is_some()
    }
}

/// Receives what has come by now; how many have been answered so far.
#[track_caller]
pub fn answered(members: &mut [Member]) -> usize {
    members.iter_mut().map(|member| usize::from(member.is_answered())).sum()
}
