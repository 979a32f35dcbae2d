//! Witnesses of this log, asked over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use meguri_log::{Witness, WitnessAnswer};
use meguri_proofs::{AddCheckpoint, Signature, WitnessKey};
use reqwest::{Client, StatusCode};

use crate::http_client;

/// Longest wait for an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);
/// Of what went wrong, so much is told.
const REASON_CHARS_MAX: usize = 200;

/// A witness behind an address.
#[derive(Debug)]
pub struct HttpWitness {
    key: WitnessKey,
    address: String,
    client: Client,
}

impl HttpWitness {
    /// The witness with this key, which is asked at this prefix (tlog-witness).
    ///
    /// # Errors
    /// Where nothing can be asked from this process.
    pub fn new(key: WitnessKey, prefix: &str) -> Result<Self, String> {
        let client = http_client::within(ANSWER_WAIT_MAX);
        Ok(Self {
            key,
            address: format!("{}/add-checkpoint", prefix.trim_end_matches('/')),
            client: client.map_err(|error| error.to_string())?,
        })
    }
}

#[async_trait]
impl Witness for HttpWitness {
    fn key(&self) -> &WitnessKey {
        &self.key
    }

    async fn ask(&self, request: &AddCheckpoint) -> Result<WitnessAnswer, String> {
        let asked = self.client.post(&self.address).body(request.to_string());
        // The address may hold a password.
        let said = |error: reqwest::Error| error.without_url().to_string();
        let answer = asked.send().await.map_err(said)?;
        let status = answer.status();
        let body = answer.text().await.map_err(said)?;
        match status {
            StatusCode::OK => {
                let signatures = body.lines().map(str::parse::<Signature>);
                let signatures = signatures.collect::<Result<_, _>>();
                let signatures = signatures.map_err(|error| error.to_string())?;
                Ok(WitnessAnswer::Cosigned(signatures))
            }
            StatusCode::CONFLICT => {
                let seen = body.trim_end().parse();
                let seen = seen.map_err(|_| "it answered no size to a conflict".to_owned())?;
                Ok(WitnessAnswer::Conflict { seen })
            }
            StatusCode::UNPROCESSABLE_ENTITY => Ok(WitnessAnswer::Unproven),
            other => {
                let reason: String = body.chars().take(REASON_CHARS_MAX).collect();
                Err(format!("{other}: {}", reason.trim_end()))
            }
        }
    }
}
