//! The address that a server listens on.

use crate::{CliError, config::Settings};
use std::{io, net::SocketAddr};
use tokio::net::TcpSocket;

/// Takes an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that starts again may have the address at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Checks that what is sent is protected. Without TLS everybody on the way could read keys and personal data.
pub(crate) fn check_address(settings: &Settings) -> Result<(), CliError> {
    let protected = settings.tls_cert.is_some() || settings.insecure_http || settings.listen.ip().is_loopback();
    if protected {
        return Ok(());
    }
    Err(CliError::failed(format!(
        "{} can be reached from other machines and TLS is off: give --tls-cert and --tls-key, or --insecure-http if \
         something in front of the server does TLS",
        settings.listen
    )))
}
