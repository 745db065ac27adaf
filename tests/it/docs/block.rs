//! The fenced blocks of a page, and what is done with each. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// One fenced block of a page.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) language: String,
    words: Vec<String>,
    pub(super) text: String,
    /// The line of the opening fence, counted from 0.
    pub(super) line: usize,
    /// The line of the closing fence.
    pub(super) end: usize,
}

/// What is done with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Piped into the program.
    Statements,
    /// Run by the system's shell.
    Commands,
    /// Started, and ended once it says how to reach it.
    Server,
    /// Cargo's own work, tests and benchmarks, which cannot run within a test.
    Cargo,
    /// Typed into the interactive shell, and compared with what is on the screen then.
    Transcript,
    /// Compared with what the block before it shows.
    Output,
    /// Read as the configuration file.
    Configuration,
    /// Read as the configuration of an MCP client, which starts the program.
    Client,
    /// A workflow of continuous integration, whose last step is run by the system's shell.
    Workflow,
    /// Looked at: a picture, or figures of another day.
    Sight,
}

impl Block {
    /// True if `word` stands after the language.
    pub(super) fn is(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    /// What is done with it; None if nobody would notice that it is wrong.
    pub(super) fn purpose(&self) -> Option<Use> {
        let lines = || self.text.lines();
        Some(match self.language.as_str() {
            _ if self.is("output") => Use::Output,
            "sql" => Use::Statements,
            "sh" if self.is("serves") => Use::Server,
            "sh" if lines().all(|line| {
                ["cargo test", "cargo bench", "export "]
                    .iter()
                    .any(|word| line.contains(word))
            }) =>
            {
                Use::Cargo
            }
            "sh" if lines().any(|line| line.contains("iamql") || line.contains("cargo run")) => {
                Use::Commands
            }
            "text" if self.text.starts_with("$ iamql ") => Use::Transcript,
            "toml" => Use::Configuration,
            "json" if self.is("client") => Use::Client,
            "yaml" if self.text.contains("- run: |\n") => Use::Workflow,
            "mermaid" => Use::Sight,
            "text" if self.is("measured") => Use::Sight,
            _ => return None,
        })
    }
}

/// Returns the blocks of a page, from the top.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
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
pub(super) fn steady(text: &str) -> String {
    static VARYING: LazyLock<[(Regex, &str); 6]> = LazyLock::new(|| {
        [
            (
                r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?",
                "DATE${1}TIME",
            ),
            (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
            (r"\b\d+(\.\d+)? ?(ns|µs|ms|s)\b", "TIME"),
            (r"bytes=[0-9.]+ [KM]?B?", "BYTES"),
            (r"\bcflt[A-Za-z0-9+/…]+", "SECRET"),
            (r"127\.0\.0\.1:\d+", "ADDRESS"),
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
pub(super) fn without_secrets(text: &str) -> String {
    static SECRET: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bcflt[A-Za-z0-9+/]{60}").unwrap());
    SECRET.replace_all(text, "cflt…").into_owned()
}
