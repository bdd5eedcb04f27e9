//! Confirming a command that deletes something or takes rights away.

use super::output::print_message;
use crate::{CliError, cli::Confirmation};
use std::{
    fmt::Display,
    io::{self, IsTerminal},
};

impl Confirmation {
    /// Whether to do `what`, which begins with a verb. On a terminal, `name` must be typed.
    pub(super) fn allows(self, what: impl Display, name: &str) -> Result<bool, CliError> {
        if self.dry_run {
            print_message(format_args!("would {what}; nothing was changed"));
            return Ok(false);
        }
        if self.yes {
            return Ok(true);
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(CliError::usage(format!(
                "to {what} needs --yes where there is no terminal; --dry-run only shows it"
            )));
        }
        print_message(format_args!("This will {what}.\nType {name:?} without the quotes to confirm:"));
        let mut typed = String::new();
        io::stdin().read_line(&mut typed).map_err(CliError::failed)?;
        match typed.trim_end_matches(['\r', '\n']) == name {
            true => Ok(true),
            false => Err(CliError::failed("not confirmed; nothing was changed")),
        }
    }
}
