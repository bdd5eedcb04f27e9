//! What the registry promises about speed, held against a run.

use crate::{
    format::{megabytes, table, thousands},
    load::requests::Scenario,
    record::{Record, Start},
    summary::{self, Row, Spread},
};

/// A registry with fewer customers than this is a small one.
const SMALL: u64 = 1_000_000;

/// A promise and how it went.
pub(super) struct Goal {
    what: String,
    bound: String,
    measured: String,
    met: bool,
}

impl Goal {
    pub(super) fn at_least(what: impl Into<String>, bound: f64, measured: f64) -> Self {
        let (bound_text, text) = (format!("≥ {bound:.2}"), format!("{measured:.2}"));
        Self { what: what.into(), bound: bound_text, measured: text, met: measured >= bound }
    }

    pub(super) fn at_most_ms(what: impl Into<String>, bound: f64, measured: f64) -> Self {
        let (bound_text, text) = (format!("≤ {bound} ms"), format!("{measured:.1} ms"));
        Self { what: what.into(), bound: bound_text, measured: text, met: measured <= bound }
    }

    fn at_most_bytes(what: impl Into<String>, bound: u64, measured: u64) -> Self {
        let (bound_text, text) = (format!("≤ {}", megabytes(bound)), megabytes(measured));
        Self { what: what.into(), bound: bound_text, measured: text, met: measured <= bound }
    }
}

/// The goals that this run says something about.
pub fn goals(records: &[Record]) -> String {
    let mut goals = rates(records);
    goals.extend(growth(records));
    goals.extend(resident(records));
    goals.extend(ready(records));
    table_of(goals)
}

/// Goals as a table.
pub(super) fn table_of(goals: Vec<Goal>) -> String {
    let word = |met| if met { "yes" } else { "**no**" }.to_owned();
    let rows = goals.into_iter().map(|goal| vec![goal.what, goal.bound, goal.measured, word(goal.met)]);
    table(&["goal", "bound", "measured", "met"], rows)
}

fn rates(records: &[Record]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for Row { scenario, connections, server, ratio, .. } in summary::rows(records, false) {
        match scenario {
            Scenario::Create if connections >= 64 => {
                let what = |figure: &str| format!("creates at {connections} connections: {figure}");
                goals.push(Goal::at_least(what("rate to the control's"), 0.5, ratio.median));
                goals.push(Goal::at_most_ms(what("p99"), 10.0, server.p99_ms));
                goals.push(Goal::at_most_ms(what("p99.9"), 25.0, server.p999_ms));
            }
            Scenario::Create if connections == 1 => goals.extend(summary::creates_for_a_sync(records).map(|spread| {
                Goal::at_least("creates at one connection: rate to the disk's syncs", 0.8, spread.median)
            })),
            Scenario::Read if connections >= 64 => {
                let what = format!("reads at {connections} connections: rate to the control's");
                goals.push(Goal::at_least(what, 0.7, ratio.median));
            }
            _ => {}
        }
    }
    goals
}

fn growth(records: &[Record]) -> Vec<Goal> {
    let (empty, filled) = (summary::rows(records, false), summary::rows(records, true));
    let judged = filled.iter().filter(|row| row.connections >= 64).filter_map(|row| match row.scenario {
        Scenario::Create => Some((row, "creates")),
        Scenario::Read => Some((row, "reads")),
        _ => None,
    });
    judged
        .filter_map(|(full, calls)| {
            let empty =
                empty.iter().find(|empty| (empty.scenario, empty.connections) == (full.scenario, full.connections))?;
            let what = format!("{calls} at {} connections, filled: rate to the empty registry's", full.connections);
            // The ratios to the control leave out what the machine itself has gained or lost meanwhile.
            let same = "the same, each as a ratio to the control's";
            Some([
                Goal::at_least(what, 0.7, full.server.rate / empty.server.rate),
                Goal::at_least(same, 0.7, full.ratio.median / empty.ratio.median),
            ])
        })
        .flatten()
        .collect()
}

fn resident(records: &[Record]) -> Vec<Goal> {
    let sizes: Vec<(u64, u64)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Start(start) => Some((start.customers, start.resident_bytes)),
            Record::Memory(memory) => Some((memory.customers, memory.resident_bytes)),
            _ => None,
        })
        .collect();
    let small = sizes.iter().filter(|(customers, _)| *customers < SMALL).map(|(_, bytes)| *bytes).max();
    let large = sizes.iter().filter(|(customers, _)| *customers >= SMALL).max_by_key(|(_, bytes)| *bytes);
    let small = small.map(|bytes| Goal::at_most_bytes("resident memory, small", 60_000_000, bytes));
    let large = large.map(|&(customers, bytes)| {
        let what = format!("resident memory, {} customers", thousands(customers as f64));
        Goal::at_most_bytes(what, 250_000_000, bytes)
    });
    small.into_iter().chain(large).collect()
}

fn ready(records: &[Record]) -> Vec<Goal> {
    let starts: Vec<&Start> = records
        .iter()
        .filter_map(|record| match record {
            Record::Start(start) => Some(start),
            _ => None,
        })
        .collect();
    let small = starts.iter().filter(|start| start.customers < SMALL).map(|start| start.ready_ms);
    let small = Spread::of(small).map(|spread| Goal::at_most_ms("ready, small", 100.0, spread.median));
    let large = starts.iter().filter(|start| start.customers >= SMALL).map(|start| {
        let bound = if start.customers <= 1_100_000 { 2_000.0 } else { 10_000.0 };
        let what = format!("ready, {} customers", thousands(start.customers as f64));
        Goal::at_most_ms(what, bound, start.ready_ms)
    });
    small.into_iter().chain(large).collect()
}
