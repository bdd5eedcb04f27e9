//! `carnelian migrate`.

use super::{output::print_message, runtime};
use crate::{CliError, config::Settings, wiring};

pub(super) fn run(settings: &Settings) -> Result<(), CliError> {
    runtime()?.block_on(wiring::migrate(settings))?;
    print_message(format_args!("the database is ready for this release"));
    Ok(())
}
