//! The picture of the shell on the front page: what a session shows, as an SVG. Pure, given the text.

use std::fmt::Write as _;

/// The session, as a transcript: what is typed stands behind the prompts.
pub(super) const SESSION: &str = "\
$ iamql --sandbox
iamql (sandbox)> SELECT id, owner_id, resource_type, age_days FROM vw_api_keys
              -> ORDER BY age_days DESC LIMIT 5;
iamql (sandbox)> SELECT owner_id, count(*) AS keys FROM _ GROUP BY owner_id;
iamql (sandbox)> SELECT id FROM api_keys WHERE spec.dislay_name = 'etl';
iamql (sandbox)> INSERT INTO api_keys (spec.display_name, spec.owner.id)
              -> VALUES ('nightly export', 'sa-8pp15s');
iamql (sandbox)> \\q
";

/// Columns of the terminal that is drawn.
const COLUMNS: usize = 84;
/// The width of a character, the height of a line and the margin, in pixels.
const CHARACTER: f64 = 8.4;
const LINE: usize = 18;
const MARGIN: usize = 16;

/// Draws the text of a terminal.
pub(super) fn svg(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let width = (COLUMNS as f64 * CHARACTER) as usize + 2 * MARGIN;
    let height = lines.len() * LINE + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2129\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"14\" fill=\"#d7dae0\" xml:space=\"preserve\">\n"
    );
    for (number, line) in lines.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        let y = MARGIN + (number + 1) * LINE - 4;
        let length = line.chars().count() as f64 * CHARACTER;
        writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" textLength=\"{length:.1}\">{}</text>",
            coloured(line)
        )
        .unwrap();
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Returns a line with what the shell would colour.
fn coloured(line: &str) -> String {
    let span =
        |colour: &str, text: &str| format!("<tspan fill=\"{colour}\">{}</tspan>", escaped(text));
    for prompt in ["$ ", "iamql (sandbox)> ", "              -> "] {
        if let Some(typed) = line.strip_prefix(prompt) {
            return format!("{}{}", span("#7ec699", prompt), span("#ffffff", typed));
        }
    }
    for (word, colour) in [("error", "#e06c75"), ("hint", "#61afef"), ("(", "#8b93a1")] {
        if line.starts_with(word) {
            return span(colour, line);
        }
    }
    escaped(line)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
