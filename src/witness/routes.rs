//! What a witness answers to logs, and to people who ask for its key.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use meguri_http::{Language, Limits, Problem, TrustedProxies, limit};
use meguri_log::{NotCosigned, Witnessing};
use meguri_proofs::{AddCheckpoint, NOTE_BYTES_MAX, WitnessRefusal};

/// The media type of a size in the answer to a conflict (tlog-witness).
const SIZE: &str = "text/x.tlog.size";
/// The longest request: a note, and a proof of 63 lines before it.
const BODY_BYTES_MAX: usize = NOTE_BYTES_MAX + 4_096;

pub(super) fn router(witness: Arc<Witnessing>, trusted_proxies: TrustedProxies) -> Router {
    let router = Router::new()
        .route("/", get(key))
        .route("/add-checkpoint", post(add_checkpoint))
        .with_state(witness);
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

async fn key(State(witness): State<Arc<Witnessing>>) -> String {
    format!("{}\n", witness.key())
}

async fn add_checkpoint(State(witness): State<Arc<Witnessing>>, body: String) -> Response {
    let request: AddCheckpoint = match body.parse() {
        Ok(request) => request,
        Err(bad) => {
            let bad: meguri_proofs::BadAddCheckpoint = bad;
            return (StatusCode::BAD_REQUEST, format!("{bad}\n")).into_response();
        }
    };
    // Waits for the disk.
    let cosigned = tokio::task::spawn_blocking(move || witness.cosign(&request)).await;
    let cosigned = cosigned.unwrap_or_else(|error| Err(NotCosigned::Failed(error.to_string())));
    match cosigned {
        Ok(signature) => format!("{signature}\n").into_response(),
        Err(NotCosigned::Refused(WitnessRefusal::Conflict { seen })) => {
            let size = [(header::CONTENT_TYPE, SIZE)];
            (StatusCode::CONFLICT, size, format!("{seen}\n")).into_response()
        }
        Err(NotCosigned::Refused(refusal)) => {
            tracing::warn!(%refusal, "not cosigned");
            let status = StatusCode::from_u16(refusal.status());
            let status = status.unwrap_or(StatusCode::BAD_REQUEST);
            (status, format!("{refusal}\n")).into_response()
        }
        Err(NotCosigned::Failed(reason)) => {
            tracing::error!(reason, "not cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
