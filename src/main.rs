//! Parse, pick the mode, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    match rlab::cli::Cli::read(std::env::args_os()) {
        Ok(cli) => ExitCode::from(rlab::frontend::main(cli)),
        Err(told) => {
            // Help and version are data, a mistake is not; clap knows which goes where. A reader who went away is
            // no failure.
            let _ = told.print();
            ExitCode::from(if told.use_stderr() { rlab::error::Exit::Usage as u8 } else { 0 })
        }
    }
}
