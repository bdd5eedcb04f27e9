//! The plot of latency against load, as SVG.

use std::fmt::Write;

use crate::{
    format::thousands,
    record::{Load, Subject},
};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 60.0;

/// A line of the plot: its label, its style, and the figure it shows.
struct Line {
    label: &'static str,
    stroke: &'static str,
    dashes: &'static str,
    subject: Subject,
    value: fn(&Load) -> f64,
}

const LINES: [Line; 4] = [
    Line { label: "p99.9", stroke: "#b3261e", dashes: "none", subject: Subject::Server, value: |load| load.p999_ms },
    Line { label: "p99", stroke: "#d9822b", dashes: "none", subject: Subject::Server, value: |load| load.p99_ms },
    Line { label: "p50", stroke: "#2b6cb0", dashes: "none", subject: Subject::Server, value: |load| load.p50_ms },
    Line {
        label: "control's p99",
        stroke: "#888888",
        dashes: "5 4",
        subject: Subject::Control,
        value: |load| load.p99_ms,
    },
];

/// Where a rate and a latency lie on the page; latencies are drawn to a logarithmic scale.
struct Scale {
    most: f64,
    decades: (i32, i32),
}

impl Scale {
    fn of(open: &[&Load]) -> Self {
        let most = open.iter().filter_map(|load| load.offered).fold(1.0, f64::max);
        let values = || open.iter().flat_map(|load| LINES.iter().map(|line| (line.value)(load).max(0.001)));
        let least = values().fold(f64::INFINITY, f64::min).log10().floor() as i32;
        let longest = values().fold(0.001, f64::max).log10().ceil() as i32;
        Self { most, decades: (least, longest.max(least + 1)) }
    }

    fn x(&self, rate: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * rate / self.most
    }

    fn y(&self, milliseconds: f64) -> f64 {
        let (low, high) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let share = (milliseconds.max(0.001).log10() - low) / (high - low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    }
}

/// Draws the open loops of a run.
pub fn svg(open: &[&Load]) -> String {
    let scale = Scale::of(open);
    let mut body = String::new();
    grid(&mut body, &scale);
    for (line, y) in LINES.iter().zip([TOP, TOP + 20.0, TOP + 40.0, TOP + 60.0]) {
        draw(&mut body, &scale, line, open);
        legend(&mut body, line, y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn grid(out: &mut String, scale: &Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for decade in scale.decades.0..=scale.decades.1 {
        let (value, y) = (10_f64.powi(decade), scale.y(10_f64.powi(decade)));
        rule(out, (LEFT, y), (right, y));
        text(out, (LEFT - 8.0, y + 4.0), "end", "#444", &format!("{value} ms"));
    }
    for fifth in 0..=5 {
        let rate = scale.most * f64::from(fifth) / 5.0;
        let x = scale.x(rate);
        rule(out, (x, TOP), (x, bottom));
        text(out, (x, bottom + 18.0), "middle", "#444", &thousands(rate));
    }
    text(out, (f64::midpoint(LEFT, right), HEIGHT - 16.0), "middle", "#000", "creates offered a second");
}

fn draw(out: &mut String, scale: &Scale, line: &Line, open: &[&Load]) {
    let mut points: Vec<(f64, f64)> = open
        .iter()
        .filter(|load| load.subject == line.subject)
        .filter_map(|load| Some((scale.x(load.offered?), scale.y((line.value)(load)))))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (path, stroke, dashes) = (path.join(" "), line.stroke, line.dashes);
    put(
        out,
        format_args!(
            "<polyline points=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/>"
        ),
    );
    for (x, y) in points {
        put(out, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{stroke}\"/>"));
    }
}

fn legend(out: &mut String, line: &Line, y: f64) {
    let (left, stroke, dashes) = (WIDTH - RIGHT + 12.0, line.stroke, line.dashes);
    let right = left + 20.0;
    put(
        out,
        format_args!(
            "<line x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\" stroke=\"{stroke}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/>"
        ),
    );
    text(out, (right + 6.0, y + 4.0), "start", "#000", line.label);
}

fn rule(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    put(out, format_args!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"));
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, fill: &str, words: &str) {
    put(out, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{fill}\">{words}</text>"));
}

fn put(out: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(out, "{element}").expect("a string takes everything");
}
