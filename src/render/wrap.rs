//! Long text as several lines, and JSON with its members below each other. Pure.

use std::borrow::Cow;

use textwrap::{Options, WordSplitter, WrapAlgorithm};

/// Wraps one line between words, to `width` terminal columns. What follows the first line stands `hang` columns further
/// right than the text began. A word that is wider than a line is cut.
pub(crate) fn wrapped(line: &str, width: usize, hang: usize) -> Vec<Cow<'_, str>> {
    let wrap = |width| wrapped_once(line, width, hang);
    // The end of a word that was cut has a letter to it: a comma of JSON does not stand alone.
    let is_lone = |lines: &Vec<Cow<'_, str>>| {
        lines.len() > 1
            && lines
                .last()
                .is_some_and(|last| last.ends_with(',') && !last.contains(char::is_alphanumeric))
    };
    let narrower = (0..3).map(|less| wrap(width.saturating_sub(less)));
    narrower
        .into_iter()
        .find(|lines| !is_lone(lines))
        .unwrap_or_else(|| wrap(width))
}

fn wrapped_once(line: &str, width: usize, hang: usize) -> Vec<Cow<'_, str>> {
    let width = width.max(1);
    let own = line.len() - line.trim_start_matches(' ').len();
    let indent = " ".repeat((own + hang).min(width / 2));
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(line, options);
    lines
        .into_iter()
        .map(|line| Cow::Owned(line.into_owned()))
        .collect()
}

/// Returns JSON, which is on one line, with one member or element a line. Its numbers and texts stay as they are spelt.
pub(crate) fn indented(json: &str) -> String {
    let mut shown = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0usize, false, false);
    let start_line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.extend(std::iter::repeat_n("  ", depth));
    };
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if in_text {
            shown.push(c);
            in_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                in_text = true;
                shown.push(c);
            }
            '{' | '[' => {
                shown.push(c);
                let closing = if c == '{' { '}' } else { ']' };
                match chars.next_if_eq(&closing) {
                    Some(closing) => shown.push(closing),
                    None => {
                        depth += 1;
                        start_line(&mut shown, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                start_line(&mut shown, depth);
                shown.push(c);
            }
            ',' => {
                shown.push(c);
                start_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            ' ' => {}
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_comma_stays_with_what_it_follows() {
        for letters in 15..40 {
            let line = format!("  \"{}\",", "x".repeat(letters));
            let lines = wrapped(&line, 20, 2);
            let is_fine = |line: &str| line.contains('x') && line.len() <= 20;
            assert!(lines.iter().all(|line| is_fine(line)), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), line.replace(' ', ""));
        }
    }

    #[test]
    fn lines_break_between_words_and_hang_below_their_beginning() {
        assert_eq!(
            wrapped("  one two three four five six", 20, 2),
            ["  one two three four", "    five six"]
        );
        assert_eq!(wrapped("short", 20, 0), ["short"]);
        assert_eq!(wrapped("", 20, 0), [""]);
        assert_eq!(
            wrapped(&"x".repeat(30), 20, 0),
            ["x".repeat(20), "x".repeat(10)]
        );
    }

    #[test]
    fn members_stand_below_each_other() {
        insta::assert_snapshot!(
            indented(r#"{"a":1.50,"b":{"c":"x:{\"y\"},","d":[]},"e":[{},12345678901234567890]}"#),
            @r#"
        {
          "a": 1.50,
          "b": {
            "c": "x:{\"y\"},",
            "d": []
          },
          "e": [
            {},
            12345678901234567890
          ]
        }
        "#
        );
        assert_eq!(indented("\"text\""), "\"text\"");
    }

    proptest! {
        #[test]
        fn no_text_is_lost(text in "[a-z ]{0,80}", width in 20usize..60) {
            let joined = wrapped(&text, width, 2).join(" ");
            let words = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(words(&joined), words(&text));
        }

        #[test]
        fn indented_json_says_the_same(text in "\\PC{0,20}", number in any::<f64>()) {
            let value = serde_json::json!({"a": [text, {"b": number}, null], "c": {}});
            let shown = indented(&value.to_string());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
