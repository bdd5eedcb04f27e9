//! The tables of a report.

use crate::{
    format::{megabytes, table, thousands},
    record::{Record, Subject},
    summary,
};

pub(super) fn machine(records: &[Record]) -> String {
    let machine = records.iter().find_map(|record| match record {
        Record::Machine(machine) => Some(machine),
        _ => None,
    });
    machine.map_or_else(String::new, |machine| {
        format!(
            "{}, {}: {} cores of {}, Linux {}. {}, {}.",
            machine.date,
            machine.name,
            machine.cores,
            machine.processor,
            machine.kernel,
            machine.server,
            megabytes(machine.binary_bytes)
        )
    })
}

pub(super) fn closed(records: &[Record], filled: bool) -> String {
    let head = [
        "scenario",
        "connections",
        "control/s",
        "server/s",
        "ratio",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "CPU µs",
        "control's p99 ms",
        "control's CPU µs",
        "generator's CPU µs",
    ];
    table(
        &head,
        summary::rows(records, filled).iter().map(|row| {
            let (control, server, ratio) = (&row.control, &row.server, &row.ratio);
            vec![
                format!("{:?}", row.scenario).to_lowercase(),
                row.connections.to_string(),
                thousands(control.rate),
                thousands(server.rate),
                format!("**{:.2}** ({:.2}–{:.2})", ratio.median, ratio.least, ratio.most),
                milliseconds(server.p50_ms),
                milliseconds(server.p99_ms),
                milliseconds(server.p999_ms),
                milliseconds(server.max_ms),
                tenths(server.cpu_us),
                milliseconds(control.p99_ms),
                tenths(control.cpu_us),
                tenths(server.generator_us),
            ]
        }),
    )
}

pub(super) fn open(records: &[Record]) -> String {
    let head =
        ["", "offered/s", "answered/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "CPU µs", "not served in time"];
    let open = summary::loads(records).filter_map(|load| Some((load, load.offered?)));
    table(
        &head,
        open.map(|(load, offered)| {
            vec![
                if load.subject == Subject::Server { "server" } else { "control" }.to_owned(),
                thousands(offered),
                thousands(load.rate),
                milliseconds(load.p50_ms),
                milliseconds(load.p99_ms),
                milliseconds(load.p999_ms),
                milliseconds(load.max_ms),
                tenths(load.cpu_us_per_answer),
                load.unserved.to_string(),
            ]
        }),
    )
}

pub(super) fn fill(records: &[Record]) -> String {
    let fill = records.iter().find_map(|record| match record {
        Record::Fill(fill) => Some(fill),
        _ => None,
    });
    fill.map_or_else(String::new, |fill| {
        format!(
            "Filled to {} customers in {:.0} s at {} a second; then started again and measured.",
            thousands(fill.customers as f64),
            fill.seconds,
            thousands(fill.rate)
        )
    })
}

pub(super) fn resources(records: &[Record]) -> String {
    let rows = records.iter().filter_map(|record| {
        let (what, customers, cells) = match record {
            Record::Start(start) => {
                let ready = format!("{:.0} ms", start.ready_ms);
                ("started", start.customers, [ready, megabytes(start.resident_bytes), String::new(), String::new()])
            }
            Record::Memory(memory) => {
                let bytes = [memory.resident_bytes, memory.peak_bytes, memory.disk_bytes].map(megabytes);
                let [resident, peak, disk] = bytes;
                ("after load", memory.customers, [String::new(), resident, peak, disk])
            }
            _ => return None,
        };
        let mut row = vec![what.to_owned(), thousands(customers as f64)];
        row.extend(cells);
        Some(row)
    });
    table(&["", "customers", "ready after", "resident", "peak", "on disk"], rows)
}

fn milliseconds(value: f64) -> String {
    format!("{value:.2}")
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}
