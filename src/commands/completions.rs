//! `carnelian completions`.

use super::output::print_bytes;
use crate::{CliError, cli::Cli};
use clap::CommandFactory;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "carnelian", &mut script);
    print_bytes(&script)
}
