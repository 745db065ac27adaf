//! The documentation speaks the truth: what README and docs show is run, and compared with what they say comes of it.
//!
//! A block of `sql` is piped into the program, a block of `sh` goes to the system's shell, a transcript of the
//! interactive shell is typed at a terminal; all reach a sandbox. A block that none of these is fails. Words after the
//! language say more: `fails` for what must fail, `serves` for what runs until it is stopped, `jq` for what is left out
//! where that tool is not installed, `measured` for figures that another run would not repeat. A block marked `output` holds what stdout and stderr of the block before it show,
//! but for dates, durations, ports and secrets. `UPDATE_DOCS=1 cargo test --test it docs -- --test-threads 1` writes
//! those blocks and the generated tables.

mod block;
mod picture;
mod run;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use iamql::dialect::functions;
use iamql::resource::findings::{self, Control};
use iamql::resource::{self, API_KEYS, Access};
use iamql::testing::{Args, commands};
use regex::Regex;
use tempfile::TempDir;

use block::{Use, blocks, steady};
use run::{run, session};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
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
    let mut is_run = false;
    for (position, block) in blocks.iter().enumerate() {
        let place = format!("{path}:{}", block.line + 1);
        let purpose = block.purpose();
        if purpose.is_none() || purpose == Some(Use::Output) && !is_run {
            write!(wrong, "\n{place} is a block that nothing checks").unwrap();
        }
        is_run = matches!(purpose, Some(Use::Statements | Use::Commands));
        let Some((shown, succeeded)) = run(block, folder.path()) else {
            continue;
        };
        if succeeded == block.is("fails") {
            write!(wrong, "\n{place} ended otherwise than it says:\n{shown}").unwrap();
        }
        let next = blocks.get(position + 1).filter(|next| next.is("output"));
        let compared = match purpose {
            Some(Use::Transcript) => block,
            _ => match next {
                Some(next) => next,
                None => continue,
            },
        };
        if steady(&compared.text) != steady(&shown) {
            write!(wrong, "\n{place} shows:\n{shown}").unwrap();
            edits.push((compared.line, compared.end, shown));
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
    for folder in ["docs", "docs/decisions", ".github"] {
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
fn the_front_page_fits_a_terminal_of_80_columns() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    for block in blocks(&page) {
        if matches!(block.purpose(), Some(Use::Output | Use::Transcript)) {
            for line in block.text.lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }
}

#[test]
fn the_picture_is_that_of_a_session() {
    let Some(screen) = session(picture::SESSION) else {
        return;
    };
    let made = picture::svg(&screen);
    let file = root().join("docs/shell.svg");
    if is_updating() {
        fs::write(&file, made).unwrap();
        return;
    }
    let drawn = fs::read_to_string(&file).unwrap();
    // Ports and times differ, and with them the lengths of lines.
    let lengths = Regex::new("textLength=\"[^\"]*\"").unwrap();
    // The oldest keys were created on a certain day, so their age grows.
    let ages = Regex::new(r"\b\d{4} │").unwrap();
    let text = |svg: &str| steady(&ages.replace_all(&lengths.replace_all(svg, ""), "AGE │"));
    assert_eq!(text(&drawn), text(&made), "UPDATE_DOCS=1 draws it again");
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
fn the_page_on_performance_shows_what_happens() {
    check("docs/performance.md");
}

#[test]
fn the_page_on_stackql_shows_what_happens() {
    check("docs/stackql.md");
}

#[test]
fn the_page_on_findings_shows_what_happens() {
    check("docs/findings.md");
}

#[test]
fn the_page_on_siblings_shows_what_happens() {
    check("docs/siblings.md");
}

#[test]
fn the_page_on_output_shows_what_happens() {
    check("docs/output.md");
}

#[test]
fn the_page_on_the_shell_shows_what_happens() {
    check("docs/shell.md");
}

#[test]
fn the_page_on_installing_shows_what_happens() {
    check("docs/install.md");
}

#[test]
fn the_page_of_recipes_shows_what_happens() {
    check("docs/recipes.md");
}

#[test]
fn every_command_of_the_shell_has_its_line() {
    let mut made = "| command | what it does | also |\n| --- | --- | --- |\n".to_owned();
    for (usage, description, dots) in commands() {
        let dots: Vec<_> = dots.iter().map(|dot| format!("`.{dot}`")).collect();
        let (usage, description) = (usage.replace('|', "\\|"), description.replace('|', "\\|"));
        writeln!(made, "| `{usage}` | {description} | {} |", dots.join(", ")).unwrap();
    }
    check_generated("docs/shell.md", "commands", &made);
}

#[test]
fn packages_have_the_manual_of_every_command() {
    let commands = Args::command();
    let commands = commands
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let names: Vec<&str> = commands.map(clap::Command::get_name).collect();
    let expected = format!("for command in {}; do", names.join(" "));
    for path in ["packaging/deb.sh", ".github/workflows/release.yml"] {
        let script = fs::read_to_string(root().join(path)).unwrap();
        assert!(script.contains(&expected), "{path} lacks `{expected}`");
    }
}

#[test]
fn the_page_on_configuration_shows_what_happens() {
    check("docs/configuration.md");
}

#[test]
fn the_page_on_assistants_shows_what_happens() {
    check("docs/mcp.md");
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
fn the_page_for_contributors_shows_what_happens() {
    check(".github/CONTRIBUTING.md");
}

#[test]
fn the_readme_tests_as_continuous_integration_does() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    let mut tests = blocks.iter().filter(|b| b.purpose() == Some(Use::Cargo));
    let command = tests.next().unwrap().text.trim();
    // A package does not have the first.
    for script in [".ci/run", ".github/workflows/ci.yml"] {
        let Ok(script) = fs::read_to_string(root().join(script)) else {
            continue;
        };
        let mut lines = script
            .lines()
            .map(|line| line.trim().trim_start_matches("- run: "));
        assert!(lines.any(|line| line == command), "{command}");
    }
}

#[test]
fn every_page_is_checked_and_can_be_reached() {
    let this = include_str!("mod.rs");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for file in fs::read_dir(root().join("docs")).unwrap() {
        let file = file.unwrap();
        if file.path().is_dir() {
            continue;
        }
        let name = file.file_name().into_string().unwrap();
        let is_page = name.ends_with(".md");
        assert!(
            !is_page || this.contains(&format!("check(\"docs/{name}\")")),
            "{name}"
        );
        assert!(readme.contains(&format!("(docs/{name})")), "{name}");
    }
}

#[test]
fn every_decision_is_listed_and_holds_nothing_to_run() {
    let folder = root().join("docs/decisions");
    let list = fs::read_to_string(folder.join("README.md")).unwrap();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(
            blocks(&text).is_empty(),
            "{name} has a block that nothing checks"
        );
        assert!(
            name == "README.md" || list.contains(&format!("]({name})")),
            "{name}"
        );
    }
}

#[test]
fn every_file_has_its_place_in_the_architecture() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for folder in ["src", "tests"] {
        for file in fs::read_dir(root().join(folder)).unwrap() {
            let path = format!("`{folder}/{}`", file.unwrap().file_name().display());
            assert!(page.contains(&path), "{path}");
        }
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
    for (path, column) in API_KEYS.paths() {
        let saves = API_KEYS.sent_as(&path);
        let set_by = match column.access {
            Access::ReadOnly => "",
            Access::OnCreate => "INSERT",
            Access::Writable => "INSERT, UPDATE",
        };
        let saves = saves.map_or_else(String::new, |sent| format!("`{sent}`"));
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
fn the_reference_of_siblings_is_the_declaration() {
    let mut made = String::new();
    for resource in &resource::ALL[1..] {
        writeln!(
            made,
            "### {}\n\n`GET {}`, for the role {}.\n\n\
             | column | type | an equality saves | what it is |\n| --- | --- | --- | --- |",
            resource.full_name(),
            resource.path,
            resource.role
        )
        .unwrap();
        for (path, column) in resource.paths() {
            // What every object and every reference has, is said once.
            let is_detail = path.starts_with("metadata.")
                || column.name != "id" && path.contains('.') && {
                    let (parent, _) = path.rsplit_once('.').unwrap();
                    let parent: Vec<&str> = parent.split('.').collect();
                    let parent = resource.find(&parent).unwrap();
                    parent
                        .ty
                        .fields()
                        .iter()
                        .any(|field| field.name == "related")
                };
            if is_detail {
                continue;
            }
            let saves = resource.sent_as(&path);
            let saves = saves.map_or_else(String::new, |sent| format!("`{sent}`"));
            let (ty, description) = (column.ty.label(), column.description);
            writeln!(made, "| `{path}` | {ty} | {saves} | {description} |").unwrap();
        }
        made.push('\n');
    }
    check_generated("docs/siblings.md", "siblings", &made);
}

#[test]
fn every_control_is_documented() {
    let mut made = String::new();
    for control in findings::CONTROLS {
        let Control {
            name,
            severity,
            status,
            description,
            source,
            requests,
            ..
        } = control;
        writeln!(made, "### {name}\n\n{description}\n").unwrap();
        writeln!(made, "- severity {severity}, status {status}").unwrap();
        if let Some(setting) = control.setting {
            writeln!(
                made,
                "- threshold `findings.{}`, {} by default",
                setting.name, setting.default
            )
            .unwrap();
        }
        writeln!(made, "- lists {requests}\n- after {source}\n").unwrap();
        let query = control.query(|setting| setting.default.to_string());
        writeln!(made, "```sql\n{query};\n```\n").unwrap();
    }
    check_generated("docs/findings.md", "controls", &made);
    let mut made = "| setting | default | what it says |\n| --- | ---: | --- |\n".to_owned();
    for setting in findings::settings() {
        let (name, default, description) = (setting.name, setting.default, setting.description);
        writeln!(made, "| `findings.{name}` | {default} | {description} |").unwrap();
    }
    check_generated("docs/findings.md", "settings", &made);
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
