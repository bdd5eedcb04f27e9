//! `carnelian health`.

use super::{output::print_result, runtime};
use crate::{CliError, cli::HealthCheck, file_errors::explain};
use carnelian_http::client::{ApiClient, ClientError, ClientOptions};
use std::{fs, path::Path, time::Duration};

pub(super) fn run(check: HealthCheck) -> Result<(), CliError> {
    let HealthCheck { url, live, timeout, ca_file, tls_name } = check;
    let authorities = ca_file.as_deref().map(read_authorities).transpose()?;
    let options = ClientOptions { authorities, tls_name, login: None, timeout: Duration::from_secs(timeout.0) };
    let client = ApiClient::new(&url, options).map_err(failed)?;
    let (path, state) = if live { ("/health/live", "running") } else { ("/health/ready", "ready") };
    let status = runtime()?.block_on(client.send("GET", path, None)).map_err(failed)?.status;
    if !status.is_success() {
        return Err(CliError::failed(format!("{} is not {state}: it answered {status}", client.url())));
    }
    print_result(format_args!("{} is {state}", client.url()))
}

/// Reads the certificates of authorities, in PEM.
pub(super) fn read_authorities(file: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(file).map_err(|error| explain(file, &error))
}

/// The error of a client as the error of a command.
pub(super) fn failed(error: ClientError) -> CliError {
    match error {
        ClientError::Unusable(why) => CliError::usage(why),
        ClientError::Failed(why) => CliError::failed(why),
    }
}
