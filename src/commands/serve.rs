//! `carnelian serve`.

use super::{demo, output};
use crate::{
    CliError,
    backend::Purpose,
    cli::Serve,
    config::Settings,
    host::ProcessHost,
    job_thread::JobThread,
    listener, logging, machine,
    sandbox::{self, OnAnyFailure, Prepared, Seed},
    signals::{Hangup, Signals},
    tls_files::{self, TlsFiles},
    watching::{log_audit_heads, note_key_uses, watch as watch_registry},
    wiring,
};
use carnelian_app::App;
use carnelian_http::{ConnectionLimits, ServerSettings, Service, ServiceSettings, Source};
use std::{any::Any, fs, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, runtime::Builder, sync::watch};

/// How long requests in flight may take after the signal that stops the server.
const GRACE: Duration = Duration::from_secs(10);

/// How long answers that are already known may take to leave when the store has failed.
const FAILURE_GRACE: Duration = Duration::from_millis(500);

/// How many connections may wait to be accepted, as far as the system permits: a client that finds no place there tries again
/// only a second later.
const BACKLOG: u32 = 4096;

/// How long anything still running may take once the server has stopped.
const RUNTIME_GRACE: Duration = Duration::from_millis(100);

/// Serves until a signal stops it.
pub(super) fn run(settings: Settings, command: Serve) -> Result<(), CliError> {
    listener::check_address(&settings)?;
    let what = what(&settings, &command)?;
    let tls = tls_files::load(&settings)?;
    let _log = logging::start(settings.log, settings.log_level).map_err(CliError::failed)?;
    tls_files::warn(tls.iter().flat_map(|files| &files.warnings));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(CliError::failed)?;
    let outcome = runtime.block_on(async {
        if command.migrate {
            wiring::migrate(&settings).await?;
        }
        serve(&settings, tls, what).await
    });
    runtime.shutdown_timeout(RUNTIME_GRACE);
    // Closing the store waits for what is still to be written; a sandbox's folder goes after that.
    outcome.and_then(|(_last, end)| end)
}

/// Checks the settings as `serve` does before it opens the registry, and returns why clients would refuse the certificate.
pub(super) fn check(settings: &Settings) -> Result<Vec<String>, CliError> {
    listener::check_address(settings)?;
    Ok(tls_files::load(settings)?.map(|files| files.warnings).unwrap_or_default())
}

/// What is to be served.
enum What {
    Registry,
    Demo,
    Sandbox(Arc<Seed>),
}

/// Finds out what is to be served, before anything is made.
fn what(settings: &Settings, command: &Serve) -> Result<What, CliError> {
    if command.sandbox {
        if settings.database_url.is_some() {
            return Err(CliError::usage("--sandbox is not for a database: a sandbox is kept in memory or in --data"));
        }
        return Ok(What::Sandbox(Arc::new(sandbox::read_seed(command.seed.as_deref(), settings)?)));
    }
    if sandbox::is_marked(&settings.data) {
        let why = "belongs to a sandbox, whose keys are no secret; it is served with --sandbox alone";
        return Err(CliError::failed(format!("{} {why}", settings.data.display())));
    }
    Ok(if command.demo { What::Demo } else { What::Registry })
}

/// What there is to try, once the address is known.
type Instructions = Box<dyn Fn(&str) -> String>;

/// What has been opened to be served.
struct Opened {
    source: Source,
    /// Where its data is.
    place: String,
    instructions: Option<Instructions>,
    /// The registry, unless it is a sandbox's.
    registry: Option<Arc<App>>,
    /// To be dropped last.
    last: Box<dyn Any>,
}

async fn open(
    settings: &Settings,
    what: What,
    host: ProcessHost,
    on_failure: OnAnyFailure,
) -> Result<Opened, CliError> {
    if let What::Sandbox(seed) = what {
        let prepared = sandbox::prepare(seed.clone(), settings, on_failure).await?;
        let Prepared { sandbox, first, root, is_existing, last } = prepared;
        let instructions = move |url: &str| super::sandbox::instructions(&seed, is_existing, url);
        let source = Source::Sandbox(sandbox, first);
        let place = absolute(&root)?;
        return Ok(Opened { source, place, instructions: Some(Box::new(instructions)), registry: None, last });
    }
    let on_failure = Box::new(move |why| on_failure(why));
    let clock = wiring::system_clock();
    let app = wiring::open_app(settings, Purpose::Serving, clock, Arc::new(host), on_failure).await?;
    app.check_directory().map_err(CliError::failed)?;
    let mut instructions: Option<Instructions> = None;
    if let What::Demo = what {
        let demo = demo::prepare(&app, &settings.data).await?;
        instructions = Some(Box::new(move |url| demo.instructions(url)));
    }
    let place = match &settings.database_url {
        Some(url) => url.to_string(),
        None => absolute(&settings.data)?,
    };
    let source = Source::Registry(app.clone());
    Ok(Opened { source, place, instructions, registry: Some(app), last: Box::new(()) })
}

fn absolute(directory: &Path) -> Result<String, CliError> {
    fs::canonicalize(directory).map(|path| path.display().to_string()).map_err(CliError::failed)
}

async fn serve(
    settings: &Settings,
    tls: Option<TlsFiles>,
    what: What,
) -> Result<(Box<dyn Any>, Result<(), CliError>), CliError> {
    let (failed, failure) = watch::channel(None);
    let on_failure: OnAnyFailure = Arc::new(move |why| drop(failed.send(Some(why))));
    // SIGHUP may arrive while a large registry is opened, and must not end the process.
    let hangup = Hangup::new().map_err(CliError::failed)?;
    let cannot_listen = |error| CliError::failed(format!("cannot listen on {}: {error}", settings.listen));
    // An address that is taken is refused before a registry is made.
    let socket = listener::bind(settings.listen).map_err(cannot_listen)?;
    let limits = connection_limits(settings);
    let acceptor = tls.as_ref().map(|files| files.tls.clone());
    let host = ProcessHost::of_server(settings, acceptor.clone(), limits.clone());
    let opened = open(settings, what, host, on_failure).await?;
    let signals = Signals::new(hangup).map_err(CliError::failed)?;
    let listener = socket.listen(BACKLOG).map_err(cannot_listen)?;
    if let Some(app) = &opened.registry {
        app.note_settings(settings.erasure_grace.map(|grace| grace.0)).await.map_err(CliError::failed)?;
    }
    // Locked before a command can know that the server is there.
    let jobs = opened.registry.as_ref().map(JobThread::start).transpose().map_err(CliError::failed)?;
    match announce(&listener, tls.is_some(), &opened) {
        // The server runs even if its stdout is closed.
        Ok(()) | Err(CliError::StdoutClosed) => {}
        Err(error) => return Err(error),
    }
    let stop = until_stopped(signals, tls, failure.clone());
    let service_settings = ServiceSettings {
        published: settings.published(),
        body_bytes: settings.body_bytes,
        body_timeout: Duration::from_secs(settings.body_seconds),
        proxies: settings.proxies(),
    };
    let service = Arc::new(Service::new(opened.source, service_settings));
    let _watching = opened.registry.as_ref().map(watch_registry);
    carnelian_http::run(listener, service.clone(), acceptor, http_settings(settings, limits), stop)
        .await
        .map_err(CliError::failed)?;
    drop(jobs);
    let why = failure.borrow().clone();
    if why.is_none() {
        if let Some(app) = &opened.registry {
            note_key_uses(app).await;
            log_audit_heads(app).await;
        }
        tracing::info!("stopped");
    }
    Ok((Box::new((service, opened.last)), why.map_or(Ok(()), |why| Err(CliError::failed(why)))))
}

fn connection_limits(settings: &Settings) -> ConnectionLimits {
    let connections = machine::room_for_connections(settings.connections);
    if connections < settings.connections {
        let wanted = settings.connections;
        tracing::warn!(connections, wanted, "the limit of open files leaves room for fewer connections than allowed");
    }
    ConnectionLimits::new(connections, settings.connections_per_address)
}

fn http_settings(settings: &Settings, connections: ConnectionLimits) -> ServerSettings {
    ServerSettings {
        connections,
        header_timeout: Duration::from_secs(settings.header_seconds),
        threads: machine::cores(),
        proxies: settings.proxies(),
    }
}

/// Says where the server is and where its data is: the only words of `serve` on stdout.
fn announce(listener: &TcpListener, tls: bool, opened: &Opened) -> Result<(), CliError> {
    let address = listener.local_addr().map_err(CliError::failed)?;
    let url = format!("{}://{address}", if tls { "https" } else { "http" });
    output::print_result(format_args!("Carnelian {}", env!("CARGO_PKG_VERSION")))?;
    output::print_result(format_args!("Listening on {url}"))?;
    output::print_result(format_args!("Data in {}", opened.place))?;
    opened
        .instructions
        .as_ref()
        .map_or(Ok(()), |instructions| output::print_result(output::printable(&instructions(&url))))
}

/// Waits for a reason to stop, and says how long what is in flight may still take. A second signal ends the process.
async fn until_stopped(
    mut signals: Signals,
    tls: Option<TlsFiles>,
    mut failure: watch::Receiver<Option<String>>,
) -> Duration {
    loop {
        let is_hangup = tokio::select! {
            is_hangup = signals.stop_or_hangup() => is_hangup,
            Ok(why) = failure.wait_for(Option::is_some) => {
                tracing::error!(why = why.as_deref(), "the store has failed; stopping, so that recovery can decide");
                return FAILURE_GRACE;
            }
        };
        match &tls {
            Some(files) if is_hangup => tls_files::reload(files),
            // A server without certificates ends with its terminal, unless it was started to survive it.
            None if is_hangup && signals.ignores_hangup() => {}
            _ => break,
        }
    }
    tracing::info!("stopping");
    if let Err(error) = signals.end_at_next() {
        tracing::warn!(%error, "a second signal will not stop the server at once");
    }
    GRACE
}
