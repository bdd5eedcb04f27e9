//! Exports customers page by page, to a file that is written atomically or to stdout.

use super::{
    csv::CsvWriter,
    file::{failure_error, file_error, format_of_name},
    jsonl::JsonWriter,
    progress::Progress,
};
use crate::{
    CliError,
    cli::{Export, Format},
    commands::{
        input::is_dash,
        output::{counted, stdout_error},
    },
    file_errors::refuse_if_there,
};
use carnelian_app::{App, Failure, atomic_file::Draft, customers::CustomerDetails};
use carnelian_domain::{Origin, Problem, Rules};
use std::io::{self, BufWriter, Write};

/// Exports customers.
pub(crate) async fn export(app: &App, export: &Export, origin: &Origin) -> Result<(), CliError> {
    let path = &export.output;
    let format = export.format.or_else(|| format_of_name(path)).unwrap_or(Format::Csv);
    if is_dash(path) {
        let stdout = BufWriter::new(io::stdout().lock());
        return write_all(app, export, origin, |rules| Writer::new(format, stdout, rules, stdout_error)).await;
    }
    refuse_if_there([path.as_path()], export.replace)?;
    let mut draft = Draft::new(path).map_err(file_error(path))?;
    // An incomplete export contains personal data and is of no use: an error removes the draft.
    let output = &mut draft;
    write_all(app, export, origin, |rules| Writer::new(format, output, rules, file_error(path))).await?;
    draft.keep().map_err(file_error(path))
}

async fn write_all<W: Write, E: Fn(io::Error) -> CliError>(
    app: &App,
    export: &Export,
    origin: &Origin,
    writer: impl FnOnce(&Rules) -> Result<Writer<W, E>, CliError>,
) -> Result<(), CliError> {
    let account = export.account.as_deref();
    let mut customers = app.export_customers(account, origin).await.map_err(|failure| match (failure, account) {
        (Failure::Problem(Problem::AccountNotFound), Some(name)) => {
            CliError::failed(format!("unknown account {name:?}"))
        }
        (failure, _) => failure_error(failure),
    })?;
    // A refused export writes nothing, not even a header.
    let mut writer = writer(app.rules())?;
    let (mut progress, mut count) = (Progress::new(app.clock(), None), 0);
    while let Some(page) = customers.next_page().await.map_err(failure_error)? {
        for customer in &page {
            writer.write(app.rules(), customer)?;
        }
        count += page.len() as u64;
        progress.update(count, 0);
    }
    writer.flush()?;
    progress.print(format_args!("exported {}", counted(count, "customer")));
    Ok(())
}

/// Writes customers in one of the formats.
struct Writer<W: Write, E> {
    output: Output<W>,
    /// Explains an error of the output.
    explain: E,
}

enum Output<W: Write> {
    Csv(Box<CsvWriter<W>>),
    Json(JsonWriter<W>),
}

impl<W: Write, E: Fn(io::Error) -> CliError> Writer<W, E> {
    fn new(format: Format, output: W, rules: &Rules, explain: E) -> Result<Writer<W, E>, CliError> {
        let output = match format {
            Format::Csv => Output::Csv(Box::new(CsvWriter::new(output, rules).map_err(|error| explain(error.into()))?)),
            Format::Jsonl => Output::Json(JsonWriter::new(output)),
        };
        Ok(Writer { output, explain })
    }

    fn write(&mut self, rules: &Rules, customer: &CustomerDetails) -> Result<(), CliError> {
        let written = match &mut self.output {
            Output::Csv(writer) => writer.write(customer).map_err(io::Error::from),
            Output::Json(writer) => writer.write(rules, customer),
        };
        written.map_err(&self.explain)
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let flushed = match &mut self.output {
            Output::Csv(writer) => writer.flush(),
            Output::Json(writer) => writer.flush(),
        };
        flushed.map_err(&self.explain)
    }
}
