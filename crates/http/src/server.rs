//! The accept loop: connections in, requests to the pipeline, a bounded end.

use crate::{malformed::Enveloping, service::Service, tls::Tls, workers::Workers};
use carnelian_domain::Problem;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use std::{future::Future, io, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The largest header section, in bytes.
const HEADER_BYTES: usize = 16 * 1024;

/// The most header fields of a request.
const HEADER_FIELDS: usize = 100;

/// How long to wait before accepting again when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the server treats connections.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// How many connections are served at once; further ones are told to come back.
    pub connections: usize,
    /// How long a header section may take to arrive, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How many threads serve connections.
    pub threads: usize,
}

/// Serves until `shutdown` resolves, then gives what is in flight as long as `shutdown` says.
///
/// Fails only if the threads cannot be started.
pub async fn run(
    listener: TcpListener,
    service: Arc<Service>,
    tls: Option<Tls>,
    settings: ServerSettings,
    shutdown: impl Future<Output = Duration>,
) -> io::Result<()> {
    let server = Server {
        service,
        tls,
        free: Arc::new(Semaphore::new(settings.connections)),
        workers: Workers::start(settings.threads)?,
        settings,
    };
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    let grace = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // On a socket of both families an IPv4 address comes in the form of IPv6.
                Ok((stream, peer)) => server.admit(stream, peer.ip().to_canonical(), &graceful),
                Err(error) => pause(&error).await,
            },
            grace = &mut shutdown => break grace,
        }
    };
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        let connections = server.settings.connections.saturating_sub(server.free.available_permits());
        tracing::warn!(connections, "some requests were cut off at the end of the grace period");
    }
    Ok(())
}

/// A connection that broke before it was accepted needs no pause; anything else would come again at once.
async fn pause(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

struct Server {
    service: Arc<Service>,
    tls: Option<Tls>,
    free: Arc<Semaphore>,
    workers: Workers,
    settings: ServerSettings,
}

impl Server {
    /// Starts serving a connection, or turns it away if there are too many.
    fn admit(&self, stream: TcpStream, peer: IpAddr, graceful: &GracefulShutdown) {
        let Ok(place) = self.free.clone().try_acquire_owned() else {
            if self.tls.is_none() {
                // A fresh socket takes this much without waiting; if not, the connection is just closed.
                let _ = stream.try_write(&self.service.refuse(Problem::Unavailable));
            }
            return;
        };
        // Answers are small and whole; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        // The thread that will serve it watches the socket, not the one that accepts.
        let Ok(stream) = stream.into_std() else { return };
        let connection = Connection { peer, service: self.service.clone(), watcher: graceful.watcher(), _place: place };
        let header_timeout = self.settings.header_timeout;
        // Two kinds of task, so that a connection without TLS takes no memory for it.
        match self.tls.as_ref().map(Tls::acceptor) {
            None => self.workers.serve(async move {
                let Ok(stream) = TcpStream::from_std(stream) else { return };
                connection.serve(stream, header_timeout).await;
            }),
            Some(acceptor) => self.workers.serve(async move {
                let Ok(stream) = TcpStream::from_std(stream) else { return };
                // A handshake that fails or lingers concerns nobody but that client.
                if let Ok(Ok(stream)) = timeout(header_timeout, acceptor.accept(stream)).await {
                    connection.serve(stream, header_timeout).await;
                }
            }),
        }
    }
}

struct Connection {
    peer: IpAddr,
    service: Arc<Service>,
    watcher: Watcher,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(self, stream: S, header_timeout: Duration) {
        let Connection { peer, service, watcher, _place } = self;
        let stream = Enveloping::new(stream, service.clone(), header_timeout);
        let handle = service_fn(move |request| {
            let service = service.clone();
            async move { service.handle(peer, request).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(HEADER_BYTES)
            .max_headers(HEADER_FIELDS)
            .serve_connection(TokioIo::new(stream), handle);
        // A connection that breaks concerns nobody but its client.
        let _ = watcher.watch(connection).await;
    }
}
