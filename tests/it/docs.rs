//! The documentation speaks the truth: what README and docs show is run, and compared with what they say comes of it.
//!
//! A block of `sql` is piped into the program, a block of `sh` that mentions it goes to the system's shell; both reach
//! a sandbox that is filled as `--sandbox` is, and stands still. Words after the language change that: `fails` for what
//! must fail, `ignore` for what needs an account, `jq` for what needs that tool. A block marked `output` after it holds
//! what stdout and stderr show, dates, durations and secrets apart. `UPDATE_DOCS=1 cargo test --test it docs -- --test-threads 1` writes
//! those blocks and the generated tables.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use chrono::Utc;
use clap::CommandFactory;
use iamql::cli::args::Args;
use iamql::functions;
use iamql::sandbox::SandboxConfig;
use iamql::sql::stackql::pushdown;
use iamql::table::columns::{Access, paths};
use regex::Regex;
use tempfile::TempDir;

use crate::support::TestEnv;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// One fenced block of a page.
#[derive(Debug, Default)]
struct Block {
    language: String,
    words: Vec<String>,
    text: String,
    /// The line of the opening fence, counted from 0.
    line: usize,
    /// The line of the closing fence.
    end: usize,
}

impl Block {
    fn is(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    fn mentions_the_program(&self) -> bool {
        self.text.contains("iamql") || self.text.contains("cargo run")
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                open = Some(Block {
                    language: words.next().unwrap_or_default(),
                    words: words.collect(),
                    line: number,
                    ..Block::default()
                });
            }
            (Some(_), Some(_)) => {
                if let Some(mut block) = open.take() {
                    block.end = number;
                    blocks.push(block);
                }
            }
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Replaces what differs from run to run.
fn steady(text: &str) -> String {
    static VARYING: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        [
            (
                r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?",
                "DATE${1}TIME",
            ),
            (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
            (r"\b\d+(\.\d+)?(ns|µs|ms|s)\b", "TIME"),
            (r"bytes=[0-9.]+ [KM]?B?", "BYTES"),
            (r"\bcflt[A-Za-z0-9+/…]+", "SECRET"),
        ]
        .map(|(pattern, steady)| (Regex::new(pattern).unwrap(), steady))
    });
    let lines = text.lines().map(str::trim_end).collect::<Vec<_>>();
    VARYING
        .iter()
        .fold(lines.join("\n"), |text, (pattern, steady)| {
            pattern.replace_all(&text, *steady).into_owned()
        })
}

/// Secrets do not belong into a page, not even those of the sandbox.
fn without_secrets(text: &str) -> String {
    static SECRET: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bcflt[A-Za-z0-9+/]{60}").unwrap());
    SECRET.replace_all(text, "cflt…").into_owned()
}

/// Runs `block` in `folder` and returns what it shows, and whether it succeeded; None if it is not for running.
fn run(block: &Block, folder: &Path) -> Option<(String, bool)> {
    let is_sh = block.language == "sh" && block.mentions_the_program();
    if block.is("ignore") || !(is_sh || block.language == "sql") {
        return None;
    }
    if is_sh && (cfg!(windows) || block.is("jq") && !has_jq()) {
        return None;
    }
    let env = TestEnv::start(SandboxConfig::new().with_now(Utc::now()));
    let program = env.command(&[]);
    let mut command = match is_sh {
        true => {
            let mut command = Command::new("sh");
            let script = block.text.replace("cargo run -- ", "iamql ");
            command.args(["-e", "-c", &format!("exec 2>&1\n{script}")]);
            let program = Path::new(program.get_program()).parent().unwrap();
            command.env_clear().env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", program.display()),
            );
            command.envs(program_variables(&env.command(&[])));
            command
        }
        false => env.command(&["-f", "-"]),
    };
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if !is_sh {
        stdin.write_all(block.text.as_bytes()).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Some((without_secrets(&shown), output.status.success()))
}

fn program_variables(command: &Command) -> Vec<(String, String)> {
    let variables = command.get_envs();
    let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
    variables
        .filter_map(|(name, value)| Some((text(name), text(value?))))
        .collect()
}

fn has_jq() -> bool {
    let jq = Command::new("jq")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    jq.is_ok_and(|status| status.success())
}

/// Runs the blocks of the page at `path`, from the top, in one folder of their own.
fn check(path: &str) {
    let file = root().join(path);
    let page = fs::read_to_string(&file).unwrap();
    let blocks = blocks(&page);
    let folder = TempDir::new().unwrap();
    let mut wrong = String::new();
    // From the last to the first, so that line numbers stay right.
    let mut edits: Vec<(usize, usize, String)> = Vec::new();
    for (position, block) in blocks.iter().enumerate() {
        let Some((shown, succeeded)) = run(block, folder.path()) else {
            continue;
        };
        let place = format!("{path}:{}", block.line + 1);
        if succeeded == block.is("fails") {
            write!(wrong, "\n{place} ended otherwise than it says:\n{shown}").unwrap();
        }
        let Some(next) = blocks.get(position + 1).filter(|next| next.is("output")) else {
            continue;
        };
        if steady(&next.text) != steady(&shown) {
            write!(wrong, "\n{place} shows:\n{shown}").unwrap();
            edits.push((next.line, next.end, shown));
        }
    }
    if is_updating() && !edits.is_empty() {
        let mut lines: Vec<&str> = page.lines().collect();
        for (line, end, shown) in edits.iter().rev() {
            lines.splice(line + 1..*end, shown.lines().map(str::trim_end));
        }
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Compares the part of a page between `<!-- name -->` and `<!-- /name -->` with what it is made from.
fn check_generated(path: &str, name: &str, made: &str) {
    let file = root().join(path);
    let page = fs::read_to_string(&file).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = page.find(&begin).unwrap() + begin.len();
    let stop = start + page[start..].find(&end).unwrap();
    if is_updating() {
        fs::write(
            &file,
            format!("{}\n{made}\n{}", &page[..start], &page[stop..]),
        )
        .unwrap();
        return;
    }
    assert_eq!(page[start..stop].trim(), made.trim());
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", ".github"] {
        let files = fs::read_dir(root().join(folder)).unwrap();
        pages.extend(files.map(|file| file.unwrap().path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages
}

#[test]
fn readme_shows_what_happens() {
    check("README.md");
}

#[test]
fn the_page_on_the_table_shows_what_happens() {
    check("docs/table.md");
}

#[test]
fn the_page_on_statements_shows_what_happens() {
    check("docs/statements.md");
}

#[test]
fn the_page_on_pushdown_shows_what_happens() {
    check("docs/pushdown.md");
}

#[test]
fn the_page_on_stackql_shows_what_happens() {
    check("docs/stackql.md");
}

#[test]
fn the_page_on_output_shows_what_happens() {
    check("docs/output.md");
}

#[test]
fn the_page_on_configuration_shows_what_happens() {
    check("docs/configuration.md");
}

#[test]
fn the_page_on_security_shows_what_happens() {
    check("docs/security.md");
}

#[test]
fn the_page_on_the_architecture_shows_what_happens() {
    check("docs/architecture.md");
}

#[test]
fn every_page_is_checked_and_can_be_reached() {
    let this = include_str!("docs.rs");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for file in fs::read_dir(root().join("docs")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(this.contains(&format!("check(\"docs/{name}\")")), "{name}");
        assert!(readme.contains(&format!("(docs/{name})")), "{name}");
    }
}

#[test]
fn links_lead_to_files_that_exist() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in link.captures_iter(&text) {
            let target = page.parent().unwrap().join(&target[1]);
            assert!(target.exists(), "{}: {}", page.display(), target.display());
        }
    }
}

#[test]
fn the_table_reference_is_the_declaration() {
    let mut made = "| column | type | set by | an equality saves | what it is |\n\
                    | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (path, column) in paths() {
        // A field of a list's elements.
        let path = path.replace("spec.resources.", "spec.resources[].");
        let set_by = match column.access {
            Access::ReadOnly => "",
            Access::OnCreate => "INSERT",
            Access::Writable => "INSERT, UPDATE",
        };
        let saves = pushdown(column).map_or_else(String::new, |sent| format!("`{sent}`"));
        let (ty, description) = (column.ty.label(), column.description);
        writeln!(
            made,
            "| `{path}` | {ty} | {set_by} | {saves} | {description} |"
        )
        .unwrap();
    }
    check_generated("docs/table.md", "columns", &made);
}

#[test]
fn every_function_has_its_line() {
    let mut made = "| function | what it gives |\n| --- | --- |\n".to_owned();
    for function in functions::catalogue() {
        let signature = function.signature.replace('|', "\\|");
        let description = function.description.replace('|', "\\|");
        writeln!(made, "| `{signature}` | {description} |").unwrap();
    }
    check_generated("docs/stackql.md", "functions", &made);
}

#[test]
fn every_flag_is_described() {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let mut command = Args::command();
    command.build();
    let subcommands = command.get_subcommands();
    for arg in command
        .get_arguments()
        .chain(subcommands.flat_map(clap::Command::get_arguments))
    {
        let Some(long) = arg.get_long() else { continue };
        assert!(page.contains(&format!("--{long}")), "--{long}");
    }
}
