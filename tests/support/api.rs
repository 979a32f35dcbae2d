//! The HTTP API, as a client sees it.

use meguri::http_client;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a client waits for an answer before it calls the outcome unknown.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server answers to a command it has carried out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) position: u64,
}

/// A member who can act.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) user_name: String,
    pub(crate) token: String,
}

/// How a command ended, as far as its sender knows.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Acknowledged: it must never be lost, and never be done again.
    Accepted(Accepted),
    /// The server says that it does not know, or not yet: repeat it under the same key.
    Retry(String),
    /// There was no answer: the same, once there is a server again.
    Gone(String),
    /// Refused. No repetition will change that.
    Refused(StatusCode, String),
}

/// A key that no other command of this process has.
pub(crate) fn new_key() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("command-{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// A server's address, and the connections to it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    client: Client,
    address: String,
}

impl Api {
    /// The API at an address such as `http://127.0.0.1:8080`.
    pub(crate) fn new(address: &str) -> Self {
        let client = http_client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            address: address.to_owned(),
        }
    }

    /// Where connections are to be opened, as `127.0.0.1:8080`.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Whether the server would take traffic now.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self
            .client
            .get(format!("{}/readyz", self.address))
            .send()
            .await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Registers a member.
    pub(crate) async fn register(&self, user_name: &str, nickname: &str) -> Member {
        let body = json!({
            "user_name": user_name, "nickname": nickname,
            "mail": format!("{user_name}@example.jp"), "password": "correct horse battery",
        });
        let request = self
            .client
            .post(format!("{}/api/members", self.address))
            .json(&body);
        let answer = request
            .header("Idempotency-Key", user_name)
            .send()
            .await
            .unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(
            status.is_success(),
            "registering {user_name}: {status} {text}"
        );
        let answer: Value = serde_json::from_str(&text).unwrap();
        let field = |name: &str| answer[name].as_str().unwrap().to_owned();
        Member {
            id: field("id"),
            user_name: user_name.to_owned(),
            token: field("token"),
        }
    }

    /// Sends a command under a key of the client's choice.
    pub(crate) async fn post(
        &self,
        member: &Member,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Outcome {
        let request = self
            .client
            .post(format!("{}/api/{path}", self.address))
            .json(body);
        let request = request
            .bearer_auth(&member.token)
            .header("Idempotency-Key", key);
        // Only a whole answer is an acknowledgement.
        let answered = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.text().await?))
        };
        match answered.await {
            Ok((status, text)) if status.is_success() => {
                let accepted = serde_json::from_str(&text);
                Outcome::Accepted(accepted.unwrap_or_else(|it| panic!("{path}: {text}: {it}")))
            }
            Ok((status, text)) if status.is_server_error() => {
                Outcome::Retry(format!("{path}: {status} {text}"))
            }
            Ok((status, text)) => Outcome::Refused(status, text),
            Err(error) if error.is_timeout() => Outcome::Retry(format!("{path}: {error}")),
            Err(error) => Outcome::Gone(format!("{path}: {error}")),
        }
    }

    /// Sends a command that has to be carried out, under a key of its own.
    pub(crate) async fn done(&self, member: &Member, path: &str, body: &Value) -> Accepted {
        match self.post(member, path, body, &new_key()).await {
            Outcome::Accepted(accepted) => accepted,
            other @ (Outcome::Retry(_) | Outcome::Gone(_) | Outcome::Refused(..)) => {
                panic!("{} could not {path}: {other:?}", member.user_name)
            }
        }
    }

    /// Sends a command that has to be refused, under a key of its own.
    pub(crate) async fn refused(&self, member: &Member, path: &str, body: &Value) -> StatusCode {
        match self.post(member, path, body, &new_key()).await {
            Outcome::Refused(status, _) => status,
            other @ (Outcome::Accepted(_) | Outcome::Retry(_) | Outcome::Gone(_)) => {
                panic!("{} could {path}: {other:?}", member.user_name)
            }
        }
    }

    /// What is answered to a read, whatever it is.
    pub(crate) async fn answer(
        &self,
        path: &str,
        token: Option<&str>,
    ) -> reqwest::Result<(StatusCode, String)> {
        let mut request = self.client.get(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// The status of a read, whatever it is.
    pub(crate) async fn status(&self, path: &str, token: Option<&str>) -> StatusCode {
        let mut request = self.client.get(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status()
    }

    /// Reads something, as this bearer of a token or as nobody.
    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Value {
        let text = self.text(path, token).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"))
    }

    /// Reads something as text.
    pub(crate) async fn text(&self, path: &str, token: Option<&str>) -> String {
        let mut request = self.client.get(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "GET {path}: {status} {text}");
        text
    }
}
