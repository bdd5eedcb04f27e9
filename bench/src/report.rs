//! The report of a run, made of its records and nothing else.

mod goals;
mod postgres;
mod tables;

use std::{fs, io, path::Path};

use crate::{
    plot,
    record::{self, Load, Record, Subject},
    summary,
};

/// The report's file.
const REPORT: &str = "report.md";

/// The file of the report on PostgreSQL.
const POSTGRES: &str = "postgres.md";

/// The plot's file, next to the report.
const PLOT: &str = "latency.svg";

/// Writes the report and its plot into a directory.
pub fn write(records: &[Record], out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    fs::write(out.join(REPORT), markdown(records))?;
    let open: Vec<&Load> = summary::loads(records).filter(|load| load.offered.is_some()).collect();
    if open.iter().any(|load| load.subject == Subject::Server) {
        fs::write(out.join(PLOT), plot::svg(&open))?;
    }
    Ok(())
}

/// Writes the report of a run that measured PostgreSQL into a directory.
pub fn write_postgres(records: &[Record], out: &Path) -> io::Result<()> {
    fs::create_dir_all(out)?;
    fs::write(out.join(POSTGRES), postgres::markdown(records))
}

/// Writes the report of a run again.
pub fn write_again(records: &[Record], out: &Path) -> io::Result<()> {
    let measured_postgres = records.iter().any(|record| matches!(record, Record::Limit(_)));
    if measured_postgres { write_postgres(records, out) } else { write(records, out) }
}

/// Makes sure that a report is what its file of records says, and that its plot is there.
pub fn verify(journal: &Path, out: &Path) -> io::Result<()> {
    let records = record::read(journal)?;
    let report = fs::read_to_string(out.join(REPORT))?;
    if report != markdown(&records) {
        return Err(io::Error::other("the report is not what its records say"));
    }
    if report.contains(PLOT) && !fs::read_to_string(out.join(PLOT))?.contains("<polyline") {
        return Err(io::Error::other("the plot is empty"));
    }
    Ok(())
}

/// Lost, invented, duplicate or wrong answers.
pub fn faults(records: &[Record]) -> Vec<String> {
    let mut faults = Vec::new();
    for record in records {
        match record {
            Record::Load(load) if load.unexpected + load.broken > 0 => faults.push(format!(
                "{:?} {:?} at {} connections: {} unexpected answers, {} broken; {}",
                load.subject,
                load.scenario,
                load.connections,
                load.unexpected,
                load.broken,
                load.samples.join("; ")
            )),
            Record::Stored(stored) if stored.stored != stored.acknowledged || stored.repeated_ids > 0 => {
                faults.push(format!(
                    "after {}: {} stored, {} acknowledged, {} ids given twice",
                    stored.after, stored.stored, stored.acknowledged, stored.repeated_ids
                ));
            }
            _ => {}
        }
    }
    if !records.iter().any(|record| matches!(record, Record::Stored(_))) {
        faults.push("nothing was compared with what is stored".to_owned());
    }
    faults
}

/// Whether anything was wrong.
fn verdict(records: &[Record]) -> String {
    let faults = faults(records);
    if faults.is_empty() {
        "Every answer was the expected one, every acknowledged customer is stored, and nothing else is.".to_owned()
    } else {
        format!("**Something is wrong:**\n\n- {}", faults.join("\n- "))
    }
}

fn markdown(records: &[Record]) -> String {
    let mut sections = vec![
        format!("# Measurements\n\n{}\n\n{}", tables::machine(records), verdict(records)),
        format!("## Goals\n\n{}", goals::goals(records)),
        format!(
            "## Alternating with the control\n\nThe control parses, authenticates and stores nothing. Closed loop; medians \
             of the turns, the ratio as median (least–most) of pairs, max as the worst of all.\n\n{}",
            tables::closed(records, false)
        ),
    ];
    if !summary::rows(records, true).is_empty() {
        sections.push(format!("## Filled\n\n{}\n\n{}", tables::fill(records), tables::closed(records, true)));
    }
    if summary::loads(records).any(|load| load.offered.is_some()) {
        sections.push(format!(
            "## Latency against load\n\nCreates at a constant rate; latency counts from the moment when a request was \
             due.\n\n![Latency against load]({PLOT})\n\n{}",
            tables::open(records)
        ));
    }
    sections.push(format!("## Memory, disk and start\n\n{}", tables::resources(records)));
    sections.join("\n\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Stored;

    fn stored(stored: u64, acknowledged: u64, repeated_ids: u64) -> Record {
        Record::Stored(Stored { after: "load".to_owned(), stored, acknowledged, repeated_ids })
    }

    #[test]
    fn what_is_lost_invented_or_given_twice_is_a_fault() {
        assert!(faults(&[stored(5, 5, 0)]).is_empty());
        for wrong in [stored(4, 5, 0), stored(6, 5, 0), stored(5, 5, 1)] {
            assert_eq!(faults(&[stored(5, 5, 0), wrong]).len(), 1);
        }
    }

    #[test]
    fn a_run_that_never_looked_at_what_is_stored_is_at_fault() {
        assert_eq!(faults(&[]).len(), 1);
    }
}
