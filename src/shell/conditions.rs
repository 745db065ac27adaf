//! `\if` and its kin: which parts of a script run. Pure.

use super::command::Branch;
use super::variables::{Variables, expand};
use crate::error::Error;

/// The conditions that surround the next step, outermost first.
#[derive(Debug, Default)]
pub(super) struct Conditions(Vec<Condition>);

#[derive(Debug)]
struct Condition {
    /// The steps of this branch run.
    is_active: bool,
    /// This branch or one before it ran, or none may.
    is_decided: bool,
    /// There was an `\else`.
    is_last: bool,
    /// The unfinished statement before what does not run.
    before: String,
}

impl Conditions {
    /// Returns true if steps run here.
    pub(super) fn is_active(&self) -> bool {
        self.0.iter().all(|condition| condition.is_active)
    }

    /// Returns true if a condition has no end yet.
    pub(super) fn is_open(&self) -> bool {
        !self.0.is_empty()
    }

    /// Goes on with `branch`, before which the unfinished statement is `text`; returns that which it is after it: what was
    /// typed where nothing runs is no part of it.
    ///
    /// Fails if there is no condition that it belongs to, or its own is neither true nor false.
    pub(super) fn go_on(
        &mut self,
        branch: &Branch,
        text: &str,
        variables: &Variables,
    ) -> Result<String, Error> {
        let was_active = self.is_active();
        if let Branch::If(condition) = branch {
            let truth = match was_active {
                true => truth("\\if", condition, variables),
                false => Ok(false),
            };
            // Of a condition that is neither true nor false, no branch runs.
            self.0.push(Condition {
                is_active: matches!(truth, Ok(true)),
                is_decided: !was_active || !matches!(truth, Ok(false)),
                is_last: false,
                before: text.to_owned(),
            });
            return truth.map(|_| text.to_owned());
        }
        let Some(last) = self.0.last_mut() else {
            return Err(Error::statement(format!(
                "`{}` without an `\\if`",
                name(branch)
            )));
        };
        let left = match was_active {
            true => text.to_owned(),
            false => last.before.clone(),
        };
        match branch {
            Branch::End => {
                self.0.pop();
            }
            _ if last.is_last => {
                return Err(Error::statement(format!(
                    "`{}` after `\\else`",
                    name(branch)
                )));
            }
            Branch::Elif(_) if last.is_decided => last.is_active = false,
            Branch::Elif(condition) => {
                (last.is_active, last.is_decided) = (false, true);
                last.is_active = truth("\\elif", condition, variables)?;
                last.is_decided = last.is_active;
            }
            _ => {
                last.is_active = !last.is_decided;
                last.is_decided = true;
                last.is_last = true;
            }
        }
        if let Some(last) = self.0.last_mut() {
            last.before.clone_from(&left);
        }
        Ok(left)
    }
}

fn name(branch: &Branch) -> &'static str {
    match branch {
        Branch::If(_) => "\\if",
        Branch::Elif(_) => "\\elif",
        Branch::Else => "\\else",
        Branch::End => "\\endif",
    }
}

/// Reads the condition of `command`: a truth value, with variables in it, or `:{?NAME}` for whether a variable is set.
fn truth(command: &str, condition: &str, variables: &Variables) -> Result<bool, Error> {
    if condition.is_empty() {
        return Err(Error::statement(format!("`{command}` needs true or false"))
            .hint(format!("write it as {command} CONDITION")));
    }
    let is_set = condition
        .strip_prefix(":{?")
        .and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = is_set {
        return Ok(variables.contains_key(name.trim()));
    }
    let value = expand(condition, variables);
    match value.trim_matches('\'').to_lowercase().as_str() {
        "true" | "t" | "on" | "yes" | "y" | "1" => Ok(true),
        "false" | "f" | "off" | "no" | "n" | "0" => Ok(false),
        _ => Err(
            Error::statement(format!("`{value}` is neither true nor false"))
                .hint("SELECT count(*) > 0 AS found FROM … \\gset sets a variable for \\if :found"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("yes", "true"), ("no", "false")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// Runs `steps`, and returns those words that are where steps run.
    fn active(steps: &[&str]) -> Result<String, String> {
        let mut conditions = Conditions::default();
        let mut ran = Vec::new();
        for step in steps {
            let branch = match step.split_once(' ').unwrap_or((step, "")) {
                ("if", condition) => Branch::If(condition.to_owned()),
                ("elif", condition) => Branch::Elif(condition.to_owned()),
                ("else", _) => Branch::Else,
                ("end", _) => Branch::End,
                _ => {
                    if conditions.is_active() {
                        ran.push(*step);
                    }
                    continue;
                }
            };
            conditions
                .go_on(&branch, "", &variables())
                .map_err(|error| error.message)?;
        }
        Ok(ran.join(" "))
    }

    #[test]
    fn the_first_branch_that_is_true_runs() {
        let script = |first: &str, second: &str| {
            active(&[
                &format!("if {first}"),
                "a",
                &format!("elif {second}"),
                "b",
                "else",
                "c",
                "end",
                "d",
            ])
            .unwrap()
        };
        assert_eq!(script("true", "true"), "a d");
        assert_eq!(script(":no", ":yes"), "b d");
        assert_eq!(script("0", "off"), "c d");
        assert_eq!(script(":{?no}", "true"), "a d");
        assert_eq!(script(":{?unset}", "false"), "c d");
    }

    #[test]
    fn nothing_runs_within_what_does_not_run() {
        let steps = [
            "if false",
            "if nonsense",
            "a",
            "else",
            "b",
            "end",
            "else",
            "c",
            "end",
        ];
        assert_eq!(active(&steps).unwrap(), "c");
    }

    #[test]
    fn branches_without_a_condition_are_errors() {
        for (steps, message) in [
            (&["end"][..], "`\\endif` without an `\\if`"),
            (&["if true", "else", "else"], "`\\else` after `\\else`"),
            (&["if true", "else", "elif 1"], "`\\elif` after `\\else`"),
            (&["if perhaps"], "`perhaps` is neither true nor false"),
        ] {
            assert_eq!(active(steps).unwrap_err(), message);
        }
    }

    #[test]
    fn no_branch_of_a_condition_that_cannot_be_read_runs() {
        let if_of = |condition: &str| Branch::If(condition.to_owned());
        for (first, second) in [("perhaps", "true"), ("", "true"), ("false", "perhaps")] {
            let mut conditions = Conditions::default();
            let first = conditions.go_on(&if_of(first), "", &variables());
            assert!(!conditions.is_active());
            let second = conditions.go_on(&Branch::Elif(second.to_owned()), "", &variables());
            assert!(first.is_err() || second.is_err());
            assert!(!conditions.is_active());
            conditions.go_on(&Branch::Else, "", &variables()).unwrap();
            assert!(!conditions.is_active());
            conditions.go_on(&Branch::End, "", &variables()).unwrap();
            assert!(!conditions.is_open());
        }
    }

    #[test]
    fn what_was_typed_where_nothing_runs_is_forgotten() {
        let mut conditions = Conditions::default();
        let mut go_on = |branch, text| conditions.go_on(&branch, text, &variables()).unwrap();
        assert_eq!(
            go_on(Branch::If("false".to_owned()), "SELECT 1"),
            "SELECT 1"
        );
        assert_eq!(go_on(Branch::Else, "SELECT 1, 2"), "SELECT 1");
        assert_eq!(go_on(Branch::End, "SELECT 1, 3"), "SELECT 1, 3");
    }
}
