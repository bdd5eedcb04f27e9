//! `carnelian reference`: the reference pages, generated from the program's own tables.

use super::output::print_result;
use crate::{
    CliError,
    cli::{Cli, Page},
    config::{CONFIG_ENV, SETTINGS, Scope, Settings},
};
use carnelian_domain::{Rules, errors::CATALOGUE};
use carnelian_http::{
    ROUTES, SANDBOX_ROUTES,
    openapi::{Interface, document},
    routes::Route,
    status_of,
};
use clap::CommandFactory;
use std::fmt::Write;

pub(super) fn run(page: Page) -> Result<(), CliError> {
    let text = match page {
        Page::Errors => errors(),
        Page::Routes => routes(),
        Page::Fields => fields(),
        Page::Configuration => configuration(),
        Page::CommandLine => command_line(),
        Page::Openapi => openapi()?,
    };
    print_result(text.trim_end())
}

fn openapi() -> Result<String, CliError> {
    let settings = Settings::default().published();
    let document = document(&Interface { rules: &Rules::default(), settings: &settings });
    serde_json::to_string_pretty(&document).map_err(CliError::failed)
}

/// A Markdown table.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<_> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let mut text = line(&header) + &line(&vec!["---".to_owned(); header.len()]);
    rows.for_each(|row| text += &line(&row));
    text
}

fn errors() -> String {
    let rows = CATALOGUE.iter().map(|row| {
        let status = status_of(row.kind).as_u16().to_string();
        vec![row.code.unwrap_or("(absent)").to_owned(), status, row.message.to_owned()]
    });
    format!(
        "# Errors\n\nEvery error is one JSON object: `errorMessage`, `errorCode` if the error has one, and `violations` \
         with all broken rules if fields of the request are invalid.\n\n{}",
        table(&["errorCode", "HTTP status", "errorMessage"], rows)
    )
}

fn routes() -> String {
    let row = |route: &Route| vec![route.method.to_owned(), format!("`{}`", route.path), route.operation.to_owned()];
    let list = |routes: &[Route]| table(&["Method", "Path", "Operation"], routes.iter().map(row));
    format!(
        "# Routes\n\n{}\n## Sandbox\n\nOnly `carnelian serve --sandbox` serves these routes. They require no \
         credentials.\n\n{}",
        list(ROUTES),
        list(SANDBOX_ROUTES)
    )
}

fn fields() -> String {
    let rules = Rules::default();
    let rows = rules.text_rules().into_iter().map(|(path, rule)| {
        vec![
            format!("`{path}`"),
            rule.min.to_string(),
            rule.max.to_string(),
            rule.invalid.code().unwrap_or_default().to_owned(),
        ]
    });
    let table =
        table(&["Field", "Min. characters", "Max. characters", "errorCode"], rows.collect::<Vec<_>>().into_iter());
    format!(
        "# Fields of a customer\n\nCharacters are Unicode scalar values; control characters are not allowed. A customer \
         has at most {} contacts.\n\n{table}",
        rules.max_contacts
    )
}

fn configuration() -> String {
    let rows = SETTINGS.iter().map(|setting| {
        let scope = match setting.scope {
            Scope::Every => "every command",
            Scope::Serve => "`serve`",
        };
        vec![
            format!("`{}`", setting.key),
            format!("`--{}`", setting.flag()),
            format!("`{}`", setting.env()),
            setting.default().map(|default| format!("`{default}`")).unwrap_or_default(),
            setting.bounds().unwrap_or_default(),
            scope.to_owned(),
            setting.help.to_owned(),
        ]
    });
    format!(
        "# Configuration\n\nEvery setting is available as a flag, as an environment variable and as a key in a TOML file that \
         `--config` or `{CONFIG_ENV}` names; a dot in a key separates table and key. Flags override environment variables, \
         which override the file, which overrides the defaults. With an unknown or invalid setting, no command starts; the \
         variables that Kubernetes makes for a service called `carnelian`, such as `CARNELIAN_PORT`, are no settings.\n\n{}",
        table(&["Key", "Flag", "Variable", "Default", "Range", "Applies to", "Description"], rows)
    )
}

fn command_line() -> String {
    let mut text = String::from(
        "# Command line\n\nResults go to stdout, messages to stderr. `-` as a file name is stdin or stdout. Moments are in \
         UTC, in the form of ISO 8601. Exit codes: 0 success, also if the reader of stdout closes the pipe; 1 failure; 2 invalid \
         arguments or settings.\n",
    );
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    describe(&command, "", &mut text);
    text
}

fn describe(command: &clap::Command, parent: &str, text: &mut String) {
    let name = format!("{parent}{}", command.get_name());
    if !command.has_subcommands() || parent.is_empty() {
        let help = command.clone().bin_name(&name).term_width(100).render_long_help();
        let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.to_string().trim_end());
    }
    for inner in command.get_subcommands() {
        describe(inner, &format!("{name} "), text);
    }
}
