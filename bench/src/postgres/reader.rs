//! A minimal server that reads a row: it authenticates as the control does, runs a prepared statement and shows
//! two columns.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode},
    routing::get,
    serve::ListenerExt,
};
use tokio::net::TcpListener;
use tokio_postgres::{Client, NoTls, Statement};

use crate::control::{Users, json};

const CUSTOMER: &str = "
    SELECT account_id, name, ship_to_bill_address, sealed, version FROM customer WHERE partition = 0 AND id = $1";

struct Reader {
    users: Users,
    /// One for each core, with their statements.
    connections: Vec<(Client, Statement)>,
    next: AtomicUsize,
}

/// Serves the customers of a registry in a database until it is ended from outside.
pub fn run(database: &str, listen: SocketAddr) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut connections = Vec::new();
        for _ in 0..thread::available_parallelism()?.get() {
            let (client, connection) = tokio_postgres::connect(database, NoTls).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            let statement = client.prepare(CUSTOMER).await.map_err(io::Error::other)?;
            connections.push((client, statement));
        }
        let reader = Reader { users: Users::new(), connections, next: AtomicUsize::new(0) };
        let router = Router::new()
            .route("/rws/api/v1/customers/{id}", get(read))
            .route("/health/ready", get(|| async { json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()) }))
            .with_state(Arc::new(reader));
        let listener = TcpListener::bind(listen).await?;
        writeln!(io::stdout(), "Listening on http://{}", listener.local_addr()?)?;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router).await
    })
}

async fn read(State(reader): State<Arc<Reader>>, headers: HeaderMap, Path(id): Path<i64>) -> Response<Body> {
    if !reader.users.know(&headers) {
        return json(StatusCode::UNAUTHORIZED, "{}".to_owned());
    }
    let next = reader.next.fetch_add(1, Ordering::Relaxed) % reader.connections.len();
    let (client, statement) = &reader.connections[next];
    match client.query_opt(statement, &[&id]).await {
        Ok(Some(row)) => {
            let name = serde_json::Value::from(row.get::<_, &str>(1));
            json(StatusCode::OK, format!(r#"{{"name":{name},"customerId":{id}}}"#))
        }
        Ok(None) => json(StatusCode::NOT_FOUND, "{}".to_owned()),
        Err(_) => json(StatusCode::SERVICE_UNAVAILABLE, "{}".to_owned()),
    }
}
