//! The program `iamql`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    iamql::run()
}
