//! The figures of the whole program, each next to its floor in the same run.
//!
//! `cargo bench --bench figures` starts the simulated service in a process of its own, runs the program against it, and
//! prints ratios, since times differ between machines and hours. A floor is what nobody could do better: a process
//! that does nothing, or a client that fetches the same pages one after another and drops them. Words behind `--` choose
//! figures by their names. Measures and prints, and asserts nothing: a busy machine is no failure.

#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

mod figure;
mod floor;
mod process;
mod service;

use figure::{Figure, Unit, growth, listing_ratio, peak, ratio};
use process::{Program, median};
use service::Service;

/// The latency of one request where round trips are what is counted, in milliseconds.
const LATENCY_MS: u64 = 20;

/// Measures figures that belong together.
type Group = fn(&mut Vec<Figure>);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(floor) = floor::Floor::of(&words) {
        return floor.run();
    }
    let wanted: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let groups: [(&str, Group); 6] = [
        ("start", start),
        ("round-trips", round_trips),
        ("side-by-side", side_by_side),
        ("wire", wire),
        ("million", million),
        ("growth", |_| growth()),
    ];
    for (name, measure) in groups {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            let mut figures = Vec::new();
            measure(&mut figures);
            println!("\n{name}");
            for figure in figures {
                println!("  {figure}");
            }
        }
    }
}

/// What it costs to be started.
fn start(figures: &mut Vec<Figure>) {
    let select = Program::iamql(["-e", "SELECT 1"]);
    let empty = Program::floor(["floor", "nothing"]);
    let (ours, floor) = process::paired(&select, &empty, 21);
    figures.push(Figure {
        name: "SELECT 1, more than an empty program".to_owned(),
        unit: Unit::Milliseconds,
        value: (median(ours) - median(floor)) * 1e3,
        bound: 25.0,
    });
    figures.push(peak("SELECT 1, peak memory", &select, 60.0));
}

/// Listings where the network is what takes time.
fn round_trips(figures: &mut Vec<Figure>) {
    let service = Service::start(10_000, LATENCY_MS);
    for format in ["csv", "jsonl", "json", "table"] {
        let name = format!("10,000 keys as {format}, 100 round trips of {LATENCY_MS} ms");
        figures.push(listing_ratio(
            name,
            &service,
            "SELECT * FROM api_keys",
            format,
            3,
            1.05,
        ));
    }
}

/// Requests that do not wait for one another.
fn side_by_side(figures: &mut Vec<Figure>) {
    let service = Service::start(10_000, LATENCY_MS);
    let ids = service.column("SELECT id FROM api_keys LIMIT 200");
    let by_id = service.query(
        &format!("SELECT * FROM api_keys WHERE id IN ({})", quoted(&ids)),
        "csv",
    );
    let gets = service.floor(&["get", &ids[0], "25"]);
    figures.push(ratio(
        "200 keys by id, 25 round trips at concurrency 8",
        &by_id,
        &gets,
        3,
        1.15,
    ));

    let owners = service.column(
        "SELECT owner_id FROM vw_api_keys WHERE owner_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 8",
    );
    let of_owners = service.query(
        &format!(
            "SELECT * FROM api_keys WHERE spec.owner.id IN ({})",
            quoted(&owners)
        ),
        "csv",
    );
    figures.push(listing_ratio(
        "10,000 keys with their names, the longest listing".to_owned(),
        &service,
        "SELECT * FROM vw_api_key_inventory",
        "csv",
        3,
        1.1,
    ));
    let longest = service.floor(&["list", &format!("spec.owner={}", owners[0])]);
    figures.push(ratio(
        "8 owners, the longest of their listings",
        &of_owners,
        &longest,
        3,
        1.2,
    ));
}

/// Listings where the wire is not what takes time.
fn wire(figures: &mut Vec<Figure>) {
    let service = Service::start(100_000, 0);
    for (sql, format, bound) in [
        ("SELECT * FROM api_keys", "csv", 1.3),
        ("SELECT * FROM api_keys", "jsonl", 1.3),
        ("SELECT count(*) FROM api_keys", "csv", 1.15),
        ("SELECT id FROM api_keys", "csv", 1.15),
    ] {
        let name = format!("100,000 keys: {sql} as {format}");
        // Runs are short here, and what else the machine does shows most.
        figures.push(listing_ratio(name, &service, sql, format, 11, bound));
    }
    let limited = service.query("SELECT * FROM api_keys LIMIT 5", "csv");
    figures.push(Figure {
        name: "LIMIT 5, requests".to_owned(),
        unit: Unit::Count,
        value: limited.requests() as f64,
        bound: 1.0,
    });
}

/// What must not grow with the organization.
fn million(figures: &mut Vec<Figure>) {
    let (small, large) = (Service::start(10_000, 0), Service::start(1_000_000, 0));
    for format in ["csv", "jsonl"] {
        for (keys, service) in [("10,000", &small), ("1,000,000", &large)] {
            let listing = service.query("SELECT * FROM api_keys", format);
            figures.push(peak(
                &format!("{keys} keys as {format}, peak memory"),
                &listing,
                120.0,
            ));
        }
    }
    let sql = "SELECT spec.owner.id, count(*) FROM api_keys GROUP BY spec.owner.id";
    let name = "1,000,000 keys: GROUP BY owner".to_owned();
    figures.push(listing_ratio(name, &large, sql, "csv", 1, 1.2));
}

fn quoted(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| format!("'{text}'")).collect();
    quoted.join(",")
}
