//! An event's header and blind, for the program that checks it in the browser.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use meguri_events::ExchangeId;
use meguri_http::{Json, Path, Problem, kinds};
use meguri_log::{Filter, Position};
use meguri_views::history::Asking;
use serde::Serialize;

use crate::ReadApi;
use crate::asker::Inquirer;
use crate::views::log_unavailable;

/// What the entry of an event is made of.
#[derive(Debug, Serialize)]
struct Made {
    position: u64,
    /// The header, byte for byte; null where it was redacted.
    header: Option<String>,
    /// Base64 of the 32 bytes under which it was hashed.
    blind: Option<String>,
}

/// Answers the header of an event and its blind to those who may see the header.
///
/// # Errors
/// 404 also for events that the reader may know nothing of.
pub(super) async fn read_event(
    State(api): State<ReadApi>,
    inquirer: Inquirer,
    Path(position): Path<u64>,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(kinds::NOT_FOUND);
    let before = Position::new(position.checked_sub(1).ok_or_else(not_found)?);
    let block = api.log.read_all(before, &Filter::default(), 1).await;
    let block = block.map_err(|error| log_unavailable(&error))?;
    let event = block.events.first().ok_or_else(not_found)?;
    if let Asking::Member(member) = inquirer.asking {
        let exchange = ExchangeId::from_stream(event.stream()).ok_or_else(not_found)?;
        if !api.parties.of(&api.log, exchange).await?.includes(member) {
            return Err(not_found());
        }
    }
    let blinds = api.log.blinds(&[event.position()]).await;
    let blind = blinds
        .map_err(|error| log_unavailable(&error))?
        .into_iter()
        .flatten()
        .next();
    let made = Made {
        position,
        header: event.header_text().map(str::to_owned),
        blind: blind.map(|blind| STANDARD.encode(blind)),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(made)).into_response())
}
