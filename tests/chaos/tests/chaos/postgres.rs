//! Registries in a PostgreSQL database: faults of PostgreSQL, of the connections to it, and of one of several servers.

mod connections;
mod crashes;
mod detection;
mod servers;

use std::time::{Duration, Instant};

use blackbox::{CUSTOMERS, Client, Reply, Request, Server, sample, wait};
use chaos::model::Sent;
use chaos::{Outcome, Random, TestRegistry};
use serde_json::Value;

/// Sends a request with a key until the answer is not 503.
fn send_until_answered(client: &Client, request: &Request) -> Reply {
    wait::until("a request is answered", wait::PATIENCE, || {
        let reply = client.send(request.clone());
        (reply.status != 503).then_some(reply)
    })
}

/// A create, with a key if `key` is one.
fn create(body: &Value, key: Option<&str>) -> Request {
    keyed(Request::new("POST", CUSTOMERS), key).json(body)
}

fn keyed(request: Request, key: Option<&str>) -> Request {
    match key {
        Some(key) => request.header("Idempotency-Key", key),
        None => request,
    }
}

/// Creates a customer, again and again until that succeeds, and records it; how long it took.
fn recover(server: &Server, registry: &mut TestRegistry, random: &mut Random) -> Duration {
    let began = Instant::now();
    let request = format!("recovered-{:x}", random.number());
    let body = sample::full(&request, "Acme");
    let id = send_until_answered(&server.client_of(&registry.ada), &create(&body, Some(&request))).customer_id();
    let took = began.elapsed();
    registry.histories.push(vec![acknowledged(&request, body, id)]);
    took
}

fn acknowledged(request: &str, body: Value, id: u64) -> Sent {
    Sent { request: request.to_owned(), body, outcome: Outcome::Acknowledged(id) }
}
