//! Hints for a model: what it can do itself, in place of flags, which belong to a command line. Pure.

/// What decides about statements where the server is started, and nowhere else.
#[rustfmt::skip]
const OF_THE_SERVER: [&str; 9] = [
    "--auth", "--ca-cert", "--concurrency", "--endpoint", "--memory-limit", "--no-files", "--profile",
    "--read-only", "--timeout",
];

/// Returns what of `hint` is of use to a model, which has tools and no command line; None if that is nothing.
pub(super) fn for_model(hint: &str) -> Option<String> {
    if !has_flag(hint) {
        return Some(hint.to_owned());
    }
    let clauses = hint.split("; ");
    let kept: Vec<String> = clauses.filter_map(clause).collect();
    match kept.is_empty() {
        false => Some(kept.join("; ")),
        true => OF_THE_SERVER
            .iter()
            .any(|flag| hint.contains(flag))
            .then(|| "only the person who starts the server can change this: tell them".to_owned()),
    }
}

/// Returns one clause of a hint without flags.
fn clause(clause: &str) -> Option<String> {
    if let Some((before, after)) = clause.split_once("--param ") {
        let name = after.split('=').next().unwrap_or_default();
        let before = ["pass it as ", "pass values as ", "pass "]
            .iter()
            .find_map(|end| before.strip_suffix(end))?;
        return Some(match name {
            "name" => format!("{before}pass values in `params`, and write $name"),
            name => format!("{before}pass it in `params`, as {{\"{name}\": …}}"),
        });
    }
    if let Some(what) = clause.strip_prefix("--no-files is set: ") {
        return Some(what.to_owned());
    }
    // Of several ways, those without a flag are left.
    let ways = clause.split(", or ").flat_map(|way| way.split(", then "));
    let ways: Vec<&str> = ways.filter(|way| !has_flag(way)).collect();
    (!ways.is_empty()).then(|| ways.join(", or "))
}

/// Returns true if `text` has a flag of the command line.
fn has_flag(text: &str) -> bool {
    let mut starts = text.match_indices("--").map(|(at, _)| at);
    starts.any(|at| {
        let is_first = !text[..at].ends_with(|c: char| c == '-' || c.is_alphanumeric());
        is_first && text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_what_it_can_do() {
        for (hint, told) in [
            ("did you mean `id`?", Some("did you mean `id`?")),
            (
                "comments begin with --, or are put between /* and */",
                Some("comments begin with --, or are put between /* and */"),
            ),
            (
                "pass it as --param 1=…",
                Some(r#"pass it in `params`, as {"1": …}"#),
            ),
            (
                "templates are not supported: pass values as --param name=value, and write $name",
                Some("templates are not supported: pass values in `params`, and write $name"),
            ),
            (
                "put the JSON in its place, or write $spec and pass --param spec='{…}'",
                Some(
                    r#"put the JSON in its place, or write $spec and pass it in `params`, as {"spec": …}"#,
                ),
            ),
            (
                "--no-files is set: statements neither read nor write local files",
                Some("statements neither read nor write local files"),
            ),
            (
                "add spec.secret to it, or pass --discard-secrets",
                Some("add spec.secret to it"),
            ),
            ("add a WHERE, preview with --dry-run, or pass --yes", None),
            (
                "pass --timeout to allow more time",
                Some("only the person who starts the server can change this: tell them"),
            ),
            (
                "--memory-limit MIB gives statements more; a WHERE, a LIMIT or fewer columns need less",
                Some("a WHERE, a LIMIT or fewer columns need less"),
            ),
            (
                "write BIGINT; --dialect stackql takes it",
                Some("write BIGINT"),
            ),
            (
                "leave BEGIN, COMMIT and ROLLBACK out; --dry-run shows what a statement would do",
                Some("leave BEGIN, COMMIT and ROLLBACK out"),
            ),
        ] {
            assert_eq!(for_model(hint).as_deref(), told, "{hint}");
        }
    }
}
