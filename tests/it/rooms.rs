//! The order of rooms, and circles of files within them: what docs/architecture.md draws is what the `use` lines say.
//!
//! Reads the sources as text. A path counts wherever it stands in code outside of tests; what a `mod.rs` hands on with
//! `pub use` counts for the file that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms in their order: each may use those before it.
const ORDER: &[&str] = &[
    "secret",
    "invisible",
    "json_scan",
    "mask",
    "pattern",
    "private_file",
    "error",
    "dialect",
    "resource",
    "api",
    "table",
    "sql",
    // Arrow and a writer are all that it needs; sessions show cells in messages.
    "render",
    "session",
    "terminal",
    "mcp",
    "shell",
    // Without a statement, the command line starts the shell.
    "cli",
];

/// Rooms that are apart: they may use those listed.
const APART: &[(&str, &[&str])] = &[("sandbox", &["secret", "error"])];

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The files of `src`, by module path: `dialect::rules::rule`. That of the library is empty.
struct Sources(BTreeMap<String, String>);

impl Sources {
    fn read() -> Self {
        let mut files = BTreeMap::new();
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![(String::new(), src)];
        while let Some((module, folder)) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap();
                let inner = match module.as_str() {
                    "" => stem.to_owned(),
                    module => format!("{module}::{stem}"),
                };
                if [
                    "tests",
                    "fuzzing",
                    "main",
                    "testing",
                    "fixtures",
                    "conformance",
                ]
                .contains(&stem)
                {
                    continue;
                }
                if path.is_dir() {
                    folders.push((inner, path));
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let name = match stem {
                        "mod" | "lib" => module.clone(),
                        _ => inner,
                    };
                    files.insert(name, code(&std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        Self(files)
    }

    /// Returns the file that the longest beginning of `path` names, and the name after it.
    fn file(&self, path: &[String]) -> Option<(String, Option<String>)> {
        (0..=path.len()).rev().find_map(|len| {
            let module = path[..len].join("::");
            let is_file = self.0.contains_key(&module);
            is_file.then(|| (module, path.get(len).cloned()))
        })
    }

    /// Returns which files each file uses.
    fn edges(&self) -> Edges {
        let mut handed_on = BTreeMap::new();
        for (module, text) in &self.0 {
            for path in paths(text).iter().filter(|path| path.is_public) {
                if let Some((file, Some(_))) = self.target(module, &path.steps)
                    && file != *module
                {
                    let name = path.steps.last().cloned().unwrap_or_default();
                    handed_on.insert((module.clone(), name), file);
                }
            }
        }
        let mut edges = Edges::new();
        for (module, text) in &self.0 {
            for path in paths(text).iter().filter(|path| !path.is_public) {
                let Some((file, name)) = self.target(module, &path.steps) else {
                    continue;
                };
                let origin = name.and_then(|name| handed_on.get(&(file.clone(), name)));
                let file = origin.unwrap_or(&file);
                if file != module && !file.is_empty() {
                    edges
                        .entry(module.clone())
                        .or_default()
                        .insert(file.clone());
                }
            }
            // A module names its children without `use`.
            let children = self.0.keys().filter(|child| is_child(child, module));
            let named = children.filter(|child| {
                let name = child.rsplit("::").next().unwrap_or_default();
                names(text, &format!("{name}::"))
            });
            let named: Vec<String> = named.cloned().collect();
            if !module.is_empty() && !named.is_empty() {
                edges.entry(module.clone()).or_default().extend(named);
            }
        }
        edges
    }

    /// Returns the file of this crate that `steps`, typed in `module`, lead into.
    fn target(&self, module: &str, steps: &[String]) -> Option<(String, Option<String>)> {
        let mut at: Vec<String> = match module {
            "" => Vec::new(),
            module => module.split("::").map(str::to_owned).collect(),
        };
        let mut steps = steps.iter().peekable();
        match steps.peek()?.as_str() {
            "crate" => {
                at.clear();
                steps.next();
            }
            "self" => {
                steps.next();
            }
            "super" => {}
            child => {
                at.push(child.to_owned());
                if !self.0.contains_key(&at.join("::")) {
                    return None;
                }
                at.pop();
            }
        }
        while steps.next_if(|step| *step == "super").is_some() {
            at.pop();
        }
        at.extend(steps.cloned());
        self.file(&at)
    }
}

/// Returns `text` without comments and tests.
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut code: Vec<&str> = Vec::new();
    let mut is_skipped = false;
    for line in lines {
        // One item of tests: a line, or lines up to the end of its block, which are indented.
        match line {
            line if line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test") => {
                is_skipped = true;
            }
            _ if !is_skipped => code.push(line),
            line => is_skipped = line.starts_with(' ') || !(line.ends_with(';') || line == "}"),
        }
    }
    code.join("\n")
}

fn is_child(child: &str, module: &str) -> bool {
    child
        .rsplit_once("::")
        .is_some_and(|(parent, _)| parent == module)
}

/// Returns true if `code` has `path` in it as the beginning of a path, outside of `use` lines.
fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        let line = code[..at].lines().last().unwrap_or_default();
        !line.contains("use ")
            && !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == ':' || c == '_')
    })
}

struct Used {
    steps: Vec<String>,
    is_public: bool,
}

/// Returns the paths in `use` lines, and those that begin with `crate` or `super` anywhere.
fn paths(code: &str) -> Vec<Used> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let before = rest[..at].lines().last().unwrap_or_default();
        rest = &rest[at + 4..];
        let visibility = before.trim();
        if !(visibility.is_empty() || visibility.starts_with("pub")) {
            continue;
        }
        let Some((tree, after)) = rest.split_once(';') else {
            break;
        };
        // The word may stand in a text.
        if !tree
            .chars()
            .all(|c| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c))
        {
            continue;
        }
        let is_public = !visibility.is_empty();
        for steps in expanded(tree) {
            found.push(Used { steps, is_public });
        }
        rest = after;
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_whole =
                !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == ':' || c == '_');
            let line = code[..at].lines().last().unwrap_or_default();
            if is_whole && !line.contains("use ") {
                let path =
                    code[at..].split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                let steps = path.take(1).flat_map(|path| path.split("::"));
                found.push(Used {
                    steps: steps
                        .map(str::to_owned)
                        .filter(|step| !step.is_empty())
                        .collect(),
                    is_public: false,
                });
            }
        }
    }
    found
}

/// Returns the paths of a tree, `a::{b, c::d}`.
fn expanded(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((prefix, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![
            path.split("::")
                .map(|step| step.trim().to_owned())
                .collect(),
        ];
    };
    let prefix: Vec<String> = prefix
        .split("::")
        .map(|step| step.trim().to_owned())
        .filter(|step| !step.is_empty())
        .collect();
    let inner = &inner[..inner.rfind('}').unwrap_or(inner.len())];
    let (mut depth, mut start) = (0_usize, 0);
    let mut parts = Vec::new();
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(expanded)
        .map(|path| {
            let path = path.into_iter().filter(|step| step != "self");
            prefix.iter().cloned().chain(path).collect()
        })
        .collect()
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn may_use(room: &str, other: &str) -> bool {
    if let Some((_, rooms)) = APART.iter().find(|(apart, _)| *apart == room) {
        return rooms.contains(&other);
    }
    let place = |room: &str| ORDER.iter().position(|other| *other == room);
    match (place(room), place(other)) {
        (Some(room), Some(other)) => other < room,
        // The edges start the sandbox.
        (Some(_), None) => other == "sandbox" && ["terminal", "cli", "shell"].contains(&room),
        _ => false,
    }
}

#[test]
fn rooms_use_those_before_them() {
    let sources = Sources::read();
    let mut broken = Vec::new();
    for (file, used) in sources.edges() {
        for other in used {
            let (from, to) = (room(&file), room(&other));
            if !from.is_empty() && from != to && !may_use(from, to) {
                broken.push(format!("{file} uses {other}"));
            }
        }
    }
    assert!(broken.is_empty(), "against the order: {broken:#?}");
}

/// Returns the groups of files that all lead to each other.
fn circles(edges: &Edges) -> BTreeSet<Vec<String>> {
    let reachable = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            for other in edges.get(file).into_iter().flatten() {
                if room(other) == room(from) && seen.insert(other) {
                    next.push(other);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, _> = edges.keys().map(|file| (file, reachable(file))).collect();
    let circle = |file: &String| -> Vec<String> {
        let leads_back =
            |other: &&&String| reach.get(**other).is_some_and(|back| back.contains(file));
        reach[file]
            .iter()
            .filter(leads_back)
            .map(|other| (*other).clone())
            .collect()
    };
    edges
        .keys()
        .map(circle)
        .filter(|circle| circle.len() > 2)
        .collect()
}

#[test]
fn no_circle_has_more_than_two_files() {
    let circles = circles(&Sources::read().edges());
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn the_page_lists_the_rooms_in_this_order() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `src/"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let listed: Vec<&str> = names
        .map(|name| name.trim_start_matches("src/").trim_end_matches(".rs"))
        .take_while(|name| *name != "sandbox")
        .collect();
    assert_eq!(listed, ORDER);
}

#[test]
fn paths_are_read_from_trees() {
    let found = |code: &str| -> Vec<String> {
        paths(code)
            .iter()
            .map(|used| used.steps.join("::"))
            .collect()
    };
    assert_eq!(
        found("use a::{b, c::{self, d as e}};\npub use f;\nlet x = crate::g::h(super::i);"),
        ["a::b", "a::c", "a::c::d", "f", "crate::g::h", "super::i"]
    );
}
