//! What a witness answers to logs, and to people who ask for its key.

use std::io;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use meguri_http::{Language, Limits, Problem, TrustedProxies, limit};
use meguri_log::Clock;
use meguri_proofs::{
    AddCheckpoint, Cosigner, NOTE_BYTES_MAX, Signature, VerifierKey, WitnessRefusal,
};

use super::memory::Memory;

/// The media type of a size in the answer to a conflict (tlog-witness).
const SIZE: &str = "text/x.tlog.size";
/// The longest request: a note, and a proof of 63 lines before it.
const BODY_BYTES_MAX: usize = NOTE_BYTES_MAX + 4_096;

/// What a witness does its duty with.
pub(super) struct Duty {
    pub(super) logs: Vec<VerifierKey>,
    pub(super) cosigner: Cosigner,
    /// Held from looking to remembering, so that no two requests follow the same tree.
    pub(super) memory: std::sync::Mutex<Memory>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Why nothing was cosigned.
enum Unsigned {
    Refused(WitnessRefusal),
    /// The disk does not do what it should: nothing was said, so nothing is to be remembered.
    Failed(String),
}

pub(super) fn router(duty: Arc<Duty>, trusted_proxies: TrustedProxies) -> Router {
    let router = Router::new()
        .route("/", get(key))
        .route("/add-checkpoint", post(add_checkpoint))
        .with_state(duty);
    let limits = Limits {
        body_bytes: BODY_BYTES_MAX,
        trusted_proxies,
        ..Limits::default()
    };
    limit(router, &limits).layer(map_response(plainly))
}

/// Says a problem as the protocol says everything: in a line of text.
async fn plainly(response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else {
        return response;
    };
    let text = format!("{}\n", problem.body(Language::English).title);
    let mut plain = (problem.status(), text).into_response();
    for (name, value) in response.headers() {
        if *name == header::RETRY_AFTER || *name == header::CONNECTION {
            plain.headers_mut().insert(name.clone(), value.clone());
        }
    }
    plain
}

async fn key(State(duty): State<Arc<Duty>>) -> String {
    format!("{}\n", duty.cosigner.verifier())
}

async fn add_checkpoint(State(duty): State<Arc<Duty>>, body: String) -> Response {
    let request: AddCheckpoint = match body.parse() {
        Ok(request) => request,
        Err(bad) => {
            let bad: meguri_proofs::BadAddCheckpoint = bad;
            return (StatusCode::BAD_REQUEST, format!("{bad}\n")).into_response();
        }
    };
    // Waits for the disk.
    let cosigned = tokio::task::spawn_blocking(move || duty.cosign(&request)).await;
    let cosigned = cosigned.unwrap_or_else(|error| Err(Unsigned::Failed(error.to_string())));
    match cosigned {
        Ok(signature) => format!("{signature}\n").into_response(),
        Err(Unsigned::Refused(WitnessRefusal::Conflict { seen })) => {
            let size = [(header::CONTENT_TYPE, SIZE)];
            (StatusCode::CONFLICT, size, format!("{seen}\n")).into_response()
        }
        Err(Unsigned::Refused(refusal)) => {
            tracing::warn!(%refusal, "not cosigned");
            let status = StatusCode::from_u16(refusal.status());
            let status = status.unwrap_or(StatusCode::BAD_REQUEST);
            (status, format!("{refusal}\n")).into_response()
        }
        Err(Unsigned::Failed(reason)) => {
            tracing::error!(reason, "not cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Duty {
    /// Cosigns a checkpoint that follows from what was seen last, once that is remembered.
    fn cosign(&self, request: &AddCheckpoint) -> Result<Signature, Unsigned> {
        let origin = request.origin()?;
        let named = |log: &&VerifierKey| log.name().as_str() == origin;
        let log = self.logs.iter().find(named);
        let log = log.ok_or(WitnessRefusal::UnknownLog)?;
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = memory.seen(log)?;
        let checkpoint = request.decide(std::slice::from_ref(log), &seen)?;
        if *checkpoint.tree() != seen {
            memory.see(log, &checkpoint)?;
        }
        drop(memory);
        let seconds = self.clock.now().micros() / 1_000_000;
        let seconds = u64::try_from(seconds);
        let seconds = seconds.map_err(|error| Unsigned::Failed(error.to_string()))?;
        let signature = self.cosigner.sign(&checkpoint, seconds);
        signature.map_err(|error| Unsigned::Failed(error.to_string()))
    }
}

impl From<WitnessRefusal> for Unsigned {
    fn from(refusal: WitnessRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Unsigned {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
