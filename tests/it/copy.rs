//! COPY TO: what was at the target is there until the copy has succeeded.

use std::fs;
use std::path::Path;

use iamql::sandbox::Fault;
use iamql::session::Done;

use crate::support::Lab;

/// The names in `folder`, in order.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Runs a COPY, which tells how many rows it has written, and has none of its own.
async fn copy(lab: &Lab, statement: &str, rows: usize) {
    let answer = lab.run(statement).await;
    assert_eq!((answer.rows.len(), answer.columns.len()), (0, 0));
    assert_eq!(answer.done, Some(Done::Written(rows)));
}

#[tokio::test]
async fn a_copy_that_fails_leaves_what_was_there() {
    let lab = Lab::with_keys(250).await;
    for (name, format) in [
        ("keys.csv", ""),
        ("keys.json", ""),
        ("keys.parquet", ""),
        ("keys.txt", "STORED AS CSV"),
    ] {
        lab.write(name, "last month");
        for failing in [
            "SELECT id FROM api_keys",
            "SELECT id, 1 / (length(id) - length(id)) FROM api_keys",
        ] {
            let faults = match failing.contains('/') {
                true => Vec::new(),
                false => vec!["page=3:400".parse::<Fault>().unwrap()],
            };
            lab.sandbox.set_faults(faults);
            lab.fail(&format!("COPY ({failing}) TO '{{dir}}/{name}' {format}"))
                .await;
            let kept = fs::read_to_string(lab.folder().join(name)).unwrap();
            assert_eq!(kept, "last month", "{name}: {failing}");
        }
    }
    lab.sandbox.set_faults(Vec::new());
    lab.sandbox
        .set_faults(vec!["page=2:400".parse::<Fault>().unwrap()]);
    lab.fail("COPY (SELECT id, kind FROM api_keys) TO '{dir}/parts/' STORED AS CSV PARTITIONED BY (kind)")
        .await;
    // Nothing is left of what was begun.
    assert_eq!(
        names(lab.folder()),
        ["keys.csv", "keys.json", "keys.parquet", "keys.txt"]
    );
}

#[tokio::test]
async fn a_copy_replaces_what_was_there_and_explaining_one_does_not() {
    let lab = Lab::with_keys(3).await;
    lab.write("keys.csv", "last month");
    let explained = lab
        .run("EXPLAIN COPY (SELECT id FROM api_keys) TO '{dir}/keys.csv'")
        .await;
    assert_eq!(explained.requests, [""; 0]);
    let kept = fs::read_to_string(lab.folder().join("keys.csv")).unwrap();
    assert_eq!(kept, "last month");
    copy(
        &lab,
        "COPY (SELECT id FROM api_keys ORDER BY id) TO '{dir}/keys.csv'",
        3,
    )
    .await;
    let written = fs::read_to_string(lab.folder().join("keys.csv")).unwrap();
    assert_eq!(written.lines().count(), 4);
    copy(
        &lab,
        "COPY (SELECT id FROM api_keys WHERE false) TO '{dir}/keys.csv'",
        0,
    )
    .await;
    let written = fs::read_to_string(lab.folder().join("keys.csv")).unwrap();
    assert!(written.lines().count() <= 1, "{written}");
    assert_eq!(names(lab.folder()), ["keys.csv"]);
}

#[tokio::test]
async fn names_of_files_are_taken_as_they_are() {
    let lab = Lab::with_keys(3).await;
    for name in [
        "q?.csv", "a*.csv", "[x].csv", "50%.csv", "a b.csv", "ü#1.csv",
    ] {
        copy(
            &lab,
            &format!("COPY (SELECT 1 AS x) TO '{{dir}}/{name}'"),
            1,
        )
        .await;
    }
    assert_eq!(
        names(lab.folder()),
        [
            "50%.csv", "[x].csv", "a b.csv", "a*.csv", "q?.csv", "ü#1.csv"
        ]
    );
    let error = lab
        .fail("COPY (SELECT 1 AS x) TO 's3://bucket/x.csv'")
        .await;
    assert!(error.contains("is not a local file"), "{error}");
}

#[tokio::test]
async fn partitions_are_replaced_only_if_that_is_said() {
    let lab = Lab::with_keys(0).await;
    let days = |rows: &str, options: &str| {
        format!(
            "COPY (SELECT * FROM (VALUES {rows}) AS t(day, x)) TO '{{dir}}/days/' STORED AS CSV PARTITIONED BY (day) {options}"
        )
    };
    copy(&lab, &days("('mon', 1), ('tue', 2)", ""), 2).await;
    let error = lab.fail(&days("('tue', 3)", "")).await;
    assert!(error.contains("is not empty"), "{error}");
    let again = days("('tue', 3), ('wed', 4)", "OPTIONS (overwrite true)");
    copy(&lab, &again, 2).await;
    assert_eq!(
        names(&lab.folder().join("days")),
        ["day=mon", "day=tue", "day=wed"]
    );
    let text = |part: &str| {
        let folder = lab.folder().join("days").join(part);
        let files = names(&folder);
        assert_eq!(files.len(), 1, "{part}");
        fs::read_to_string(folder.join(&files[0])).unwrap()
    };
    assert_eq!(text("day=mon"), "x\n1\n");
    assert_eq!(text("day=tue"), "x\n3\n");
    assert_eq!(text("day=wed"), "x\n4\n");
    assert_eq!(names(lab.folder()), ["days"]);
}

#[tokio::test]
async fn nested_partitions_are_replaced_one_by_one() {
    let lab = Lab::with_keys(0).await;
    for (year, month, x) in [(2026, 10, 1), (2026, 11, 2), (2027, 10, 3), (2026, 11, 4)] {
        let statement = format!(
            "COPY (SELECT '{year}' AS y, '{month}' AS m, {x} AS x) TO '{{dir}}/snap' STORED AS PARQUET \
             PARTITIONED BY (y, m) OPTIONS (overwrite true)"
        );
        copy(&lab, &statement, 1).await;
    }
    let rows = lab
        .run("SELECT y, m, x FROM '{dir}/snap/' ORDER BY x")
        .await;
    assert_eq!(
        rows.rows,
        ["2026 | 10 | 1", "2027 | 10 | 3", "2026 | 11 | 4"]
    );
}

#[tokio::test]
async fn only_what_a_copy_has_written_is_ever_deleted() {
    let lab = Lab::with_keys(3).await;
    let folder =
        "COPY (SELECT id FROM api_keys) TO '{dir}/proj' STORED AS CSV OPTIONS (overwrite true)";
    copy(&lab, folder, 3).await;
    copy(&lab, folder, 3).await;
    let proj = lab.folder().join("proj");
    assert_eq!(names(&proj).len(), 1);
    for other in ["thesis.txt", "own.csv", "0123456789abcdef_0.parquet"] {
        fs::write(proj.join(other), "mine").unwrap();
        lab.sandbox.clear_requests();
        let error = lab.fail(folder).await;
        assert!(
            error.contains(other) && error.contains("would be deleted"),
            "{error}"
        );
        assert_eq!(lab.sandbox.requests().len(), 0, "it is refused at once");
        assert_eq!(fs::read_to_string(proj.join(other)).unwrap(), "mine");
        fs::remove_file(proj.join(other)).unwrap();
    }
    fs::create_dir(proj.join("sub")).unwrap();
    let error = lab.fail(folder).await;
    assert!(error.contains("sub"), "{error}");

    let days = "COPY (SELECT 'mon' AS day, 1 AS x) TO '{dir}/days' STORED AS CSV PARTITIONED BY (day) OPTIONS (overwrite true)";
    copy(&lab, days, 1).await;
    fs::write(lab.folder().join("days/README"), "mine").unwrap();
    copy(&lab, days, 1).await;
    let monday = lab.folder().join("days/day=mon");
    fs::write(monday.join("notes.txt"), "mine").unwrap();
    let error = lab.fail(days).await;
    assert!(error.contains("notes.txt"), "{error}");
    assert_eq!(names(&monday).len(), 2);
    fs::remove_dir_all(&monday).unwrap();
    fs::write(&monday, "mine").unwrap();
    let error = lab.fail(days).await;
    assert!(error.contains("is not a folder"), "{error}");
    for statement in [
        "COPY (SELECT 1 AS x) TO '{dir}/days/README/' STORED AS CSV",
        "COPY (SELECT 1 AS x) TO '{dir}/days/README' STORED AS CSV PARTITIONED BY (x)",
    ] {
        let error = lab.fail(statement).await;
        assert!(error.contains("is not a folder"), "{error}");
    }
    for kept in [monday, lab.folder().join("days/README")] {
        assert_eq!(fs::read_to_string(kept).unwrap(), "mine");
    }
}

#[cfg(unix)]
mod unix {
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_link_still_leads_to_the_file_and_a_mode_is_kept() {
        let lab = Lab::with_keys(0).await;
        lab.write("file.csv", "old");
        let (file, link) = (lab.folder().join("file.csv"), lab.folder().join("link.csv"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        symlink("file.csv", &link).unwrap();
        copy(&lab, "COPY (SELECT 1 AS x) TO '{dir}/link.csv'", 1).await;
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "x\n1\n");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A link to nothing makes what it leads to.
        symlink("new.csv", lab.folder().join("dangling.csv")).unwrap();
        copy(&lab, "COPY (SELECT 1 AS x) TO '{dir}/dangling.csv'", 1).await;
        assert!(lab.folder().join("new.csv").is_file());
    }

    #[tokio::test]
    async fn a_link_to_a_folder_still_leads_there_and_its_mode_is_kept() {
        let lab = Lab::with_keys(0).await;
        let (real, link) = (lab.folder().join("real"), lab.folder().join("link"));
        fs::create_dir(&real).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o700)).unwrap();
        symlink("real", &link).unwrap();
        copy(
            &lab,
            "COPY (SELECT 1 AS x) TO '{dir}/link/' STORED AS CSV",
            1,
        )
        .await;
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(&real).len(), 1);
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::write(real.join("mine.txt"), "mine").unwrap();
        let error = lab
            .fail("COPY (SELECT 1 AS x) TO '{dir}/link/' STORED AS CSV OPTIONS (overwrite true)")
            .await;
        assert!(error.contains("mine.txt"), "{error}");
    }

    #[tokio::test]
    async fn a_pipe_is_written_to_and_not_replaced() {
        let lab = Lab::with_keys(0).await;
        let pipe = lab.folder().join("pipe.csv");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reading = pipe.clone();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            fs::File::open(reading)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        });
        copy(&lab, "COPY (SELECT 1 AS x) TO '{dir}/pipe.csv'", 1).await;
        assert_eq!(reader.join().unwrap(), "x\n1\n");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_at_once() {
        let lab = Lab::with_keys(0).await;
        let error = lab.fail("COPY (SELECT 1 AS x) TO '/proc/x.csv'").await;
        assert!(error.contains("cannot write to `/proc/x.csv`"), "{error}");
    }
}

#[tokio::test]
async fn the_snapshot_of_a_day_is_replaced_by_the_next_of_that_day() {
    let lab = Lab::with_keys(3).await;
    for day in ["2026-01-01", "2026-01-02", "2026-01-02"] {
        let snapshot = format!(
            "COPY (SELECT id, CAST('{day}' AS DATE) AS day FROM vw_api_keys) TO '{{dir}}/snapshots/'
             STORED AS PARQUET PARTITIONED BY (day) OPTIONS (overwrite true)"
        );
        copy(&lab, &snapshot, 3).await;
    }
    let counts = lab
        .run("SELECT day, count(*) FROM '{dir}/snapshots/' GROUP BY day ORDER BY day")
        .await;
    assert_eq!(counts.rows, ["2026-01-01 | 3", "2026-01-02 | 3"]);
}
