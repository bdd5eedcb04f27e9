//! Accepts connections, serves each on one thread, and ends with a grace period.

use crate::{
    address_limit::{AddressLimit, AddressPermit},
    proxy_protocol,
    response_stream::ResponseStream,
    service::Service,
    tls::Tls,
    trusted_proxies::TrustedProxies,
    workers::Workers,
};
use carnelian_app::host::ConnectionStatus;
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
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// The most header fields of a request.
const MAX_HEADER_FIELDS: usize = 100;

/// How long to wait before the next accept when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections that are open, and how many may be; further ones are refused.
#[derive(Clone)]
pub struct ConnectionLimits {
    limit: usize,
    limit_per_address: usize,
    /// One permit per connection.
    permits: Arc<Semaphore>,
}

impl ConnectionLimits {
    /// Allows that many connections in all, and of one address, at least one.
    pub fn new(limit: usize, limit_per_address: usize) -> ConnectionLimits {
        ConnectionLimits { limit, limit_per_address, permits: Arc::new(Semaphore::new(limit)) }
    }

    /// How many are open, and how many may be.
    pub fn status(&self) -> ConnectionStatus {
        let open = self.limit.saturating_sub(self.permits.available_permits());
        ConnectionStatus { open, limit: self.limit, limit_per_address: self.limit_per_address }
    }
}

/// How a server serves connections.
#[derive(Clone)]
pub struct ServerSettings {
    /// The limits of connections.
    pub connections: ConnectionLimits,
    /// How long a header section may take to arrive, how long a connection may be idle, and how long a client may take to
    /// read.
    pub header_timeout: Duration,
    /// The number of threads that serve connections.
    pub threads: usize,
    /// The proxies in front of the server, whose connections are not counted by address.
    pub proxies: TrustedProxies,
}

/// Serves until `shutdown` resolves to the grace period for requests in flight.
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
        of_addresses: Arc::new(AddressLimit::new(settings.connections.limit_per_address)),
        workers: Workers::start(settings.threads)?,
        settings,
    };
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    let grace = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // A dual-stack socket reports IPv4 addresses as IPv4-mapped IPv6 addresses.
                Ok((stream, peer)) => server.accept(stream, peer.ip().to_canonical(), &graceful),
                Err(error) => pause(&error).await,
            },
            grace = &mut shutdown => break grace,
        }
    };
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        let connections = server.settings.connections.status().open;
        tracing::warn!(connections, "the grace period is over; connections with unfinished requests are closed");
    }
    Ok(())
}

/// Pauses after a failed accept, unless only that connection failed.
async fn pause(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

struct Server {
    service: Arc<Service>,
    tls: Option<Tls>,
    of_addresses: Arc<AddressLimit>,
    workers: Workers,
    settings: ServerSettings,
}

impl Server {
    /// Spawns the task of a connection, or refuses the connection if there are too many, in all or of its address.
    fn accept(&self, stream: TcpStream, peer: IpAddr, graceful: &GracefulShutdown) {
        let of_address = match self.settings.proxies.contains(peer) {
            true => Some(None),
            false => self.of_addresses.acquire(peer).map(Some),
        };
        let (Some(permit), Some(of_address)) =
            (self.settings.connections.permits.clone().try_acquire_owned().ok(), of_address)
        else {
            if self.tls.is_none() {
                // The send buffer of a new socket has room for the response; if not, the connection is closed without it.
                let _ = stream.try_write(&self.service.refuse(Problem::Unavailable));
            }
            return;
        };
        // Responses are written as a whole, so waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        // The socket is registered again by the thread that serves it.
        let Ok(stream) = stream.into_std() else { return };
        let mut connection = Connection {
            peer,
            has_proxy_header: self.settings.proxies.send_proxy_header(peer),
            service: self.service.clone(),
            watcher: graceful.watcher(),
            _permits: (permit, of_address),
        };
        let header_timeout = self.settings.header_timeout;
        // Two types of task, so that a connection without TLS does not reserve memory for TLS.
        match self.tls.as_ref().map(Tls::acceptor) {
            None => self.workers.spawn(async move {
                let Ok(mut stream) = TcpStream::from_std(stream) else { return };
                let Ok(()) = connection.read_proxy_header(&mut stream, header_timeout).await else { return };
                connection.serve(stream, header_timeout).await;
            }),
            Some(acceptor) => self.workers.spawn(async move {
                let Ok(mut stream) = TcpStream::from_std(stream) else { return };
                let Ok(()) = connection.read_proxy_header(&mut stream, header_timeout).await else { return };
                // A handshake that fails or times out is the client's error and is not logged.
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
    /// Whether the connection begins with a header of the PROXY protocol.
    has_proxy_header: bool,
    _permits: (OwnedSemaphorePermit, Option<AddressPermit>),
}

impl Connection {
    /// Takes the address of the client from the header that a proxy sends first, if it sends one.
    ///
    /// A header that is malformed or late is the proxy's error and is not logged, as a handshake that fails is not.
    async fn read_proxy_header(&mut self, stream: &mut TcpStream, limit: Duration) -> io::Result<()> {
        if self.has_proxy_header {
            // Boxed, so that connections without such a header do not reserve memory for it.
            let source = Box::pin(timeout(limit, proxy_protocol::read_source(stream))).await??;
            self.peer = source.unwrap_or(self.peer);
        }
        Ok(())
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(self, stream: S, header_timeout: Duration) {
        let Connection { peer, service, watcher, has_proxy_header: _, _permits } = self;
        let stream = ResponseStream::new(stream, service.clone(), header_timeout);
        let handle = service_fn(move |request| {
            let service = service.clone();
            async move { service.handle(peer, request).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADER_FIELDS)
            .serve_connection(TokioIo::new(stream), handle);
        // A connection that breaks is the client's error and is not logged.
        let _ = watcher.watch(connection).await;
    }
}
