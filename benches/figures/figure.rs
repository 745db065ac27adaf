//! A figure: what was measured, and what it must not exceed.

use std::fmt;

use super::process::{Program, median, paired};
use super::service::Service;

/// What a figure counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// How many times the floor.
    Ratio,
    Milliseconds,
    Megabytes,
    Count,
}

/// What was measured, and the most that it should be.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
    pub(crate) bound: f64,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |value: f64| match self.unit {
            Unit::Ratio => format!("{value:.2} x"),
            Unit::Milliseconds => format!("{value:.1} ms"),
            Unit::Megabytes => format!("{value:.0} MB"),
            Unit::Count => format!("{value:.0}"),
        };
        let verdict = if self.value <= self.bound {
            ""
        } else {
            "  over"
        };
        write!(
            f,
            "{:<62} {:>9}   at most {:>7}{verdict}",
            self.name,
            amount(self.value),
            amount(self.bound),
        )
    }
}

/// How long `ours` takes as a ratio to `floor`: the median of ratios in `runs` pairs, so that a noise that lasts hits both.
pub(crate) fn ratio(
    name: &str,
    ours: &Program,
    floor: &Program,
    runs: usize,
    bound: f64,
) -> Figure {
    let (ours, floor) = paired(ours, floor, runs);
    Figure {
        name: name.to_owned(),
        unit: Unit::Ratio,
        value: median(
            ours.iter()
                .zip(&floor)
                .map(|(ours, floor)| ours / floor)
                .collect(),
        ),
        bound,
    }
}

/// The same for a query that lists all keys, whose floor is the bare listing of them.
pub(crate) fn listing_ratio(
    name: String,
    service: &Service,
    sql: &str,
    format: &str,
    runs: usize,
    bound: f64,
) -> Figure {
    ratio(
        &name,
        &service.query(sql, format),
        &service.floor(&["list", ""]),
        runs,
        bound,
    )
}

/// The most memory that `program` held at a time.
pub(crate) fn peak(name: &str, program: &Program, bound: f64) -> Figure {
    Figure {
        name: name.to_owned(),
        unit: Unit::Megabytes,
        value: program.peak_megabytes(),
        bound,
    }
}

/// Prints requests, time and memory of a listing as it grows, as a table for the page on performance.
#[expect(clippy::print_stdout, reason = "printing figures is what it is for")]
pub(crate) fn growth() {
    println!("\n| keys | requests | csv, ms a page | csv, times the floor | peak memory, MB |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for keys in [1_000, 10_000, 100_000, 1_000_000] {
        let service = Service::start(keys, 0);
        let query = service.query("SELECT * FROM api_keys", "csv");
        let runs = if keys < 1_000_000 { 3 } else { 1 };
        let (ours, floor) = paired(&query, &service.floor(&["list", ""]), runs);
        let (ours, floor) = (median(ours), median(floor));
        let requests = query.requests();
        println!(
            "| {keys} | {requests} | {:.2} | {:.2} | {:.0} |",
            ours * 1e3 / requests as f64,
            ours / floor,
            query.peak_megabytes(),
        );
    }
}
