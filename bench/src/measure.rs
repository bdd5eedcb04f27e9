//! One measurement: load from the generator, with what it cost on both sides.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    args::LoadArguments,
    control,
    known::Known,
    load::{
        Pace, Plan, Until,
        requests::{Kind, Target, Work},
        tally::Tally,
    },
    machine, process,
    process::Process,
    record::{Load, Subject},
};

/// Position of a measurement in its run.
#[derive(Clone, Copy)]
pub struct RunPosition {
    /// What is measured.
    pub subject: Subject,
    /// Control and server with the same number take turns; warm-ups and fills have none.
    pub turn: Option<usize>,
    /// Whether the registry had been filled before.
    pub filled: bool,
    /// Customers in the registry at the start.
    pub customers: u64,
}

/// Carries out a plan and records the result, with the processor time of a known process.
pub fn measure(plan: &Plan, process: Option<&Process>, position: RunPosition) -> io::Result<(Load, Tally)> {
    let cpu = || process.map_or(Ok(Duration::ZERO), |process| process.usage().map(|usage| usage.cpu));
    let (server_before, own_before) = (cpu()?, process::own_usage()?.cpu);
    let tally = plan.run()?;
    let (server_cpu, own_cpu) = (cpu()? - server_before, process::own_usage()?.cpu - own_before);
    let each = |total: Duration| total.as_secs_f64() * 1e6 / tally.answers.max(1) as f64;
    let load = Load {
        subject: position.subject,
        scenario: plan.work.scenario,
        connections: plan.connections,
        turn: position.turn,
        filled: position.filled,
        customers: position.customers,
        offered: match plan.pace {
            Pace::Closed => None,
            Pace::Open(rate) => Some(rate),
        },
        seconds: tally.elapsed.as_secs_f64(),
        answers: tally.answers,
        rate: tally.rate(),
        p50_ms: tally.quantile_ms(0.5),
        p90_ms: tally.quantile_ms(0.9),
        p99_ms: tally.quantile_ms(0.99),
        p999_ms: tally.quantile_ms(0.999),
        max_ms: tally.latencies.max() as f64 / 1e6,
        cpu_us_per_answer: each(server_cpu),
        generator_cpu_us_per_answer: each(own_cpu),
        unserved: tally.unserved,
        unexpected: tally.unexpected,
        broken: tally.broken,
        samples: tally.samples.clone(),
        load_average: machine::load_average(),
    };
    Ok((load, tally))
}

/// Puts load on a server that something else has started.
pub fn alone(arguments: LoadArguments) -> io::Result<String> {
    let target = Target {
        addresses: vec![arguments.address],
        path: arguments.path,
        authorization: arguments.authorization.unwrap_or_else(control::authorization),
        kind: Kind::Peer,
    };
    let known = Known::of((1..=arguments.ids.max(1)).collect(), (0, vec![1]));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let plan = Plan {
        work: Arc::new(Work { target, scenario: arguments.scenario, known: Arc::new(known) }),
        // Names must differ from those of an earlier call.
        run: now.as_millis() as u32,
        connections: arguments.connections,
        pace: arguments.rate.map_or(Pace::Closed, Pace::Open),
        until: Until::Elapsed(Duration::from_secs_f64(arguments.seconds)),
        keep_ids: false,
    };
    let position = RunPosition { subject: Subject::Peer, turn: None, filled: false, customers: 0 };
    let (load, _) = measure(&plan, None, position)?;
    Ok(serde_json::to_string(&load)?)
}
