//! Exports customers page by page.

use crate::{
    csv::CsvWriter,
    error::TransferError,
    jsonl::JsonWriter,
    observer::{Observer, TransferCounts},
};
use carnelian_app::{App, Failure, customers::CustomerDetails, transfer::FileFormat};
use carnelian_domain::{Origin, Problem, Rules};
use std::io::{self, Write};

/// Writes the customers of one account, or all of them, to `output`, and returns how many there were. An export that is
/// refused writes nothing, not even a header.
pub async fn export<W: Write>(
    app: &App,
    account: Option<&str>,
    format: FileFormat,
    output: W,
    origin: &Origin,
    observer: &mut dyn Observer,
) -> Result<u64, TransferError> {
    observer.begin(None);
    let mut customers = app.export_customers(account, origin).await.map_err(|failure| match (failure, account) {
        (Failure::Problem(Problem::AccountNotFound), Some(name)) => {
            TransferError::failed(format!("unknown account {name:?}"))
        }
        (failure, _) => failure.into(),
    })?;
    let mut writer = Writer::new(format, output, app.rules()).map_err(TransferError::Output)?;
    let mut counts = TransferCounts::default();
    while let Some(page) = customers.next_page().await? {
        for customer in &page {
            writer.write(app.rules(), customer).map_err(TransferError::Output)?;
        }
        counts.rows += page.len() as u64;
        observer.progress(&counts, 0)?;
    }
    writer.flush().map_err(TransferError::Output)?;
    Ok(counts.rows)
}

/// Writes customers in one of the formats.
enum Writer<W: Write> {
    Csv(Box<CsvWriter<W>>),
    Json(JsonWriter<W>),
}

impl<W: Write> Writer<W> {
    fn new(format: FileFormat, output: W, rules: &Rules) -> io::Result<Writer<W>> {
        Ok(match format {
            FileFormat::Csv => Writer::Csv(Box::new(CsvWriter::new(output, rules)?)),
            FileFormat::Jsonl => Writer::Json(JsonWriter::new(output)),
        })
    }

    fn write(&mut self, rules: &Rules, customer: &CustomerDetails) -> io::Result<()> {
        match self {
            Writer::Csv(writer) => Ok(writer.write(customer)?),
            Writer::Json(writer) => writer.write(rules, customer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Writer::Csv(writer) => writer.flush(),
            Writer::Json(writer) => writer.flush(),
        }
    }
}
