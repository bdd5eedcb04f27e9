//! `carnelian config`.

use super::{
    by_server,
    output::{Cell, Columns, print_documents, print_message, print_result, printable},
    runtime, serve,
};
use crate::{CliError, administration::text, cli::Config, config::Settings};
use carnelian_http::documents;
use serde_json::Value;

/// The columns of a listing.
const SETTINGS: &Columns = &[("key", Cell::Same), ("value", Cell::Same), ("origin", Cell::Same)];

pub(super) fn run(settings: Settings, command: Config) -> Result<(), CliError> {
    match command {
        Config::Show { json, origin } => {
            let mut document = match by_server(&settings, None)? {
                Some(server) => runtime()?.block_on(server.settings())?,
                None => documents::settings(&settings.in_force()),
            };
            let settings = document["settings"].as_array_mut().map(std::mem::take).unwrap_or_default();
            if json {
                return print_documents(true, SETTINGS, &settings);
            }
            settings.iter().try_for_each(|setting| print_result(printable(&line(setting, origin)?)))
        }
        Config::Check => {
            for warning in serve::check(&settings)? {
                print_message(format_args!("warning: clients will refuse the connection: {warning}"));
            }
            print_message("the settings are valid");
            Ok(())
        }
    }
}

/// The setting as a line of a configuration file, which is a comment if the setting has no value.
fn line(setting: &Value, with_origin: bool) -> Result<String, CliError> {
    let key = text(setting, "key")?;
    let Some(value) = setting["value"].as_str() else { return Ok(format!("# {key} is not set")) };
    let is_bare = value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok();
    let value = if is_bare { value.to_owned() } else { toml::Value::String(value.to_owned()).to_string() };
    let origin = if with_origin { format!("  # {}", text(setting, "origin")?) } else { String::new() };
    Ok(format!("{key} = {value}{origin}"))
}
