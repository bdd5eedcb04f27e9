//! `carnelian man`.

use crate::{CliError, cli::Cli, file_errors::explain};
use clap::CommandFactory;
use std::{fs, path::Path};

pub(super) fn run(directory: &Path) -> Result<(), CliError> {
    fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), directory))
        .map_err(|error| explain(directory, &error))
}
