//! The way out: every customer, page by page, into a file that gets its name once it is whole, or to stdout.

use super::{
    csv::CsvWriter, draft_of, format_of_name, is_dash, jsonl::JsonWriter, of_failure, of_file, progress::Progress,
};
use crate::{
    Refusal,
    cli::{Export, Format},
};
use carnelian_app::{App, customers::CustomerDetails};
use carnelian_domain::{Origin, Rules};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Exports customers.
pub(crate) async fn export(app: &App, export: &Export, origin: &Origin) -> Result<(), Refusal> {
    let path = &export.output;
    let format = export.format.or_else(|| format_of_name(path)).unwrap_or(Format::Csv);
    if is_dash(path) {
        return write_all(app, export, format, BufWriter::new(io::stdout().lock()), origin).await.map(drop);
    }
    if !export.replace && path.symlink_metadata().is_ok() {
        return Err(Refusal::refused(format!("{} is there already; --replace replaces it", path.display())));
    }
    let draft = draft_of(path);
    let written = write_file(app, export, format, &draft, origin).await;
    let named = written.and_then(|()| fs::rename(&draft, path).map_err(of_file(path)));
    if named.is_err() {
        // What is not whole is of no use, and personal.
        let _ = fs::remove_file(&draft);
    }
    named
}

async fn write_file(app: &App, export: &Export, format: Format, draft: &Path, origin: &Origin) -> Result<(), Refusal> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(draft);
    let mut file = file.map_err(of_file(draft))?;
    write_all(app, export, format, BufWriter::new(&mut file), origin).await?;
    file.sync_all().map_err(of_file(draft))
}

async fn write_all(
    app: &App,
    export: &Export,
    format: Format,
    output: impl Write,
    origin: &Origin,
) -> Result<(), Refusal> {
    let mut customers = app.export_customers(export.account.as_deref(), origin).await.map_err(of_failure)?;
    let mut writer = Writer::new(format, output, app.rules())?;
    let (mut progress, mut count) = (Progress::new(app.clock(), None), 0);
    while let Some(page) = customers.next_page().await.map_err(of_failure)? {
        for customer in &page {
            writer.write(app.rules(), customer)?;
        }
        count += page.len() as u64;
        progress.note(count, 0);
    }
    writer.flush()?;
    progress.say(format_args!("{count} customers exported"));
    Ok(())
}

enum Writer<W: Write> {
    Csv(Box<CsvWriter<W>>),
    Json(JsonWriter<W>),
}

impl<W: Write> Writer<W> {
    fn new(format: Format, output: W, rules: &Rules) -> Result<Writer<W>, Refusal> {
        Ok(match format {
            Format::Csv => Writer::Csv(Box::new(CsvWriter::new(output, rules).map_err(Refusal::refused)?)),
            Format::Jsonl => Writer::Json(JsonWriter::new(output)),
        })
    }

    fn write(&mut self, rules: &Rules, customer: &CustomerDetails) -> Result<(), Refusal> {
        match self {
            Writer::Csv(writer) => writer.write(customer).map_err(Refusal::refused),
            Writer::Json(writer) => writer.write(rules, customer).map_err(Refusal::refused),
        }
    }

    fn flush(&mut self) -> Result<(), Refusal> {
        let flushed = match self {
            Writer::Csv(writer) => writer.flush(),
            Writer::Json(writer) => writer.flush(),
        };
        flushed.map_err(Refusal::refused)
    }
}
