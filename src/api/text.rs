//! Text from outside, made safe for messages.
//!
//! Whatever a service or a proxy sends may end up on a terminal, so it is cleaned as soon as it is read: what the other files
//! of this room keep can be printed as it is. Never decides what a text means.

use std::fmt;
use std::time::Duration;

use crate::invisible::{is_hidden, is_joiner};
use crate::pattern::patterns;

/// The most characters of a text that go into a message.
const MAX_CHARS: usize = 400;

/// Returns `text` on one line: runs of white space become one space, invisible characters are escaped as `\u{1b}`, and a
/// text of more than 400 characters is cut off with `…`.
pub(crate) fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_CHARS));
    let mut kept = 0;
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
            kept += 1;
        }
        for c in word.chars() {
            if kept >= MAX_CHARS {
                line.push('…');
                return line;
            }
            kept += 1;
            if is_escaped(c) {
                line.extend(c.escape_unicode());
            } else {
                line.push(c);
            }
        }
    }
    line
}

/// Returns all of `text`, with invisible characters escaped as `\u{1b}`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_escaped(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

patterns! {
    /// Tags, comments, and scripts and styles with their content.
    TAGS = r"(?is)<(?:script|style)\b.*?</(?:script|style)\s*>|<!--.*?-->|<[^>]*>";
}

/// The most bytes of a page that are searched. The beginning says what it is, and for a page of unclosed scripts the time
/// would grow with the square of its length.
const MAX_PAGE: usize = 16 * 1024;

/// Returns the text at the beginning of an HTML page, without its tags, scripts and styles.
pub(crate) fn without_tags(html: &str) -> String {
    let html = &html[..html.floor_char_boundary(MAX_PAGE)];
    TAGS.replace_all(html, " ").into_owned()
}

/// Returns true for what a message must not contain. Joiners are rare in messages, and hide there as well as elsewhere.
fn is_escaped(c: char) -> bool {
    is_hidden(c) || is_joiner(c)
}

/// A duration as people read it: `0.3 s`, `4.2 s`, `90 s`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 9.95 && self.0.subsec_nanos() != 0 {
            write!(f, "{seconds:.1} s")
        } else {
            write!(f, "{seconds:.0} s")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_lines_joined() {
        assert_eq!(
            printable("  a\r\n\tb \u{1b}[31mred\u{7}\u{9b} "),
            "a b \\u{1b}[31mred\\u{7}\\u{9b}"
        );
        assert_eq!(printable("user\u{202e}txt"), "user\\u{202e}txt");
    }

    #[test]
    fn bodies_keep_their_length() {
        let text = format!("{{\"a\": \"{}\u{9b}\u{202e}\"}}", "x".repeat(1000));
        assert_eq!(
            visible(&text),
            text.replace('\u{9b}', "\\u{9b}")
                .replace('\u{202e}', "\\u{202e}")
        );
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let cut = printable(&"é".repeat(1000));
        assert_eq!(cut.chars().count(), MAX_CHARS + 1);
        assert!(cut.ends_with('…'));
        assert_eq!(printable(&"x".repeat(MAX_CHARS)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn pages_lose_their_tags_scripts_and_styles() {
        let page = "<html><head><style>b{}</style><title>502 Bad Gateway</title></head>\
                    <script>alert('<b>')</script><body><!-- x --><h1>Sorry</h1></body></html>";
        assert_eq!(printable(&without_tags(page)), "502 Bad Gateway Sorry");
    }

    #[test]
    fn of_a_long_page_only_the_beginning_is_read() {
        let page = format!("Sorry{}é", "<script>".repeat(1_000_000));
        let text = without_tags(&page);
        assert!(text.starts_with("Sorry") && text.len() <= MAX_PAGE);
        assert!(without_tags(&"é".repeat(MAX_PAGE)).len() <= MAX_PAGE);
    }

    #[test]
    fn durations_read_as_seconds() {
        let shown = |ms| Seconds(Duration::from_millis(ms)).to_string();
        assert_eq!(
            [
                shown(300),
                shown(4200),
                shown(5000),
                shown(9960),
                shown(90_400)
            ],
            ["0.3 s", "4.2 s", "5 s", "10 s", "90 s"]
        );
    }
}
