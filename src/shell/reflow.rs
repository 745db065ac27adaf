//! Where the line being edited is on the screen after the terminal has got another width.
//!
//! The line editor erases as many rows as the line took at the old width. Most terminals wrap their lines anew when the
//! width changes, so the line takes more rows or fewer by then: the editor would leave some of them behind, or erase what
//! is above the prompt. It has no hook for this. But before it erases it asks for the hint, and that is
//! where [`Drawn::moved`] steps in: it erases the line itself and puts the cursor where the editor expects it.
//!
//! Pure: text in, control sequences out.

use unicode_width::UnicodeWidthChar;

/// Columns of a tab in the line editor.
pub(super) const TAB: u8 = 4;

/// What the editor has drawn.
#[derive(Debug, Default, Clone)]
pub(super) struct Drawn {
    /// The prompt: ours, or that of a search with Ctrl-R.
    pub(super) prompt: String,
    line: String,
    /// What was shown behind the line.
    hint: String,
    /// The columns that the editor knows of; zero before it has drawn anything.
    columns: usize,
}

/// A place on the screen, counted from where the prompt begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    row: usize,
    column: usize,
}

impl Drawn {
    /// Begins a line at `prompt`.
    pub(super) fn begin(&mut self, prompt: &str) {
        *self = Self {
            prompt: prompt.to_owned(),
            ..Self::default()
        };
    }

    /// Takes note that no hint is shown.
    pub(super) fn without_hint(&mut self) {
        self.hint.clear();
    }

    /// Takes note of what a search draws: the line that it has found, without a hint.
    pub(super) fn draw_found(&mut self, line: &str) {
        line.clone_into(&mut self.line);
        self.hint.clear();
    }

    /// Takes note of what the editor draws next, in a terminal of `columns`.
    pub(super) fn draw(&mut self, line: &str, hint: &str, columns: usize) {
        if self.columns == 0 {
            self.columns = columns;
        }
        line.clone_into(&mut self.line);
        hint.clone_into(&mut self.hint);
    }

    /// Returns what to write before the editor draws `line` with the cursor at byte `pos`, if the terminal has got another
    /// width since it drew last.
    pub(super) fn moved(&mut self, line: &str, pos: usize, columns: usize) -> Option<String> {
        let old = self.columns;
        if columns == old || old == 0 || columns == 0 {
            return None;
        }
        let old_end = self.end(old);
        if old_end.row == 0 && old_end.column < columns {
            // One row before and after: the editor has not drawn it again.
            self.columns = columns;
            return None;
        }
        if line != self.line {
            // A key that came before the editor has heard of the new width.
            return None;
        }
        self.columns = columns;
        let old_cursor = self.cursor(pos, old);
        let up = self.reflowed_row(pos, columns, old_end);
        let up = control(up, 'A');
        let below = "\n".repeat(old_end.row);
        let back = control(old_end.row.saturating_sub(old_cursor.row), 'A');
        Some(format!("{up}\r\x1b[J{below}{back}"))
    }

    /// Returns where the editor takes the cursor to be.
    fn cursor(&self, pos: usize, columns: usize) -> Place {
        let start = Place { row: 0, column: 0 };
        let prompt = laid_out(&self.prompt, start, columns);
        let before = self.line.get(..pos).unwrap_or(&self.line);
        next_row_if_full(laid_out(before, prompt, columns), columns)
    }

    /// Returns where the editor takes the end of the line and of the hint to be.
    fn end(&self, columns: usize) -> Place {
        let end = self.cursor(self.line.len(), columns);
        next_row_if_full(laid_out(&self.hint, end, columns), columns)
    }

    /// Returns the row of the cursor after the terminal has wrapped the line to `columns`.
    fn reflowed_row(&self, pos: usize, columns: usize, old_end: Place) -> usize {
        let before = self.line.get(..pos).unwrap_or(&self.line);
        let start = Place { row: 0, column: 0 };
        let place = laid_out(&self.prompt, start, columns);
        let place = laid_out(before, place, columns);
        let is_end = pos >= self.line.len() && self.hint.is_empty();
        if is_end {
            // Behind a row that is full the editor writes a break of its own, and without one the cursor stays in it.
            let is_broken = old_end.row > 0 && old_end.column == 0;
            return place.row + usize::from(is_broken);
        }
        next_row_if_full(place, columns).row
    }
}

/// Returns where `text` ends that begins at `place`; a row that is full may be followed by nothing.
fn laid_out(text: &str, mut place: Place, columns: usize) -> Place {
    for character in text.chars() {
        let width = match character {
            '\n' => {
                place = Place {
                    row: place.row + 1,
                    column: 0,
                };
                continue;
            }
            '\t' => usize::from(TAB) - place.column % usize::from(TAB),
            character => character.width().unwrap_or_default(),
        };
        place.column += width;
        if place.column > columns {
            place = Place {
                row: place.row + 1,
                column: width,
            };
        }
    }
    place
}

/// The editor continues in the next row as soon as one is full.
fn next_row_if_full(place: Place, columns: usize) -> Place {
    match place.column == columns {
        true => Place {
            row: place.row + 1,
            column: 0,
        },
        false => place,
    }
}

fn control(count: usize, end: char) -> String {
    match count {
        0 => String::new(),
        count => format!("\x1b[{count}{end}"),
    }
}

/// Returns true if the terminal wraps its lines anew when its width changes, as most do. `variable` returns those of the
/// environment.
pub(super) fn reflows(variable: impl Fn(&str) -> Option<String>) -> bool {
    // What is inside counts: tmux in an xterm wraps anew.
    if variable("TMUX").is_some() || variable("VTE_VERSION").is_some() {
        return true;
    }
    let keeps_lines = variable("STY").is_some() || variable("XTERM_VERSION").is_some();
    !keeps_lines && variable("TERM").as_deref() != Some("linux")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that wraps its lines anew: rows, of which each may go on in the next one, and the cursor.
    struct Screen {
        columns: usize,
        rows: Vec<(String, bool)>,
        row: usize,
        column: usize,
    }

    impl Screen {
        fn of(columns: usize) -> Self {
            Self {
                columns,
                rows: vec![(String::new(), false)],
                row: 0,
                column: 0,
            }
        }

        fn write(&mut self, text: &str) {
            let mut rest = text;
            while let Some(first) = rest.chars().next() {
                if let Some(sequence) = rest.strip_prefix("\x1b[") {
                    let end = sequence.find(char::is_alphabetic).unwrap();
                    let count: usize = sequence[..end].parse().unwrap_or(1);
                    match &sequence[end..=end] {
                        "A" => self.row = self.row.saturating_sub(count),
                        "B" => self.row = (self.row + count).min(self.rows.len() - 1),
                        "C" => self.column += count,
                        "J" => {
                            self.rows.truncate(self.row + 1);
                            self.erase_row();
                        }
                        "K" => self.erase_row(),
                        other => panic!("{other}"),
                    }
                    rest = &sequence[end + 1..];
                    continue;
                }
                match first {
                    '\r' => self.column = 0,
                    '\n' => {
                        (self.row, self.column) = (self.row + 1, 0);
                        self.fill();
                    }
                    _ => {
                        if self.column == self.columns {
                            self.rows[self.row].1 = true;
                            (self.row, self.column) = (self.row + 1, 0);
                            self.fill();
                        }
                        let row = &mut self.rows[self.row].0;
                        row.truncate(self.column);
                        row.push(first);
                        self.column += 1;
                    }
                }
                rest = &rest[first.len_utf8()..];
            }
        }

        fn fill(&mut self) {
            while self.rows.len() <= self.row {
                self.rows.push((String::new(), false));
            }
        }

        fn erase_row(&mut self) {
            let (row, goes_on) = &mut self.rows[self.row];
            row.truncate(self.column);
            *goes_on = false;
        }

        fn resize(&mut self, columns: usize) {
            let mut lines: Vec<String> = vec![String::new()];
            let mut cursor = (0, 0);
            for (number, (row, goes_on)) in self.rows.iter().enumerate() {
                if number == self.row {
                    cursor = (lines.len() - 1, lines.last().unwrap().len() + self.column);
                }
                lines.last_mut().unwrap().push_str(row);
                if !goes_on && number + 1 < self.rows.len() {
                    lines.push(String::new());
                }
            }
            self.columns = columns;
            self.rows.clear();
            for (number, line) in lines.iter().enumerate() {
                let first = self.rows.len();
                let parts: Vec<_> = line.as_bytes().chunks(columns).collect();
                for (n, part) in parts.iter().enumerate() {
                    let part = String::from_utf8(part.to_vec()).unwrap();
                    self.rows.push((part, n + 1 < parts.len()));
                }
                if parts.is_empty() {
                    self.rows.push((String::new(), false));
                }
                if number == cursor.0 {
                    let last = parts.len().saturating_sub(1);
                    let row = (cursor.1 / columns).min(last);
                    (self.row, self.column) = (first + row, cursor.1 - row * columns);
                }
            }
        }

        fn text(&self) -> Vec<&str> {
            let rows: Vec<&str> = self.rows.iter().map(|(row, _)| row.as_str()).collect();
            let end = rows.iter().rposition(|row| !row.is_empty());
            rows[..end.map_or(0, |end| end + 1)].to_vec()
        }
    }

    /// The line editor, as far as it draws: what it erases, it counts at the width that it drew with.
    struct Editor {
        drawn: Drawn,
        line: String,
        pos: usize,
        hint: String,
        old: Option<(Place, Place)>,
    }

    impl Editor {
        fn draw(&mut self, screen: &mut Screen) {
            let columns = screen.columns;
            if let Some(moved) = self.drawn.moved(&self.line, self.pos, columns) {
                screen.write(&moved);
            }
            self.drawn.draw(&self.line, &self.hint, columns);
            if let Some((cursor, end)) = self.old {
                screen.write(&control(end.row.saturating_sub(cursor.row), 'B'));
                screen.write(&"\r\x1b[K\x1b[A".repeat(end.row));
                screen.write("\r\x1b[K");
            }
            screen.write(&format!("{}{}{}", self.drawn.prompt, self.line, self.hint));
            let cursor = self.drawn.cursor(self.pos, columns);
            let end = self.drawn.end(columns);
            if end.column == 0 && end.row > 0 {
                screen.write("\n");
            }
            screen.write(&control(end.row - cursor.row, 'A'));
            screen.write("\r");
            screen.write(&control(cursor.column, 'C'));
            self.old = Some((cursor, end));
        }
    }

    #[test]
    fn the_line_is_drawn_in_its_place_at_every_width() {
        let above = "what is above the prompt";
        for length in 0..75 {
            for pos in [length, length / 2, 0] {
                for hint in ["", "of the history"] {
                    // Whatever is drawn first, each width follows each other one.
                    let mut screen = Screen::of(40);
                    screen.write(&format!("{above}\n"));
                    let mut editor = Editor {
                        drawn: Drawn::default(),
                        line: "x".repeat(length),
                        pos,
                        hint: hint.to_owned(),
                        old: None,
                    };
                    editor.drawn.begin("iamql> ");
                    editor.draw(&mut screen);
                    for columns in [30, 60, 25, 100, 40, 41, 40] {
                        let end = editor.old.unwrap().1;
                        screen.resize(columns);
                        // As the editor does: a line that fits is not drawn again.
                        if end.row > 0 || end.column >= columns {
                            editor.draw(&mut screen);
                        }
                        let line = format!("iamql> {}{hint}", "x".repeat(length));
                        let rows = screen.text();
                        let case = format!("{length} {pos} {hint:?} {columns} {rows:#?}");
                        assert_eq!(
                            rows.first(),
                            Some(&above.get(..columns.min(24)).unwrap()),
                            "{case}"
                        );
                        assert_eq!(rows[1..].concat(), line, "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_key_before_the_editor_knows_the_width_changes_nothing() {
        let mut drawn = Drawn::default();
        drawn.begin("iamql> ");
        drawn.draw(&"x".repeat(60), "", 40);
        assert_eq!(drawn.moved(&"x".repeat(61), 61, 100), None);
        drawn.draw(&"x".repeat(61), "", 100);
        assert!(drawn.moved(&"x".repeat(61), 61, 100).is_some());
        assert_eq!(drawn.moved(&"x".repeat(61), 61, 100), None);
    }

    #[test]
    fn the_prompt_of_a_search_counts() {
        let mut drawn = Drawn::default();
        drawn.begin("iamql> ");
        drawn.draw("", "", 40);
        drawn.prompt = "(reverse-i-search)`x': ".to_owned();
        drawn.draw_found(&"x".repeat(30));
        // Two rows before and one after; without the prompt of the search it would be one row.
        let moved = drawn.moved(&"x".repeat(30), 0, 100);
        assert_eq!(moved.as_deref(), Some("\r\x1b[J\n\x1b[1A"));
    }

    #[test]
    fn terminals_that_keep_their_lines_are_known() {
        let of = |set: &[(&str, &str)]| {
            reflows(|name| {
                let found = set.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[("TERM", "xterm-256color")]));
        assert!(!of(&[("TERM", "xterm"), ("XTERM_VERSION", "XTerm(379)")]));
        assert!(of(&[("TMUX", "x"), ("XTERM_VERSION", "XTerm(379)")]));
        assert!(!of(&[("TERM", "screen"), ("STY", "1.a")]));
        assert!(!of(&[("TERM", "linux")]));
    }
}
