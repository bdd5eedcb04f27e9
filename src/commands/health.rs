//! `carnelian health`.

use super::{output::print_result, runtime};
use crate::{
    CliError,
    administration::remote::{client_error, read_authorities},
    cli::HealthCheck,
};
use carnelian_http::client::{ApiClient, ClientOptions};
use std::time::Duration;

pub(super) fn run(check: HealthCheck) -> Result<(), CliError> {
    let HealthCheck { url, live, timeout, ca_file, tls_name } = check;
    let authorities = ca_file.as_deref().map(read_authorities).transpose()?;
    let options = ClientOptions { authorities, tls_name, login: None, timeout: Duration::from_secs(timeout.0) };
    let client = ApiClient::new(&url, options).map_err(client_error)?;
    let (path, state) = if live { ("/health/live", "running") } else { ("/health/ready", "ready") };
    let status = runtime()?.block_on(client.send("GET", path, None)).map_err(client_error)?.status;
    if !status.is_success() {
        return Err(CliError::failed(format!("{} is not {state}: it answered {status}", client.url())));
    }
    print_result(format_args!("{} is {state}", client.url()))
}
