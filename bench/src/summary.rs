//! Medians of alternating measurements.

use std::collections::BTreeSet;

use crate::{
    load::requests::Scenario,
    record::{Load, Record, Subject},
};

/// One scenario at one number of connections.
pub struct Row {
    /// The requests.
    pub scenario: Scenario,
    /// Number of connections.
    pub connections: usize,
    /// What the control did.
    pub control: Side,
    /// What the server did.
    pub server: Side,
    /// The server's rate to the control's, turn by turn.
    pub ratio: Spread,
}

/// Medians over the turns of one server, and the worst latency of all.
pub struct Side {
    /// Answers a second.
    pub rate: f64,
    /// The median latency.
    pub p50_ms: f64,
    /// The latency that one in a hundred exceeds.
    pub p99_ms: f64,
    /// The latency that one in a thousand exceeds.
    pub p999_ms: f64,
    /// The longest latency of all.
    pub max_ms: f64,
    /// Processor time for an answer.
    pub cpu_us: f64,
    /// Processor time of the generator for an answer.
    pub generator_us: f64,
}

/// A median and what lies around it.
pub struct Spread {
    /// The value in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of some values; nothing of none.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, least, most })
    }
}

/// The loads of a run in which control and server alternated.
pub fn loads(records: &[Record]) -> impl Iterator<Item = &Load> {
    records.iter().filter_map(|record| match record {
        Record::Load(load) if load.turn.is_some() => Some(load),
        _ => None,
    })
}

/// The closed loops of a run, before or after the registry was filled.
pub fn rows(records: &[Record], filled: bool) -> Vec<Row> {
    let closed: Vec<&Load> = loads(records).filter(|load| load.offered.is_none() && load.filled == filled).collect();
    let keys: BTreeSet<_> = closed.iter().map(|load| (load.scenario, load.connections)).collect();
    keys.into_iter()
        .filter_map(|(scenario, connections)| {
            let of = |subject| -> Vec<&Load> {
                let one = |load: &&&Load| {
                    load.subject == subject && (load.scenario, load.connections) == (scenario, connections)
                };
                closed.iter().filter(one).copied().collect()
            };
            let (control, server) = (of(Subject::Control), of(Subject::Server));
            let pairs = server.iter().filter_map(|server| {
                let control = control.iter().find(|control| control.turn == server.turn)?;
                Some(server.rate / control.rate)
            });
            let ratio = Spread::of(pairs)?;
            Some(Row { scenario, connections, control: side(&control)?, server: side(&server)?, ratio })
        })
        .collect()
}

/// The rate of creates over one connection to the rate of syncs, turn by turn.
pub fn creates_for_a_sync(records: &[Record]) -> Option<Spread> {
    let creates = loads(records).filter(|load| {
        (load.subject, load.scenario, load.connections) == (Subject::Server, Scenario::Create, 1)
            && load.offered.is_none()
            && !load.filled
    });
    Spread::of(creates.filter_map(|load| {
        let syncs = records.iter().find_map(|record| match record {
            Record::Sync(sync) if Some(sync.turn) == load.turn => Some(sync.per_second),
            _ => None,
        })?;
        Some(load.rate / syncs)
    }))
}

fn side(loads: &[&Load]) -> Option<Side> {
    let median = |value: fn(&Load) -> f64| Spread::of(loads.iter().map(|load| value(load))).map(|spread| spread.median);
    Some(Side {
        rate: median(|load| load.rate)?,
        p50_ms: median(|load| load.p50_ms)?,
        p99_ms: median(|load| load.p99_ms)?,
        p999_ms: median(|load| load.p999_ms)?,
        max_ms: Spread::of(loads.iter().map(|load| load.max_ms))?.most,
        cpu_us: median(|load| load.cpu_us_per_answer)?,
        generator_us: median(|load| load.generator_cpu_us_per_answer)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0, 10.0].into_iter()).expect("there are values");
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.5, 10.0));
        assert!(Spread::of([].into_iter()).is_none());
    }
}
