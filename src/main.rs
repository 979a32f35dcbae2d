//! The `meguri` program: reads the command line, runs what was asked, says what went wrong.

use std::process::ExitCode;

use clap::Parser;
use meguri::command_line::CommandLine;
use meguri::failure::Failure;

/// Views are built in many threads that pass rows to each other: the system's allocator keeps a
/// heap for each, and takes twice the memory and a third more time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match meguri::run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "this is how a program says what went wrong"
)]
fn complain(failure: &Failure) {
    eprintln!("meguri: {failure}");
    if let Some(advice) = failure.advice() {
        eprintln!("        {advice}");
    }
}
