//! Many connections at once, driven by one thread.

use std::net::SocketAddr;

use blackbox::connection::is_silence;
use blackbox::{Connection, Reply, Request};

/// A connection with a request that may wait long for its response.
pub struct Member {
    /// The connection, for further requests.
    pub connection: Connection,
    /// The response, if it has been received.
    pub reply: Option<Reply>,
}

/// Opens `count` connections.
pub fn open(address: SocketAddr, count: usize) -> Vec<Connection> {
    (0..count).map(|_| Connection::open(address).expect("the server accepts connections")).collect()
}

impl Member {
    /// Sends a request without waiting for the response.
    pub fn asking(mut connection: Connection, request: &Request) -> Self {
        connection.send_bytes(&request.bytes()).expect("the server reads on");
        connection.never_wait();
        Self { connection, reply: None }
    }

    /// Receives the response if it has arrived; whether it has.
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

/// Receives what has arrived; how many requests have been answered so far.
#[track_caller]
pub fn answered(members: &mut [Member]) -> usize {
    members.iter_mut().map(|member| usize::from(member.is_answered())).sum()
}
