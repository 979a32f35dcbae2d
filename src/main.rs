//! The `meguri` program: reads the command line, runs what was asked, says what went wrong.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use clap::Parser;
use meguri::command_line::CommandLine;
use meguri::diagnostics::Diagnostics;
use meguri::failure::Failure;

/// Views are built in many threads that pass rows to each other: the system's allocator keeps a
/// heap for each, and takes twice the memory and a third more time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let diagnostics = Diagnostics::to_stderr();
    let of_panics = diagnostics.clone();
    std::panic::set_hook(Box::new(move |panic| complain_of_panic(&of_panics, panic)));
    let code = match meguri::run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&diagnostics, &failure);
            ExitCode::from(failure.exit_code())
        }
    };
    diagnostics.flush();
    code
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
