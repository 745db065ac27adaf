//! Colours for SQL as it is typed. Pure.

use super::lex::{Kind, Lexed, Lexeme};
use super::words;

const RESET: &str = "\x1b[0m";
const KEYWORD: &str = "\x1b[1;34m";
const FUNCTION: &str = "\x1b[36m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[35m";
const COMMENT: &str = "\x1b[2m";
const VARIABLE: &str = "\x1b[33m";
/// Marks the brackets of the pair that the cursor is at.
const BRACKET: &str = "\x1b[1;33m";

/// Returns `text` from byte `from` on in colours, with the bracket pair at byte `cursor` marked, if it is to
/// be. Its width on the terminal is that of the text itself.
pub(super) fn highlight(text: &str, lexed: &Lexed, from: usize, cursor: Option<usize>) -> String {
    let pair = cursor.and_then(|cursor| bracket_pair(&lexed.lexemes, text, cursor));
    let mut shown = String::with_capacity((text.len() - from.min(text.len())) * 2);
    for (index, lexeme) in lexed.lexemes.iter().enumerate() {
        if lexeme.end <= from {
            continue;
        }
        let part = &text[lexeme.start.max(from)..lexeme.end];
        let style = match pair {
            Some((a, b)) if index == a || index == b => Some(BRACKET),
            _ => style(text, &lexed.lexemes, index),
        };
        match style {
            Some(style) => {
                shown.push_str(style);
                shown.push_str(part);
                shown.push_str(RESET);
            }
            None => shown.push_str(part),
        }
    }
    shown
}

fn style(text: &str, lexemes: &[Lexeme], index: usize) -> Option<&'static str> {
    let lexeme = lexemes[index];
    let kind_at = |at: Option<usize>| at.and_then(|at| lexemes.get(at)).map(|l| l.kind);
    match lexeme.kind {
        Kind::Text => Some(TEXT),
        Kind::Number => Some(NUMBER),
        Kind::Comment => Some(COMMENT),
        Kind::Placeholder => Some(VARIABLE),
        Kind::Word => {
            let word = &text[lexeme.start..lexeme.end];
            let before = kind_at(index.checked_sub(1));
            let after = kind_at(Some(index + 1));
            // A field may be called like a keyword.
            if before == Some(Kind::Dot) || after == Some(Kind::Dot) {
                None
            } else if before == Some(Kind::Colon) {
                Some(VARIABLE)
            } else if words::is_keyword(word) {
                Some(KEYWORD)
            } else if after == Some(Kind::Opening) && text[lexeme.end..].starts_with('(') {
                Some(FUNCTION)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Returns the indices of the bracket at or before the cursor and of its partner.
fn bracket_pair(lexemes: &[Lexeme], text: &str, cursor: usize) -> Option<(usize, usize)> {
    let is_bracket = |l: &Lexeme| matches!(l.kind, Kind::Opening | Kind::Closing);
    let at = lexemes
        .iter()
        .position(|l| is_bracket(l) && l.start == cursor)
        .or_else(|| {
            lexemes
                .iter()
                .position(|l| is_bracket(l) && l.end == cursor)
        })?;
    let partner = match text.get(lexemes[at].start..lexemes[at].end)? {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        ")" => "(",
        "]" => "[",
        _ => "{",
    };
    let own = &text[lexemes[at].start..lexemes[at].end];
    let mut depth = 0usize;
    let mut step = |index: usize| {
        let lexeme = lexemes[index];
        let part = &text[lexeme.start..lexeme.end];
        if !is_bracket(&lexeme) {
            return false;
        }
        if part == own {
            depth += 1;
        } else if part == partner {
            depth -= 1;
        }
        depth == 0
    };
    let found = match lexemes[at].kind {
        Kind::Opening => (at..lexemes.len()).find(|&index| step(index)),
        _ => (0..=at).rev().find(|&index| step(index)),
    }?;
    Some((at, found))
}

#[cfg(test)]
mod tests {
    use super::super::lex::lex;
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, cursor: usize) -> String {
        highlight(text, &lex(text), 0, Some(cursor))
            .replace(RESET, "⟩")
            .replace(KEYWORD, "K⟨")
            .replace(FUNCTION, "F⟨")
            .replace(TEXT, "T⟨")
            .replace(NUMBER, "N⟨")
            .replace(COMMENT, "C⟨")
            .replace(VARIABLE, "V⟨")
            .replace(BRACKET, "B⟨")
    }

    #[test]
    fn keywords_functions_and_literals_have_their_colours() {
        insta::assert_snapshot!(
            shown("SELECT count(id), 'x' FROM t WHERE spec.user = :v AND n > 1.5 -- why", 0),
            @"K⟨SELECT⟩ F⟨count⟩(id), T⟨'x'⟩ K⟨FROM⟩ t K⟨WHERE⟩ spec.user = :V⟨v⟩ K⟨AND⟩ n > N⟨1.5⟩ C⟨-- why⟩"
        );
    }

    #[test]
    fn what_is_not_finished_has_its_colour_already() {
        insta::assert_snapshot!(shown("select 'from", 0), @"K⟨select⟩ T⟨'from⟩");
        insta::assert_snapshot!(shown("select /* from", 0), @"K⟨select⟩ C⟨/* from⟩");
    }

    #[test]
    fn the_pair_at_the_cursor_is_marked() {
        insta::assert_snapshot!(shown("f((a)[b])", 9), @"F⟨f⟩B⟨(⟩(a)[b]B⟨)⟩");
        insta::assert_snapshot!(shown("f((a)[b])", 2), @"F⟨f⟩(B⟨(⟩aB⟨)⟩[b])");
        insta::assert_snapshot!(shown("f((a", 1), @"F⟨f⟩((a");
    }

    #[test]
    fn a_later_line_knows_what_the_earlier_ones_opened() {
        let text = "SELECT 'a\nFROM";
        assert_eq!(
            highlight(text, &lex(text), 10, None),
            format!("{TEXT}FROM{RESET}")
        );
    }

    proptest! {
        #[test]
        fn colours_change_nothing_but_colours(text in "[a-zA-Z';\"`/*\\-\n é$.()\\[\\]0-9:]{0,60}", cursor in 0usize..60) {
            let shown = highlight(&text, &lex(&text), 0, Some(cursor));
            let mut plain = shown;
            for style in [RESET, KEYWORD, FUNCTION, TEXT, NUMBER, COMMENT, VARIABLE, BRACKET] {
                plain = plain.replace(style, "");
            }
            prop_assert_eq!(plain, text);
        }
    }
}
