//! Exports customers page by page, to a file that is written atomically or to stdout.

use super::{
    csv::CsvWriter,
    file::{failure_error, format_of_name, is_dash},
    jsonl::JsonWriter,
    progress::Progress,
};
use crate::{
    CliError,
    atomic_file::{Draft, refuse_if_there},
    cli::{Export, Format},
};
use carnelian_app::{App, customers::CustomerDetails};
use carnelian_domain::{Origin, Rules};
use std::io::{self, BufWriter, Write};

/// Exports customers.
pub(crate) async fn export(app: &App, export: &Export, origin: &Origin) -> Result<(), CliError> {
    let path = &export.output;
    let format = export.format.or_else(|| format_of_name(path)).unwrap_or(Format::Csv);
    if is_dash(path) {
        return write_all(app, export, format, BufWriter::new(io::stdout().lock()), origin).await.map(drop);
    }
    refuse_if_there([path.as_path()], export.replace)?;
    let mut draft = Draft::new(path)?;
    // An incomplete export contains personal data and is of no use: an error removes the draft.
    write_all(app, export, format, draft.file(), origin).await?;
    draft.keep()
}

async fn write_all(
    app: &App,
    export: &Export,
    format: Format,
    output: impl Write,
    origin: &Origin,
) -> Result<(), CliError> {
    let mut customers = app.export_customers(export.account.as_deref(), origin).await.map_err(failure_error)?;
    let mut writer = Writer::new(format, output, app.rules())?;
    let (mut progress, mut count) = (Progress::new(app.clock(), None), 0);
    while let Some(page) = customers.next_page().await.map_err(failure_error)? {
        for customer in &page {
            writer.write(app.rules(), customer)?;
        }
        count += page.len() as u64;
        progress.update(count, 0);
    }
    writer.flush()?;
    progress.print(format_args!("exported {count} customers"));
    Ok(())
}

enum Writer<W: Write> {
    Csv(Box<CsvWriter<W>>),
    Json(JsonWriter<W>),
}

impl<W: Write> Writer<W> {
    fn new(format: Format, output: W, rules: &Rules) -> Result<Writer<W>, CliError> {
        Ok(match format {
            Format::Csv => Writer::Csv(Box::new(CsvWriter::new(output, rules).map_err(CliError::failed)?)),
            Format::Jsonl => Writer::Json(JsonWriter::new(output)),
        })
    }

    fn write(&mut self, rules: &Rules, customer: &CustomerDetails) -> Result<(), CliError> {
        match self {
            Writer::Csv(writer) => writer.write(customer).map_err(CliError::failed),
            Writer::Json(writer) => writer.write(rules, customer).map_err(CliError::failed),
        }
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let flushed = match self {
            Writer::Csv(writer) => writer.flush(),
            Writer::Json(writer) => writer.flush(),
        };
        flushed.map_err(CliError::failed)
    }
}
