//! A client that keeps its connection and authenticates every request.

use std::cell::RefCell;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use crate::{Connection, Login, Reply, Request};

/// Where customers are created.
pub const CUSTOMERS: &str = "/rws/api/v1/customers";

/// A client with one connection, kept between requests.
pub struct Client {
    address: SocketAddr,
    login: Option<Login>,
    kept: RefCell<Option<Connection>>,
}

impl Client {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr, login: Option<Login>) -> Self {
        Self { address, login, kept: RefCell::new(None) }
    }

    /// Sends a request, with the client's credentials unless it has an `Authorization` header.
    pub fn try_send(&self, request: Request) -> io::Result<Reply> {
        let request = match &self.login {
            Some(login) if !request.has("Authorization") => request.login(login),
            _ => request,
        };
        let kept = self.kept.borrow_mut().take();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.address)?,
        };
        let reply = connection.exchange(&request)?;
        if reply.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
            *self.kept.borrow_mut() = Some(connection);
        }
        Ok(reply)
    }

    /// Like [`Client::try_send`], for a request that must be answered.
    #[track_caller]
    pub fn send(&self, request: Request) -> Reply {
        let line = format!("{} {:.200}", request.method, request.target);
        self.try_send(request).unwrap_or_else(|error| panic!("{line} was not answered: {error}"))
    }

    /// Gets a path.
    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.send(Request::new("GET", target))
    }

    /// Gets a path from a server that may not answer.
    pub fn try_get(&self, target: &str) -> io::Result<Reply> {
        self.try_send(Request::new("GET", target))
    }

    /// Creates a customer.
    #[track_caller]
    pub fn create(&self, customer: &Value) -> Reply {
        self.send(Request::new("POST", CUSTOMERS).json(customer))
    }

    /// Sends bytes as the body of a create.
    #[track_caller]
    pub fn create_bytes(&self, body: impl Into<Vec<u8>>) -> Reply {
        self.send(Request::new("POST", CUSTOMERS).json_bytes(body))
    }

    /// Gets a customer.
    #[track_caller]
    pub fn read(&self, id: u64) -> Reply {
        self.get(&format!("{CUSTOMERS}/{id}"))
    }

    /// Edits a customer.
    #[track_caller]
    pub fn edit(&self, id: u64, customer: &Value) -> Reply {
        self.send(Request::new("PUT", &format!("{CUSTOMERS}/{id}")).json(customer))
    }

    /// Erases a customer.
    #[track_caller]
    pub fn erase(&self, id: impl Display) -> Reply {
        self.send(Request::new("DELETE", &format!("{CUSTOMERS}/{id}")))
    }
}
