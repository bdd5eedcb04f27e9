//! `carnelian reference`: the pages of the reference, made from the tables that the program itself works with.

use super::output::data;
use crate::{
    Refusal,
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

pub(super) fn run(page: Page) -> Result<(), Refusal> {
    let text = match page {
        Page::Errors => errors(),
        Page::Routes => routes(),
        Page::Fields => fields(),
        Page::Configuration => configuration(),
        Page::CommandLine => command_line(),
        Page::Openapi => openapi()?,
    };
    data(text.trim_end())
}

fn openapi() -> Result<String, Refusal> {
    let settings = Settings::default().published();
    let document = document(&Interface { rules: &Rules::default(), settings: &settings });
    serde_json::to_string_pretty(&document).map_err(Refusal::refused)
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
        "# Errors\n\nEvery error is one JSON object: `errorMessage`, then `errorCode` where there is one, then \
         `violations` where rules for fields were broken, all of them at once.\n\n{}",
        table(&["errorCode", "HTTP status", "errorMessage"], rows)
    )
}

fn routes() -> String {
    let row = |route: &Route| vec![route.method.to_owned(), format!("`{}`", route.path), route.operation.to_owned()];
    let list = |routes: &[Route]| table(&["Method", "Path", "Operation"], routes.iter().map(row));
    format!(
        "# Routes\n\n{}\n## Of a sandbox\n\nOnly `carnelian serve --sandbox` has these besides, and nobody signs in to \
         call them.\n\n{}",
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
        table(&["Field", "Fewest characters", "Most characters", "errorCode"], rows.collect::<Vec<_>>().into_iter());
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
            scope.to_owned(),
            setting.help.to_owned(),
        ]
    });
    format!(
        "# Configuration\n\nEvery setting is a flag, an environment variable and a key in a TOML file that `--config` or \
         `{CONFIG_ENV}` names; the dots in a key are TOML's tables. A flag wins over the environment, the environment over \
         the file, the file over the default. An unknown or bad setting is an error before anything starts.\n\n{}",
        table(&["Key", "Flag", "Variable", "Default", "Concerns", "What it does"], rows)
    )
}

fn command_line() -> String {
    let mut text = String::from(
        "# Command line\n\nstdout is data, words go to stderr. Exit codes: 0 done, 1 refused, 2 wrong usage.\n",
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
