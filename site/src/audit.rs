//! Pages for whoever audits: what happened in an exchange, searched, shown, and checked by the
//! reader's own browser.
//!
//! An auditor sees every event as far as it is open, a party its own exchanges. Nobody reads sealed
//! text here. The pages work without a program; the one they have checks proofs, and asks for
//! nothing that its reader may not see.

mod causes;
mod frame;
mod search;
mod session;
mod teller;
mod timeline;
mod words;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use meguri_http::{Json, Path, Problem};
use tower_http::csrf::CsrfLayer;

use crate::Site;
use session::Reader;

/// Where the pages begin. The cookie of who has signed in goes nowhere else.
const AUDIT_PATH: &str = "/audit";

/// Pages which look at their query themselves: they answer in a page.
pub const OWN_QUERIES: [&str; 2] = [AUDIT_PATH, "/audit/exchanges/{id}"];

/// The routes of the pages.
pub(crate) fn pages() -> Router<Site> {
    let pages = Router::new()
        .route(AUDIT_PATH, get(search::search))
        .route("/audit/exchanges/{id}", get(timeline::timeline))
        .route("/audit/sign-in", post(session::sign_in))
        .route("/audit/sign-out", post(session::sign_out))
        .layer(from_fn(frame::problems_as_pages));
    let events = Router::new().route("/audit/events/{position}", get(read_event));
    pages
        .merge(events)
        .layer(CsrfLayer::new())
        .route(
            "/audit/check.mjs",
            get(async || asset(PROGRAM, "text/javascript; charset=utf-8")),
        )
        .route(
            "/audit/audit.css",
            get(async || asset(STYLE, "text/css; charset=utf-8")),
        )
        .layer(from_fn(frame::protected))
}

const PROGRAM: &str = include_str!("../assets/audit/check.mjs");
const STYLE: &str = include_str!("../assets/audit/audit.css");

fn asset(text: &'static str, media: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media)),
        // A new release brings its own.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}

/// Answers the header of an event and its blind to the program that checks it in the browser.
///
/// # Errors
/// 404 also for events that the reader may know nothing of.
async fn read_event(
    State(site): State<Site>,
    Reader(viewer): Reader,
    Path(position): Path<u64>,
) -> Result<Response, Problem> {
    let made = site.read.entry(&viewer, position).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(made)).into_response())
}
