//! Characters that a reader does not see: the only list of them, for all rooms.
//!
//! Text from strangers can hide, reorder or forge what is around it on a screen. Whatever shows such text asks here
//! which characters to escape; how an escape is spelled is up to the caller. Unicode's data comes from ICU.

use icu_properties::props::DefaultIgnorableCodePoint;
use icu_properties::{CodePointSetData, CodePointSetDataBorrowed};

/// Unicode's [default ignorable] characters: zero-width spaces, bidirectional controls, fillers, tags, joiners, variation
/// selectors.
///
/// [default ignorable]: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// Returns true for a character that controls a terminal or is invisible, wherever it occurs: controls, line separators,
/// and what Unicode calls default ignorable, except for joiners and variation selectors.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        || (IGNORABLE.contains(c) && !is_joiner(c) && !is_selector(c))
}

/// Returns true for the zero-width joiner and non-joiner, which some scripts and emoji need.
pub(crate) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Returns true for the variation selectors, which choose the form of the character before them.
pub(crate) fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Returns true for all of these.
pub(crate) fn is_unseen(c: char) -> bool {
    is_hidden(c) || is_joiner(c) || is_selector(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_ignorable_characters_are_hidden() {
        for c in [
            '\0',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{2028}',
            '\u{202e}',
            '\u{2066}',
            '\u{3164}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0041}',
        ] {
            assert!(is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn joiners_selectors_and_visible_characters_are_not() {
        for c in [
            ' ',
            'é',
            '日',
            '\u{301}',
            '\u{200c}',
            '\u{200d}',
            '\u{fe0f}',
            '\u{e0100}',
            '\u{fffd}',
        ] {
            assert!(!is_hidden(c), "{c:?}");
        }
    }
}
