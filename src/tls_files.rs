//! The server's certificate, and the files that it comes from.

use crate::{
    CliError,
    config::Settings,
    registry_files::{Access, check_key},
    wiring,
};
use carnelian_http::tls::{Tls, TlsError};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The certificate in use and the files that it comes from.
pub(crate) struct TlsFiles {
    settings: Settings,
    cert: PathBuf,
    key: PathBuf,
    pub(crate) tls: Tls,
    /// Why certificates were not valid at the start.
    pub(crate) warnings: Vec<String>,
}

/// Reads the files of the settings, if there are any.
pub(crate) fn load(settings: &Settings) -> Result<Option<TlsFiles>, CliError> {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(CliError::usage("--tls-cert needs --tls-key")),
        (None, Some(_)) => Err(CliError::usage("--tls-key needs --tls-cert")),
        (Some(cert), Some(key)) => {
            let (cert_pem, key_pem) = read_tls(settings, cert, key)?;
            let loaded = Tls::from_pem(&cert_pem, &key_pem, wiring::system_clock().now());
            let (tls, warnings) = loaded.map_err(|error| CliError::failed(explain_tls(cert, key, &error)))?;
            Ok(Some(TlsFiles { settings: settings.clone(), cert: cert.clone(), key: key.clone(), tls, warnings }))
        }
    }
}

/// Reads a certificate and its key, which may be readable for a group, as is usual.
fn read_tls(settings: &Settings, cert: &Path, key: &Path) -> Result<(Vec<u8>, Vec<u8>), CliError> {
    check_key(settings, key, Access::Group)?;
    Ok((read(cert)?, read(key)?))
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|error| CliError::failed(format!("{}: {error}", path.display())))
}

/// The message of an error, with the file that has it.
fn explain_tls(cert: &Path, key: &Path, error: &TlsError) -> String {
    match error {
        TlsError::Certificate(why) => format!("{}: {why}", cert.display()),
        TlsError::Key(why) => format!("{}: {why}", key.display()),
    }
}

/// Logs why clients will refuse a certificate.
pub(crate) fn warn<'a>(warnings: impl IntoIterator<Item = &'a String>) {
    for warning in warnings {
        tracing::warn!("clients will refuse the connection: {warning}");
    }
}

/// Takes the files' certificate for new connections; one that cannot be used changes nothing.
pub(crate) fn reload(TlsFiles { settings, cert, key, tls, .. }: &TlsFiles) {
    let replaced = read_tls(settings, cert, key).map_err(|error| error.message().to_owned());
    let replaced = replaced.and_then(|(chain, pem)| {
        tls.replace(&chain, &pem, wiring::system_clock().now()).map_err(|error| explain_tls(cert, key, &error))
    });
    match replaced {
        Ok(warnings) => {
            tracing::info!("the certificate was read again");
            warn(&warnings);
        }
        Err(error) => tracing::error!(error, "the certificate could not be read again; the old one stays"),
    }
}
