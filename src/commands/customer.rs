//! `carnelian customer`: import and export.

use super::{
    input::is_dash,
    output::{counted, print_message, stdout_error},
    progress::Progress,
};
use crate::{
    CliError, cli,
    file_errors::{explain, refuse_if_there},
};
use carnelian_app::{
    App,
    atomic_file::Draft,
    transfer::{FileFormat, ImportOptions},
};
use carnelian_domain::{Origin, Rules};
use carnelian_transfer::{self as transfer, Import, Prepared, TransferCounts, TransferError, format_of_name};
use std::io::{self, BufWriter, Write};

impl From<TransferError> for CliError {
    fn from(error: TransferError) -> CliError {
        CliError::failed(error)
    }
}

/// How the rows of a file are imported.
pub(super) fn options(import: &cli::Import) -> ImportOptions {
    ImportOptions {
        create_accounts: import.create_accounts,
        on_duplicate: import.on_duplicate.into(),
        dry_run: import.dry_run,
    }
}

/// The format of a file to import; `None` if its content says.
pub(super) fn format(import: &cli::Import) -> Option<FileFormat> {
    import.format.map(FileFormat::from).or_else(|| format_of_name(&import.file))
}

/// Opens the files of an import.
pub(super) fn prepare_import(import: &cli::Import, rules: &Rules) -> Result<Prepared, CliError> {
    let import = Import {
        file: (!is_dash(&import.file)).then(|| import.file.clone()),
        format: import.format.map(FileFormat::from),
        account: import.account.clone(),
        rejects: import.rejects.clone(),
        options: options(import),
    };
    Ok(transfer::prepare(import, rules)?)
}

/// Imports a file.
pub(super) async fn import(app: &App, prepared: Prepared, dry_run: bool, origin: &Origin) -> Result<(), CliError> {
    let mut progress = Progress::new(app.clock());
    let mut imported = transfer::import(app, prepared, origin, &mut progress).await?;
    drop(progress);
    let (counts, blank) = (imported.counts, (imported.blank_rows, imported.first_blank_row));
    let unreadable = imported.unreadable.take();
    if unreadable.is_none() {
        imported.finish().await?;
    }
    match blank {
        (0, _) => {}
        (1, first) => print_message(format_args!("row {first} is empty and was left out")),
        (count, first) => {
            print_message(format_args!("{count} empty rows were left out, the first of them row {first}"))
        }
    }
    let summarized = summarize(&counts, dry_run);
    // The unreadable row is the reason why the import ends; rejected rows were reported one by one.
    unreadable.map_or(summarized, |error| Err(error.into()))
}

/// Prints the summary of an import. Rejected rows are an error.
pub(super) fn summarize(counts: &TransferCounts, dry_run: bool) -> Result<(), CliError> {
    let TransferCounts { rows, stored_before, created, updated, skipped, rejected } = counts;
    let mut summary = format!(
        "{}: {created} created, {updated} updated, {skipped} skipped, {rejected} rejected",
        counted(*rows, "row")
    );
    if *stored_before > 0 {
        summary += &format!(", {stored_before} stored before the interruption");
    }
    if dry_run {
        summary += " (dry run, nothing was written)";
    }
    print_message(summary);
    match rejected {
        0 => Ok(()),
        1 => Err(CliError::failed("1 row was rejected")),
        _ => Err(CliError::failed(format!("{rejected} rows were rejected"))),
    }
}

/// Exports customers.
pub(super) async fn export(app: &App, export: &cli::Export, origin: &Origin) -> Result<(), CliError> {
    let path = &export.output;
    let format = export.format.map(FileFormat::from).or_else(|| format_of_name(path)).unwrap_or(FileFormat::Csv);
    if is_dash(path) {
        let stdout = BufWriter::new(io::stdout().lock());
        return write_customers(app, export, format, stdout, origin, stdout_error).await;
    }
    let file_error = |error: io::Error| explain(path, &error);
    refuse_if_there([path.as_path()], export.replace)?;
    let mut draft = Draft::new(path).map_err(file_error)?;
    // An incomplete export contains personal data and is of no use: an error removes the draft.
    write_customers(app, export, format, &mut draft, origin, file_error).await?;
    draft.keep().map_err(file_error)
}

async fn write_customers(
    app: &App,
    export: &cli::Export,
    format: FileFormat,
    output: impl Write,
    origin: &Origin,
    output_error: impl Fn(io::Error) -> CliError,
) -> Result<(), CliError> {
    let mut progress = Progress::new(app.clock());
    let exported = transfer::export(app, export.account.as_deref(), format, output, origin, &mut progress).await;
    let count = exported.map_err(|error| match error {
        TransferError::Output(error) => output_error(error),
        error => error.into(),
    })?;
    progress.print(format_args!("exported {}", counted(count, "customer")));
    Ok(())
}
