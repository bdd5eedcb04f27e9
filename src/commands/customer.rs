//! `carnelian customer`.

use crate::{
    CliError,
    cli::Customer,
    transfer::{export::export, import::import},
};
use carnelian_app::App;
use carnelian_domain::Origin;

pub(super) async fn run(app: &App, command: Customer, origin: &Origin) -> Result<(), CliError> {
    match command {
        Customer::Import(options) => import(app, &options, origin).await,
        Customer::Export(options) => export(app, &options, origin).await,
    }
}
