//! Completion scripts for the system's shells: those of clap, extended to complete names of profiles.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::args::{Args, WITHOUT_STATEMENTS};

/// Returns the completion script of `shell`.
pub(super) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offered(), "iamql", &mut script);
    let script = String::from_utf8_lossy(&script);
    match shell {
        Shell::Bash => bash(&script),
        Shell::Fish => fish(&script),
        Shell::Zsh => zsh(&script),
        _ => script.into_owned(),
    }
}

/// Returns what scripts offer: no hidden commands, and the common options only for those that use them. Clap's scripts
/// would offer all options everywhere.
fn offered() -> Command {
    let whole = Args::command();
    let args = || {
        whole
            .get_arguments()
            .map(|arg| (arg.is_global_set(), arg.clone().global(false)))
    };
    let common = || {
        args()
            .filter(|(is_common, _)| *is_common)
            .map(|(_, arg)| arg)
    };
    let commands = whole
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let commands = commands.map(
        |command| match WITHOUT_STATEMENTS.contains(&command.get_name()) {
            true => command.clone(),
            false => command.clone().args(common()),
        },
    );
    Command::new("iamql")
        .args(args().map(|(_, arg)| arg))
        .subcommands(commands)
}

/// Returns the options that are accepted and not offered.
fn hidden() -> Vec<String> {
    let whole = Args::command();
    let args = whole.get_subcommands().flat_map(Command::get_arguments);
    let long = args
        .filter(|arg| arg.is_hide_set())
        .filter_map(|arg| arg.get_long());
    long.map(|long| format!("--{long}")).collect()
}

/// The command that lists profiles.
const PROFILES: &str = "iamql profiles 2>/dev/null";

fn bash(script: &str) -> String {
    let mut is_profile = false;
    let hidden = hidden();
    let mut changed = String::with_capacity(script.len());
    for line in script.lines() {
        let words = format!("COMPREPLY=($(compgen -W \"$({PROFILES})\" -- \"${{cur}}\"))");
        if line.trim() == "--profile)" {
            is_profile = true;
        } else if std::mem::take(&mut is_profile) {
            let indent = &line[..line.len() - line.trim_start().len()];
            changed.push_str(&format!("{indent}{words}\n"));
            continue;
        }
        if line.trim_start().starts_with("opts=\"") {
            let words = line
                .split(' ')
                .filter(|word| !hidden.iter().any(|hidden| hidden == word));
            changed.push_str(&words.collect::<Vec<_>>().join(" "));
        } else {
            changed.push_str(line);
        }
        changed.push('\n');
    }
    changed
}

fn zsh(script: &str) -> String {
    let profiles = format!(":NAME:{{compadd -- ${{(f)\"$({PROFILES})\"}}}}'");
    let lines = script
        .lines()
        .map(|line| match line.contains("--profile=") {
            true => format!("{}\n", line.replace(":NAME:_default'", &profiles)),
            false => format!("{line}\n"),
        });
    lines.collect()
}

fn fish(script: &str) -> String {
    let lines = script
        .lines()
        .map(|line| match line.contains(" -l profile ") {
            true => format!("{line} -f -a \"({PROFILES})\"\n"),
            false => format!("{line}\n"),
        });
    // What is completed may be the value of an option, which is missing so far: clap's script then offers nothing.
    lines
        .collect::<String>()
        .replace(PARSE, &format!("{PARSE}    or {PARSE_BUT_LAST}"))
}

/// How clap's script for fish reads the words before the one that is completed.
const PARSE: &str = "    argparse -s (__fish_iamql_global_optspecs) -- $cmd 2>/dev/null\n";

/// The same without the last of them.
const PARSE_BUT_LAST: &str =
    "argparse -s (__fish_iamql_global_optspecs) -- $cmd[1..-2] 2>/dev/null\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_asked_for() {
        for (shell, expected) in [
            (Shell::Bash, "compgen -W \"$(iamql profiles 2>/dev/null)\""),
            (Shell::Fish, "-r -f -a \"(iamql profiles 2>/dev/null)\""),
            (
                Shell::Zsh,
                "{compadd -- ${(f)\"$(iamql profiles 2>/dev/null)\"}}'",
            ),
        ] {
            let script = script(shell);
            let count = script.matches(expected).count();
            // Once for iamql itself, and for each command that runs statements.
            assert!(count >= 3, "{shell}: {count}");
        }
        assert!(!bash("").contains("profiles"));
    }

    #[test]
    fn bash_offers_each_command_its_own_options() {
        let script = script(Shell::Bash);
        let offers = |command: &str| {
            let from = script
                .find(&format!("        {command})\n            opts="))
                .unwrap();
            script[from..].lines().nth(1).unwrap().to_owned()
        };
        assert!(offers("iamql").contains("--profile"));
        let exec = offers("iamql__subcmd__exec");
        assert!(
            exec.contains("--profile") && exec.contains("--env.file"),
            "{exec}"
        );
        assert!(!exec.contains("--approot"), "{exec}");
        for command in ["man", "completions", "sandbox"] {
            let offered = offers(&format!("iamql__subcmd__{command}"));
            assert!(!offered.contains("--profile"), "{offered}");
        }
    }

    #[test]
    fn hidden_commands_are_not_offered() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let script = script(shell).replace(PROFILES, "");
            assert!(!script.contains("profiles"), "{shell}");
        }
    }

    #[test]
    fn fish_completes_the_value_of_an_option() {
        assert!(script(Shell::Fish).contains(PARSE_BUT_LAST));
    }
}
