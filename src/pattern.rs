//! Regular expressions that are part of the program.
//!
//! Such a pattern always compiles, so it is not an `Option`: with one, a typing mistake in the pattern that masks secrets
//! would switch the masking off in silence. Here it fails the tests, and panics when it is first used. Patterns that people
//! type are not made here: they can be wrong, and that is an error like any other.

use regex::Regex;

/// Compiles `pattern`.
///
/// # Panics
/// If it does not compile, which is a mistake in the program.
pub(crate) fn compile(pattern: &'static str) -> Regex {
    Regex::new(pattern).expect("the patterns of the program compile, as their tests check")
}

/// Declares the patterns of a file as statics of type `LazyLock<Regex>`, and a test that all of them compile.
macro_rules! patterns {
    ($($(#[$meta:meta])* $name:ident = $pattern:expr;)+) => {
        $($(#[$meta])*
        static $name: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| $crate::pattern::compile($pattern));)+

        #[cfg(test)]
        mod patterns {
            #[test]
            fn all_of_them_compile() {
                $(std::sync::LazyLock::force(&super::$name);)+
            }
        }
    };
}

pub(crate) use patterns;
