//! Meguri as one program: the only place where everything meets.
//!
//! `main.rs` reads the command line and calls [`run`]; each subcommand is a file here. Tests start
//! the same parts in their own process.

mod answer;
pub mod app;
pub mod audit;
pub mod backup;
pub mod command_line;
pub mod config;
pub mod connections;
mod data_folder;
pub mod demo;
mod descriptors;
pub mod diagnostics;
pub mod dictionary;
pub mod erase;
pub mod failure;
mod figures;
mod file_size;
pub mod handover;
pub mod http_client;
mod last_signed;
pub mod log;
mod lost_log;
mod matches;
mod opened;
pub mod period;
pub mod policies;
pub mod restore;
pub mod serve;
pub mod settings;
pub mod storage;
pub mod telemetry;
mod token;
pub mod vault;
pub mod views;
pub mod witness;

use std::io::Write;

use answer::{Answer, Purpose};
use command_line::{Command, CommandLine, ServeArgs};
use failure::Failure;
use meguri_domain::role;
use settings::{Environment, Settings};

/// Does what the command line asks for, and returns when that is done.
pub fn run(line: &CommandLine) -> Result<(), Failure> {
    let settings = Settings::resolve(&line.flags, &Environment::of_this_process())?;
    telemetry::start_logging(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async {
        file_size::refuse_writes_beyond_the_limit().map_err(Failure::Runtime)?;
        dispatch(line, &settings, &mut std::io::stdout()).await
    })
}

/// Runs a subcommand with these settings; its answer goes to `out`.
///
/// # Errors
/// [`Failure`], also where all went well and the answer could not be written.
pub async fn dispatch(
    line: &CommandLine,
    settings: &Settings,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let serve = Command::Serve(ServeArgs::default());
    let command = line.command.as_ref().unwrap_or(&serve);
    let mut answer = Answer::on(out, Purpose::of(command));
    let done = run_command(command, settings, &mut answer).await;
    answer.end(done)
}

async fn run_command(
    command: &Command,
    settings: &Settings,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(settings, args, out).await,
        Command::Demo(args) => demo::run(settings, args, out).await,
        Command::Log(command) => log::run(settings, command, out).await,
        Command::Views(command) => views::run(settings, command, out).await,
        Command::Erase(args) => erase::run(settings, args, out).await,
        Command::Vault(command) => vault::run(settings, command, out).await,
        Command::Auditor(command) => token::run(settings, role::AUDITOR, command, out).await,
        Command::Operator(command) => token::run(settings, role::OPERATOR, command, out).await,
        Command::Audit(command) => audit::run(settings, command, out).await,
        Command::Witness(args) => witness::run(settings, args, out).await,
        Command::Dictionary(command) => dictionary::run(settings, command, out).await,
        Command::Policies => policies::run(settings, out).await,
        Command::Backup(args) => backup::run(settings, args, out).await,
        Command::Restore(args) => restore::run(settings, args, out).await,
        Command::Config => config::run(settings, out),
    }
}
