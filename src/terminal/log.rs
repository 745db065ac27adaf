//! Requests on stderr, for `-v`.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::stderr;

/// Shows requests on stderr: not at 0, without their bodies at 1, with them from 2 on.
pub(crate) fn show_requests(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(|| stderr::Trace)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    tracing_subscriber::registry()
        .with(layer)
        .with(Targets::new().with_target("iamql", level))
        .init();
}
