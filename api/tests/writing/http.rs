//! Requests to the routes that write, in process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use meguri_commands::{CommandSettings, Commands};
use meguri_http::{Limits, Tokens, guard};
use meguri_test_community::World;
use serde_json::Value;
use tower::ServiceExt as _;

/// The routes of a community.
pub(crate) fn app(world: &World) -> Router {
    routes(&world.commands)
}

/// The routes of another process of it.
pub(crate) async fn app_with(world: &World, settings: CommandSettings) -> Router {
    routes(&world.another_process_with(settings).await)
}

fn routes(commands: &Commands) -> Router {
    let tokens = Tokens::new(commands.log().vault().clone());
    let (router, _) = meguri_api::writing(commands.clone(), tokens).split_for_parts();
    guard(router, &Limits::default())
}

/// A request over HTTP.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: String,
    pub(crate) token: Option<&'a str>,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: Option<Value>,
    pub(crate) address: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: &'a str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            token: None,
            headers: vec![],
            body: None,
            address: None,
        }
    }

    /// Over a connection from this address.
    pub(crate) fn from(mut self, address: &'a str) -> Self {
        self.address = Some(address);
        self
    }

    pub(crate) fn by(mut self, token: &'a str) -> Self {
        self.token = Some(token);
        self
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) async fn send(self, app: &Router) -> Answered {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match self.body {
            None => Body::empty(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        let mut request = request.body(body).unwrap();
        if let Some(address) = self.address {
            let peer = std::net::SocketAddr::new(address.parse().unwrap(), 4_711);
            request
                .extensions_mut()
                .insert(axum::extract::ConnectInfo(peer));
        }
        let response = app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1_000_000).await.unwrap();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        Answered {
            status,
            headers,
            body,
        }
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field]
            .as_str()
            .unwrap_or_else(|| panic!("{field}: {self:?}"))
            .to_owned()
    }

    /// Status and, for a problem, its code.
    pub(crate) fn outcome(&self) -> (u16, String) {
        let kind = self.body["type"].as_str().unwrap_or_default();
        (
            self.status.as_u16(),
            kind.trim_start_matches("/problems/").to_owned(),
        )
    }
}
