//! Whether to use colours.

/// Returns whether to use colours on a stream: as `wanted`, else as <https://no-color.org> and the terminal's type say.
pub(crate) fn use_color(wanted: Option<bool>, is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    wanted.unwrap_or_else(|| {
        is_terminal
            && !is_set("NO_COLOR")
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    })
}
