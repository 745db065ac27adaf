//! COPY and the rows of SELECTs that are ended: what was there before, or all of what was to take its place.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use fastrand::Rng;
use iamql::api::Method;

use super::ends::{End, Point, run};
use super::{BEFORE, FORMATS, Figures, draw, environment};
use crate::support::{TestEnv, files};

/// Three pages.
const KEYS: usize = 240;

const QUERY: &str =
    "SELECT k.id, n.value FROM api_keys k CROSS JOIN generate_series(1, 25) AS n(value)";

/// What can be said of a whole copy: its rows, and the sum of their values.
const WHOLE: &str = "6000,78000\n";

/// One COPY that is ended.
pub(super) fn copy(seed: u64, ends: &[End]) -> Figures {
    let mut rng = Rng::with_seed(seed);
    let end = draw(&mut rng, ends);
    let env = environment(&mut rng, end, KEYS, &[Method::GET]);
    let name = draw(
        &mut rng,
        &[
            "copy.csv",
            "copy.jsonl",
            "copy.parquet",
            "copy.tsv",
            "copy.arrow",
        ],
    );
    let target = env.work().join(name);
    let replaces = rng.u8(..4) > 0;
    if replaces {
        std::fs::write(&target, BEFORE).unwrap();
    }
    let sql = format!("COPY ({QUERY}) TO '{name}'");
    let args = ["--color", "never", "-e", &sql];
    let point = Point::draw(&mut rng, 4, 100_000);
    let output = run(&env, &args, end, point, &mut rng);
    let what = format!("seed {seed}: {end:?} at {point:?} of {sql}: {output:?}");
    assert!(!output.stderr.contains("panicked"), "{what}");
    let is_new = match std::fs::read(&target) {
        Ok(found) => found != BEFORE.as_bytes(),
        Err(_) => {
            assert!(!replaces, "{what}");
            false
        }
    };
    if is_new {
        env.sandbox.set_faults(Vec::new());
        let sums = format!("SELECT count(*), sum(value) FROM '{name}'");
        let sums = env.iamql(&["-q", "-o", "csv", "--no-header", "-e", &sums]);
        assert_eq!(
            (sums.code, &*sums.stdout),
            (Some(0), WHOLE),
            "{what}: {sums:?}"
        );
    }
    settled(&env, end, name, is_new, output.code, &what);
    Figures {
        copies: 1,
        replaced: usize::from(is_new),
        ..Figures::default()
    }
}

/// One SELECT that is ended, its rows going to a file or to stdout.
pub(super) fn output(seed: u64, ends: &[End]) -> Figures {
    let mut rng = Rng::with_seed(seed);
    let end = draw(&mut rng, ends);
    let env = environment(&mut rng, end, KEYS, &[Method::GET]);
    let format = draw(&mut rng, &FORMATS);
    let file = env.work().join("rows");
    let (to_file, replaces) = (rng.bool(), rng.bool());
    // A pipe takes fewer bytes than there are, and a program waits for its reader.
    let to_file = to_file || matches!(end, End::ReaderIsLate);
    let mut args = vec!["--color", "never", "-o", format, "-e", QUERY];
    if to_file {
        args.extend(["--output-file", "rows"]);
        if replaces {
            std::fs::write(&file, BEFORE).unwrap();
        }
    }
    let point = Point::draw(&mut rng, 4, 100_000);
    let output = run(&env, &args, end, point, &mut rng);
    let what = format!("seed {seed}: {end:?} at {point:?} of {args:?}");
    assert!(
        !output.stderr.contains("panicked"),
        "{what}: {}",
        output.stderr
    );
    let mut figures = Figures {
        outputs: 1,
        ..Figures::default()
    };
    let whole = whole(&env, format);
    let is_new = match std::fs::read_to_string(&file) {
        Ok(found) if found == BEFORE => false,
        Ok(found) => {
            assert!(found == whole, "{what}: {} bytes", found.len());
            true
        }
        Err(_) => {
            assert!(!(to_file && replaces), "{what}");
            false
        }
    };
    if to_file {
        figures.replaced = usize::from(is_new);
        settled(&env, end, "rows", is_new, output.code, &what);
    } else if end.reads_rows() {
        let rows = &output.stdout;
        let is_all = output.code == Some(0);
        assert!(
            whole.starts_with(rows) && (!is_all || *rows == whole),
            "{what}: {} of {} bytes, {}",
            rows.len(),
            whole.len(),
            output.stderr
        );
    }
    figures
}

/// The rows of [`QUERY`] in `format`, from a run that nothing ends.
fn whole(env: &TestEnv, format: &str) -> String {
    static WHOLE: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);
    if let Some(known) = WHOLE.lock().unwrap().get(format) {
        return known.clone();
    }
    env.sandbox.set_faults(Vec::new());
    let rows = env
        .iamql(&["-q", "-o", format, "-e", QUERY])
        .rows()
        .to_owned();
    WHOLE
        .lock()
        .unwrap()
        .insert(format.to_owned(), rows.clone());
    rows
}

/// Asserts that `is_new` is what the exit code tells, and that nothing lies beside the target `name`.
fn settled(env: &TestEnv, end: End, name: &str, is_new: bool, code: Option<i32>, what: &str) {
    if let Some(code) = code {
        assert_eq!(code == 0, is_new, "{what}");
    }
    if !end.is_sudden() {
        let mut beside = files(&env.work());
        // The last two are of a terminal.
        beside.retain(|file| ![name, "pid", "tty"].contains(&&**file));
        assert_eq!(beside, [""; 0], "{what}");
    }
}
