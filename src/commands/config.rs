//! `carnelian config`.

use super::{
    output::{print_listing, print_message, print_result, printable},
    serve,
};
use crate::{
    CliError,
    cli::Config,
    config::{SETTINGS, Setting, Settings},
};
use carnelian_app::settings::SettingInForce;
use serde_json::json;

pub(super) fn run(settings: Settings, command: Config) -> Result<(), CliError> {
    match command {
        Config::Show { json: true, .. } => {
            let row = |setting: SettingInForce| vec![json!(setting.name), json!(setting.value), json!(setting.origin)];
            let rows = settings.in_force().into_iter().map(row).collect();
            print_listing(true, &["key", "value", "origin"], rows)
        }
        Config::Show { json: false, origin } => {
            SETTINGS.iter().try_for_each(|setting| print_result(printable(&line(setting, &settings, origin))))
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
fn line(setting: &Setting, settings: &Settings, with_origin: bool) -> String {
    let Some(value) = setting.shown(settings) else { return format!("# {} is not set", setting.key) };
    let is_bare = value.parse::<u64>().is_ok() || value.parse::<bool>().is_ok();
    let value = if is_bare { value } else { toml::Value::String(value).to_string() };
    let origin = if with_origin { format!("  # {}", setting.origin(settings).name(setting)) } else { String::new() };
    format!("{} = {value}{origin}", setting.key)
}
