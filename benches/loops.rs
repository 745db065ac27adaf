//! The loops that run once for every key, each next to its floor in the same run.
//!
//! From the bytes of a page to keys, to columns, and to text. `cargo bench --bench loops` measures with criterion and
//! then prints the ratios: a page cannot be read faster than JSON is skipped, and text cannot be made faster than it is
//! copied. Words behind `--` choose loops by their names.

#![expect(clippy::print_stdout, reason = "printing ratios is what it is for")]

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use iamql::api::{Page, PageReader, PageToken};
use iamql::render::{OutputFormat, RenderOptions, renderer};
use iamql::resource::API_KEYS;
use iamql::sandbox::{Sandbox, SandboxConfig};
use iamql::table::decode::Decoder;
use iamql::table::read::RowReader;
use serde::de::IgnoredAny;

/// Positions of the columns of the table: all of them, and the id alone.
const ALL: &[usize] = &[0, 1, 2, 3, 4, 5];
const ID: &[usize] = &[0];

/// Each loop that has a floor: its name, the floor's, and the most times the floor that it should take, which is what it
/// took when it was last looked at, and a little.
const RATIOS: [(&str, &str, f64); 6] = [
    ("page/envelope", "page/skipped", 1.2),
    ("page/id", "page/skipped", 1.8),
    ("page/all", "page/skipped", 3.5),
    ("text/csv", "text/copied", 45.0),
    ("text/jsonl", "text/copied", 40.0),
    ("text/table", "text/copied", 120.0),
];

fn main() {
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loops");
    let mut criterion = Criterion::default()
        .output_directory(&results)
        .configure_from_args();
    let page = page();
    let parsed = Page::parse(page.clone()).expect("it is a page");
    read(&mut criterion, &page, parsed.next());
    write(
        &mut criterion,
        &decoded(&page, parsed.next(), &API_KEYS.schema(), ALL),
    );
    criterion.final_summary();
    println!();
    for (name, floor, bound) in RATIOS {
        if let (Some(ours), Some(least)) =
            (nanoseconds(&results, name), nanoseconds(&results, floor))
        {
            let ratio = ours / least;
            let verdict = if ratio <= bound { "" } else { "  over" };
            println!("{name:<16} {ratio:>7.2} x {floor:<14} at most {bound:>6.1} x{verdict}");
        }
    }
}

/// From the body of a page to keys and columns.
fn read(criterion: &mut Criterion, page: &Bytes, next: Option<&PageToken>) {
    let schema = API_KEYS.schema();
    let mut group = criterion.benchmark_group("page");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("skipped", |b| {
        b.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(page)).expect("a page is JSON"));
    });
    group.bench_function("envelope", |b| {
        b.iter(|| Page::parse(black_box(page.clone())).expect("it is a page"));
    });
    for (name, projection) in [("id", ID), ("all", ALL)] {
        group.bench_function(name, |b| {
            b.iter(|| decoded(black_box(page), next, &schema, projection));
        });
    }
    group.finish();
}

/// From columns to text.
fn write(criterion: &mut Criterion, batch: &RecordBatch) {
    let text = rendered(OutputFormat::Jsonl, batch, Vec::new());
    let mut group = criterion.benchmark_group("text");
    group.throughput(Throughput::Elements(batch.num_rows() as u64));
    group.bench_function("copied", |b| b.iter(|| black_box(&text).clone()));
    for format in [OutputFormat::Csv, OutputFormat::Jsonl, OutputFormat::Table] {
        group.bench_function(format.to_string(), |b| {
            b.iter(|| rendered(format, black_box(batch), io::sink()));
        });
    }
    group.finish();
}

/// Returns a full page as the simulated service sends it.
fn page() -> Bytes {
    // A client is not made without one, even if it never encrypts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let sandbox = Sandbox::start(SandboxConfig::default())
            .await
            .expect("loopback");
        let (key, secret) = sandbox.credentials();
        let answer = reqwest::Client::builder()
            .tls_certs_only([])
            .build()
            .expect("a client")
            .get(format!(
                "{}/iam/v2/api-keys?show_expired=true&page_size=100",
                sandbox.url()
            ))
            .basic_auth(key, Some(secret))
            .send()
            .await
            .expect("an answer");
        answer.bytes().await.expect("a body")
    })
}

/// Decodes a page that goes on with `next`.
fn decoded(
    page: &Bytes,
    next: Option<&PageToken>,
    schema: &Schema,
    projection: &[usize],
) -> RecordBatch {
    let schema = schema.project(projection).expect("the positions exist");
    let mut rows = RowReader::new(Decoder::new(&API_KEYS, Arc::new(schema), projection));
    rows.read(page, next)
        .expect("it is a page as services spell it");
    rows.finish().expect("a page is small").rows
}

fn rendered<W: io::Write + Send>(format: OutputFormat, batch: &RecordBatch, mut writer: W) -> W {
    let mut renderer = renderer(format, &RenderOptions::default(), Box::new(&mut writer));
    renderer.begin(&batch.schema()).expect("it is rendered");
    renderer.batch(batch).expect("it is rendered");
    renderer.finish().expect("it is rendered");
    drop(renderer);
    writer
}

/// Reads what criterion measured: the estimate of one run, in nanoseconds.
fn nanoseconds(results: &Path, name: &str) -> Option<f64> {
    let file: PathBuf = results.join(name).join("new").join("estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
