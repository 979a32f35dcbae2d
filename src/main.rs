//! The `meguri` program: reads the command line, runs what was asked, says what went wrong.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use clap::Parser;
use meguri::command_line::CommandLine;
use meguri::diagnostics::Diagnostics;
use meguri::failure::{Failure, UNTOLD, WRONG_USAGE};

/// Views are built in many threads that pass rows to each other: the system's allocator keeps a
/// heap for each, and takes twice the memory and a third more time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let diagnostics = Diagnostics::to_stderr();
    let of_panics = diagnostics.clone();
    std::panic::set_hook(Box::new(move |panic| complain_of_panic(&of_panics, panic)));
    let code = match CommandLine::try_parse() {
        Ok(line) => run(&line, &diagnostics),
        Err(said) => not_run(&said, &diagnostics),
    };
    diagnostics.flush();
    ExitCode::from(code)
}

/// Runs what was asked for, and gives the exit code.
fn run(line: &CommandLine, diagnostics: &Diagnostics) -> u8 {
    let Err(failure) = meguri::run(line) else {
        return 0;
    };
    // Whoever closes a pipe knows that there was more to come.
    if !failure.is_closed_pipe() {
        complain(diagnostics, &failure);
    }
    failure.exit_code()
}

/// What was asked for cannot be run, or is help, which is an answer like any other.
fn not_run(said: &clap::Error, diagnostics: &Diagnostics) -> u8 {
    let shown = said.print();
    if said.use_stderr() {
        return WRONG_USAGE;
    }
    match shown.and_then(|()| std::io::stdout().flush()) {
        Ok(()) => 0,
        Err(error) => {
            diagnostics.line(&format!("meguri: {}", Failure::Unshown(error)));
            UNTOLD
        }
    }
}

fn complain(diagnostics: &Diagnostics, failure: &Failure) {
    diagnostics.line(&format!("meguri: {failure}"));
    if let Some(advice) = failure.advice() {
        diagnostics.line(&format!("        {advice}"));
    }
}

/// As the standard library says it, but that it never waits for standard error.
fn complain_of_panic(diagnostics: &Diagnostics, panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    diagnostics.line(&format!("thread {name}: {panic}"));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        diagnostics.line(&trace.to_string());
    }
    // The process ends with this thread.
    if name == "main" {
        diagnostics.flush();
    }
}
