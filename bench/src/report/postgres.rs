//! The report of a run that measured PostgreSQL.

use std::collections::BTreeSet;

use super::{goals, goals::Goal, tables, verdict};
use crate::{
    format::{table, thousands},
    load::requests::Scenario,
    record::{Load, Record, Subject},
    summary::{self, Spread},
};

pub(super) fn markdown(records: &[Record]) -> String {
    let connections: BTreeSet<usize> = summary::loads(records).map(|load| load.connections).collect();
    let (mut rows, mut met) = (Vec::new(), Vec::new());
    for connections in connections {
        let run = Run { records, connections };
        rows.extend(run.rows());
        met.extend(run.goals());
    }
    let load = Spread::of(summary::loads(records).map(|load| load.load_average));
    let load = load.map_or_else(String::new, |load| format!("{:.1} ({:.1}–{:.1})", load.median, load.least, load.most));
    let head = ["", "connections", "limit/s", "rate/s", "ratio", "p50 ms", "p99 ms", "CPU µs", "generator's CPU µs"];
    format!(
        "# PostgreSQL\n\n{}\n\n{}\n\nThe limit of creates is that of pgbench with two connections, which write the same rows with the same \
         statements in groups of 256. The limit of reads is a server that authenticates and runs a prepared statement. Two \
         servers are compared with one. Medians of the turns, ratios as median (least–most) of those measured together. Load \
         average {load}.\n\n{}\n\n## Goals\n\n{}\n",
        tables::machine(records),
        verdict(records),
        table(&head, rows),
        goals::table_of(met)
    )
}

/// Rates by their turns.
type Rates = Vec<(usize, f64)>;

/// A rate beside its limit.
struct Comparison {
    what: &'static str,
    subject: Subject,
    scenario: Scenario,
    limits: Rates,
    /// The share of the limit that is the goal.
    share: f64,
}

/// What was measured with a number of connections.
struct Run<'a> {
    records: &'a [Record],
    connections: usize,
}

impl<'a> Run<'a> {
    fn loads(&self, subject: Subject, scenario: Scenario) -> Vec<&'a Load> {
        let measured = (subject, scenario, self.connections);
        summary::loads(self.records)
            .filter(|load| (load.subject, load.scenario, load.connections) == measured)
            .collect()
    }

    fn rates(&self, subject: Subject, scenario: Scenario) -> Rates {
        self.loads(subject, scenario).iter().filter_map(|load| Some((load.turn?, load.rate))).collect()
    }

    fn limits(&self) -> Rates {
        let limits = self.records.iter().filter_map(|record| match record {
            Record::Limit(limit) if limit.connections == self.connections => Some((limit.turn, limit.rate)),
            _ => None,
        });
        limits.collect()
    }

    fn comparisons(&self) -> [Comparison; 3] {
        let (create, read) = (Scenario::Create, Scenario::Read);
        let (one, minimal) = (self.rates(Subject::Server, create), self.rates(Subject::Reader, read));
        let compare = |what, subject, scenario, limits, share| Comparison { what, subject, scenario, limits, share };
        [
            compare("creates", Subject::Server, create, self.limits(), 0.5),
            compare("creates, two servers", Subject::Servers, create, one, 1.0),
            compare("reads by id", Subject::Server, read, minimal, 0.5),
        ]
    }

    fn ratio(rates: &Rates, limits: &Rates) -> Option<Spread> {
        let limit = |turn| limits.iter().find(|(of, _)| *of == turn).map(|(_, limit)| *limit);
        Spread::of(rates.iter().filter_map(|(turn, rate)| Some(rate / limit(*turn)?)))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |Comparison { what, subject, scenario, limits, .. }| {
            let loads = self.loads(subject, scenario);
            let median = |value: fn(&Load) -> f64| Some(Spread::of(loads.iter().map(|load| value(load)))?.median);
            let limit = Spread::of(limits.iter().map(|(_, limit)| *limit))?.median;
            let ratio = Self::ratio(&self.rates(subject, scenario), &limits)?;
            Some(vec![
                what.to_owned(),
                self.connections.to_string(),
                thousands(limit),
                thousands(median(|load| load.rate)?),
                format!("**{:.2}** ({:.2}–{:.2})", ratio.median, ratio.least, ratio.most),
                format!("{:.2}", median(|load| load.p50_ms)?),
                format!("{:.2}", median(|load| load.p99_ms)?),
                format!("{:.1}", median(|load| load.cpu_us_per_answer)?),
                format!("{:.1}", median(|load| load.generator_cpu_us_per_answer)?),
            ])
        };
        self.comparisons().into_iter().filter_map(row).collect()
    }

    fn goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for Comparison { what, subject, scenario, limits, share } in self.comparisons() {
            let what = format!("{what} at {} connections", self.connections);
            if let Some(ratio) = Self::ratio(&self.rates(subject, scenario), &limits) {
                goals.push(Goal::at_least(format!("{what}: rate to the limit"), share, ratio.median));
            }
            let p99 = Spread::of(self.loads(subject, scenario).iter().map(|load| load.p99_ms));
            if let Some(p99) = p99.filter(|_| scenario == Scenario::Create) {
                goals.push(Goal::at_most_ms(format!("{what}: p99"), 50.0, p99.median));
            }
        }
        goals
    }
}
