//! A client of the interface, for commands: one connection, a certificate that is verified, and waits that end.

use data_encoding::BASE64;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// The largest body that is read, in bytes: a page of a listing has less than 1 MB.
const MAX_BODY: usize = 64 << 20;

/// How a server is reached.
pub struct ClientOptions {
    /// Certificates of authorities, in PEM, for the server's certificate; by default those of the system.
    pub authorities: Option<Vec<u8>>,
    /// The name that the server's certificate must have, if it is not the host of the URL.
    pub tls_name: Option<String>,
    /// A user name and an API key.
    pub login: Option<(String, String)>,
    /// How long a request may take, with the connection that it may need.
    pub timeout: Duration,
}

/// The answer of a server.
pub struct ApiReply {
    /// The status.
    pub status: StatusCode,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// The URL or an option cannot be used.
    Unusable(String),
    /// The request failed; it may have been carried out.
    Failed(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Unusable(why) | ClientError::Failed(why) => f.write_str(why),
        }
    }
}

/// Sends requests to one server.
pub struct ApiClient {
    /// Scheme, host and port as they were given.
    url: String,
    host: String,
    port: u16,
    /// What the URL has before the paths of the interface, without a slash at its end.
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    authorization: Option<String>,
    timeout: Duration,
    /// The connection of the request before.
    idle: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl ApiClient {
    /// A client of the server with this URL. Nothing is sent yet.
    pub fn new(url: &str, options: ClientOptions) -> Result<ApiClient, ClientError> {
        let unusable = |why: &str| ClientError::Unusable(format!("{url}: {why}"));
        let uri: Uri = url.parse().map_err(|_| unusable("this is not a URL"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unusable("a URL begins with https:// or http://")),
        };
        let host = uri.host().ok_or_else(|| unusable("a URL has a host"))?.trim_matches(['[', ']']).to_owned();
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || uri.query().is_some() {
            return Err(unusable("a URL of a server has neither a user nor a query"));
        }
        if options.login.is_some() && !is_tls && !is_loopback(&host) {
            return Err(unusable("an API key is sent over https only, or to this machine"));
        }
        let tls = if is_tls {
            let name = options.tls_name.as_deref().unwrap_or(&host).to_owned();
            let name = ServerName::try_from(name).map_err(|_| unusable("a certificate cannot have this name"))?;
            Some((connector(options.authorities.as_deref())?, name))
        } else {
            None
        };
        let basic = |(user, key)| format!("Basic {}", BASE64.encode(format!("{user}:{key}").as_bytes()));
        Ok(ApiClient {
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            url: url.trim_end_matches('/').to_owned(),
            host,
            tls,
            authorization: options.login.map(basic),
            timeout: options.timeout,
            idle: Mutex::default(),
        })
    }

    /// The URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request, and reads the whole answer.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<ApiReply, ClientError> {
        let failed = |why: &dyn fmt::Display| ClientError::Failed(format!("{}: {why}", self.url));
        let authority = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, format!("{authority}:{}", self.port))
            .header(USER_AGENT, concat!("carnelian/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Bytes::from(body.map(ToString::to_string).unwrap_or_default());
        let request = request.body(Full::new(body)).map_err(|error| failed(&error))?;
        match timeout(self.timeout, self.exchange(request)).await {
            Ok(reply) => reply.map_err(|why| failed(&why)),
            Err(_) => Err(failed(&format_args!("no answer within {} s", self.timeout.as_secs()))),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<ApiReply, String> {
        let mut idle = self.idle.lock().await;
        let mut connection = match still_open(idle.take()).await {
            Some(open) => open,
            None => self.connect().await?,
        };
        let response = connection.send_request(request).await.map_err(describe)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|error| format!("the answer was cut off: {error}"))?.to_bytes();
        *idle = Some(connection);
        Ok(ApiReply { status, body })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        // Requests are written as a whole, so waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => open(stream).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                open(stream.map_err(|error| format!("TLS failed: {error}"))?).await
            }
        }
    }
}

/// The connection of the request before, unless it was closed.
async fn still_open(idle: Option<SendRequest<Full<Bytes>>>) -> Option<SendRequest<Full<Bytes>>> {
    let mut open = idle?;
    open.ready().await.is_ok().then_some(open)
}

/// Begins HTTP on a connection, which a task of its own serves until it is dropped.
async fn open<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(describe)?;
    // Its error is that of the request in flight, too.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn connector(authorities: Option<&[u8]>) -> Result<TlsConnector, ClientError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map_err(|error| error.to_string());
                let added = added.and_then(|one| roots.add(one).map_err(|error| error.to_string()));
                added.map_err(|why| ClientError::Unusable(format!("the certificates of authorities: {why}")))?;
            }
            if roots.is_empty() {
                return Err(ClientError::Unusable("the certificates of authorities: there is none in the file".into()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites for the default versions");
    Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The error with its causes, which hyper leaves out.
fn describe(error: hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str, login: bool) -> Result<ApiClient, ClientError> {
        let login = login.then(|| ("root".to_owned(), "key".to_owned()));
        ApiClient::new(url, ClientOptions { authorities: None, tls_name: None, login, timeout: Duration::from_secs(1) })
    }

    #[test]
    fn a_url_has_a_scheme_and_a_host_and_may_have_a_port_and_a_path() {
        for (url, host, port, prefix) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080, ""),
            ("https://registry.example.com/", "registry.example.com", 443, ""),
            ("http://[::1]:80/base/", "::1", 80, "/base"),
        ] {
            let client = client(url, false).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!((client.host.as_str(), client.port, client.prefix.as_str()), (host, port, prefix), "{url}");
        }
        for url in ["", "localhost:8080", "/admin", "ftp://x", "http://", "http://a:b@c", "http://c/?x=1"] {
            assert!(client(url, false).is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_leaves_the_machine_over_tls_only() {
        for url in ["http://127.0.0.1:1", "http://localhost", "http://[::1]", "https://registry.example.com"] {
            assert!(client(url, true).is_ok(), "{url}");
        }
        for url in ["http://registry.example.com", "http://192.0.2.1"] {
            assert!(client(url, true).is_err(), "{url}");
            assert!(client(url, false).is_ok(), "{url}");
        }
    }
}
