//! The control: a server that parses, authenticates and stores nothing, so that ratios compare like with like.

use std::{
    collections::HashMap,
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode, header},
    routing::{get, post},
    serve::ListenerExt,
};
use data_encoding::BASE64;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// The users that the control knows; one would be too easy to find.
const USERS: usize = 1_000;

/// The `Authorization` header of one of them.
pub fn authorization() -> String {
    format!("Basic {}", BASE64.encode(format!("user7:{}", key(7)).as_bytes()))
}

/// A key as long as those of the real server.
fn key(user: usize) -> String {
    format!("crk1_{user:075}")
}

struct Control {
    users: Users,
    next: AtomicU64,
}

/// Users and the digests of their keys.
pub struct Users(HashMap<String, [u8; 32]>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed like a real customer, and stored nowhere")]
struct Customer {
    name: String,
    account_name: String,
    security_question: Option<String>,
    security_answer: Option<String>,
    #[serde(default)]
    ship_to_bill_address: bool,
    #[serde(default)]
    contacts: Vec<Contact>,
    billing_address: Option<Address>,
    shipping_address: Option<Address>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed like a real customer, and stored nowhere")]
struct Contact {
    name: String,
    title: Option<String>,
    phone: Option<String>,
    mobile: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed like a real customer, and stored nowhere")]
struct Address {
    address_line1: Option<String>,
    address_line2: Option<String>,
    city: Option<String>,
    state: Option<String>,
    country: Option<String>,
    postal_code: Option<String>,
}

impl Users {
    /// As many as a registry may have.
    pub fn new() -> Self {
        Self((0..USERS).map(|user| (format!("user{user}"), Sha256::digest(key(user).as_bytes()).into())).collect())
    }

    /// Whether a request is signed in by one of them.
    pub fn know(&self, headers: &HeaderMap) -> bool {
        self.caller(headers).is_some()
    }

    fn caller(&self, headers: &HeaderMap) -> Option<()> {
        let encoded = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()?;
        let (user, key) = decoded.split_once(':')?;
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let differences = digest.iter().zip(self.0.get(user)?).fold(0, |all, (a, b)| all | (a ^ b));
        (differences == 0).then_some(())
    }
}

/// Serves until it is ended from outside.
pub fn run(listen: SocketAddr) -> io::Result<()> {
    let control = Arc::new(Control { users: Users::new(), next: AtomicU64::new(1) });
    let router = Router::new()
        .route("/rws/api/v1/customers", post(create))
        .route("/rws/api/v1/customers/{id}", get(read))
        .route("/health/ready", get(|| async { json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()) }))
        .with_state(control);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        writeln!(io::stdout(), "Listening on http://{}", listener.local_addr()?)?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router).await
    })
}

async fn create(State(control): State<Arc<Control>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    if !control.users.know(&headers) {
        return json(StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    let Ok(customer) = serde_json::from_slice::<Customer>(&body) else {
        return json(StatusCode::BAD_REQUEST, "{}".to_owned());
    };
    // Kept from being optimised away.
    std::hint::black_box(&customer);
    let id = control.next.fetch_add(1, Ordering::Relaxed);
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    json(StatusCode::OK, format!(r#"{{"customerId":{id},"timestamp":{timestamp}}}"#))
}

async fn read(State(control): State<Arc<Control>>, headers: HeaderMap, Path(id): Path<u64>) -> Response<Body> {
    if !control.users.know(&headers) {
        return json(StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    json(StatusCode::OK, format!(r#"{{"customerId":{id}}}"#))
}

/// An answer in JSON.
pub fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
