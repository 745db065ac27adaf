//! Keys that do more at this prompt than in the line editor: Ctrl-C keeps the discarded text for recall, and Up on a
//! line that continues a statement goes to the line before it.

use std::sync::Arc;

use parking_lot::Mutex;
use rustyline::history::MemHistory;
use rustyline::{
    Cmd, ConditionalEventHandler, Editor, Event, EventContext, EventHandler, Helper, KeyCode,
    KeyEvent, Modifiers, RepeatCount,
};

/// What the keys have taken from the line, for the read loop.
#[derive(Debug, Default, Clone)]
pub(super) struct KeyBindings(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    /// The statement has lines before the one that is edited.
    has_earlier: bool,
    /// The line that Ctrl-C discarded.
    draft: String,
    /// Where the cursor was, in characters, when Up asked for the line before.
    up: Option<usize>,
}

impl KeyBindings {
    /// Binds the keys in `editor`.
    pub(super) fn bind<H: Helper>(&self, editor: &mut Editor<H, MemHistory>) {
        let up = Event::from(KeyEvent(KeyCode::Up, Modifiers::NONE));
        editor.bind_sequence(up, EventHandler::Conditional(Box::new(Up(self.clone()))));
        let interrupt = Event::from(KeyEvent::ctrl('C'));
        let handler = Box::new(Interrupt(self.clone()));
        editor.bind_sequence(interrupt, EventHandler::Conditional(handler));
    }

    /// Says, before a line is read, whether the statement has lines before it.
    pub(super) fn begin_line(&self, has_earlier: bool) {
        *self.0.lock() = Taken {
            has_earlier,
            ..Taken::default()
        };
    }

    /// Returns the line that Ctrl-C discarded.
    pub(super) fn draft(&self) -> String {
        std::mem::take(&mut self.0.lock().draft)
    }

    /// Returns where the cursor was, in characters, if the line before is wanted.
    pub(super) fn up(&self) -> Option<usize> {
        self.0.lock().up.take()
    }
}

struct Up(KeyBindings);

impl ConditionalEventHandler for Up {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        let before = &context.line()[..context.pos()];
        let mut taken = self.0.0.lock();
        if !taken.has_earlier || before.contains('\n') {
            return None;
        }
        taken.up = Some(before.chars().count());
        Some(Cmd::AcceptLine)
    }
}

struct Interrupt(KeyBindings);

impl ConditionalEventHandler for Interrupt {
    fn handle(
        &self,
        _: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        context.line().clone_into(&mut self.0.0.lock().draft);
        None
    }
}

/// Splits a statement whose last line, `line`, is edited, for a cursor on the line before that one, as far to the right
/// as `column` characters.
pub(super) fn at_line_before<'t>(text: &'t str, line: &str, column: usize) -> (&'t str, &'t str) {
    let end = text.len() - line.len() - 1;
    let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    let at = text[start..end]
        .char_indices()
        .nth(column)
        .map_or(end, |(at, _)| start + at);
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_goes_to_the_same_column_of_the_line_before() {
        for (line, column, expected) in [
            ("FROM t", 3, "a\nSEL|ECT é\nFROM t"),
            ("FROM t", 6, "a\nSELECT| é\nFROM t"),
            ("", 0, "a\n|SELECT é\n"),
            ("FROM a longer line", 18, "a\nSELECT é|\nFROM a longer line"),
        ] {
            let text = format!("a\nSELECT é\n{line}");
            let (left, right) = at_line_before(&text, line, column);
            assert_eq!(format!("{left}|{right}"), expected);
        }
    }
}
