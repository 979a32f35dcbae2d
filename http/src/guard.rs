//! What surrounds every route: request id, log line, metrics, limits, problems in one's language.

use std::sync::Once;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

use crate::client::names_others;
use crate::gate::{Gate, admit};
use crate::{Client, Language, Limits, Problem, TrustedProxies, kinds};

/// Header that carries the request's id, in both directions.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

const REQUEST_ID_CHARS_MAX: usize = 64;

/// The request's id: the client's, if it sent a usable one. In every log line of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Wraps the finished router. Outermost first: request id, log and metrics; problems in the
/// reader's language; limits.
pub fn guard(router: Router, limits: &Limits) -> Router {
    let router = router
        .fallback(async || Problem::new(kinds::NOT_FOUND))
        .method_not_allowed_fallback(async || Problem::new(kinds::METHOD_NOT_ALLOWED));
    limit(router, limits)
        .layer(from_fn(speak))
        .layer(from_fn(observe))
}

/// The limits alone, for a router that says in its own words what is wrong. Its refusals are
/// [`Problem`]s in the extensions of the response.
pub fn limit(router: Router, limits: &Limits) -> Router {
    // A layer that is added later is passed earlier.
    router
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(from_fn_with_state(Gate::new(limits), admit))
        .layer(from_fn_with_state(limits.trusted_proxies.clone(), identify))
}

/// Finds out whose request it is, once; every limit by address goes by this.
async fn identify(
    State(proxies): State<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = Client::resolve(&proxies, request.extensions(), request.headers());
    if client.is_near() && names_others(request.headers()) {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                proxy = %client,
                "a proxy that `trusted_proxies` does not name asks for others: they count as one"
            );
        });
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// Writes problems in the reader's language; turns bare errors of the framework into problems.
async fn speak(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let mut response = next.run(request).await;
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare_error(&response) => Problem::of_status(response.status()),
        None => return response,
    };
    let mut answer = problem.answer(language);
    for (name, value) in response.headers() {
        if *name == header::ALLOW || *name == header::RETRY_AFTER {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
    answer
}

fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    (status.is_client_error() || status.is_server_error()) && plain
}

/// Names the request, and says in one line and two metrics how it went. Never logs a body, a query
/// or a token.
async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&request);
    let method = known(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |matched| matched.as_str().to_owned());
    let span = tracing::info_span!("request", %id, method, route);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("meguri_http_requests_total", &labels).increment(1);
    metrics::histogram!("meguri_http_request_seconds", &labels).record(seconds);
    span.in_scope(|| log_line(status, seconds));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(REQUEST_ID_HEADER), value);
    }
    response
}

/// A method by its name where HTTP defines it (RFC 9110 §9, RFC 5789), else `other`: a client may
/// send any word, of any length.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    const NAMES: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    let mut all = KNOWN.iter().zip(NAMES);
    all.find(|(it, _)| *it == method)
        .map_or("other", |(_, name)| name)
}

fn log_line(status: StatusCode, seconds: f64) {
    let status_code = status.as_u16();
    if status.is_server_error() {
        tracing::warn!(status = status_code, seconds, "answered");
    } else {
        tracing::info!(status = status_code, seconds, "answered");
    }
}

fn request_id(request: &Request) -> String {
    let usable = |id: &&str| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    // Two are neither: a proxy and a client may have set one each.
    let mut sent = request.headers().get_all(REQUEST_ID_HEADER).iter();
    let one = sent.next().filter(|_| sent.next().is_none());
    one.and_then(|value| value.to_str().ok())
        .filter(usable)
        .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;
    use crate::{Json, PROBLEM_MEDIA_TYPE, ProblemBody};
    use axum::body::{Body, to_bytes};
    use axum::routing::{get, post};
    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::sync::Semaphore;
    use tower::ServiceExt;

    fn app(limits: &Limits) -> Router {
        let routes = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("told") }))
            .route(
                "/slow",
                get(async || tokio::time::sleep(Duration::from_mins(1)).await),
            )
            .route("/teapot", get(async || StatusCode::IM_A_TEAPOT))
            .route("/echo", post(async |Json(text): Json<String>| text));
        guard(routes, limits)
    }

    async fn answer(limits: &Limits, request: Request) -> (StatusCode, ProblemBody) {
        let response = app(limits).oneshot(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_MEDIA_TYPE);
        assert!(response.headers().contains_key(REQUEST_ID_HEADER));
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    fn request(method: &str, path: &str) -> Request {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::CONTENT_TYPE, "application/json")
            .body(match method {
                "POST" => Body::from("\"0123456789\""),
                _ => Body::empty(),
            })
            .unwrap()
    }

    #[tokio::test]
    async fn every_failure_of_the_framework_is_a_problem() {
        let limits = Limits {
            body_bytes: 5,
            time: Duration::from_millis(30),
            ..Limits::default()
        };
        for (method, path, status, code) in [
            ("GET", "/nowhere", 404, "not-found"),
            ("DELETE", "/echo", 405, "method-not-allowed"),
            ("POST", "/echo", 413, "too-large"),
            ("GET", "/panic", 500, "internal"),
            ("GET", "/slow", 503, "outcome-unknown"),
            ("GET", "/teapot", 418, "http-418"),
        ] {
            let (answered, problem) = answer(&limits, request(method, path)).await;
            assert_eq!(answered.as_u16(), status, "{method} {path}");
            assert_eq!(problem.kind, format!("/problems/{code}"), "{method} {path}");
        }
    }

    #[tokio::test]
    async fn what_was_begun_goes_on_when_the_client_goes_away() {
        let (begun, done) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (told, finished) = (Arc::clone(&begun), Arc::clone(&done));
        let handler = async move || {
            told.add_permits(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
            finished.add_permits(1);
        };
        let app = guard(Router::new().route("/", get(handler)), &Limits::default());
        let asking = tokio::spawn(app.oneshot(request("GET", "/")));
        drop(begun.acquire().await.unwrap());
        asking.abort();
        let went_on = tokio::time::timeout(Duration::from_secs(10), done.acquire()).await;
        assert!(went_on.is_ok());
    }

    #[test]
    fn a_method_that_nobody_defined_is_other_whatever_its_length() {
        for (sent, name) in [
            ("GET", "GET"),
            ("DELETE", "DELETE"),
            ("get", "other"),
            ("PURGE", "other"),
            (&"X".repeat(10_000), "other"),
        ] {
            assert_eq!(known(&sent.parse().unwrap()), name);
        }
    }

    /// Remembers what metrics are called, with all their labels.
    #[derive(Default)]
    struct Series(Mutex<Vec<String>>);

    impl Series {
        fn note(&self, key: &Key) {
            self.0.lock().unwrap().push(key.to_string());
        }
    }

    impl Recorder for Series {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.note(key);
            Counter::noop()
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.note(key);
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.note(key);
            Histogram::noop()
        }
    }

    #[tokio::test]
    async fn no_label_is_made_of_what_a_client_sends() {
        let series = Series::default();
        {
            let _recording = metrics::set_default_local_recorder(&series);
            for (method, path) in [
                ("HOSTILE", "/echo"),
                ("HOSTILE", "/HOSTILE?HOSTILE=HOSTILE"),
                ("GET", "/HOSTILE"),
                ("GET", "/teapot?HOSTILE"),
            ] {
                let mut request = request(method, path);
                for name in [
                    "host",
                    "user-agent",
                    "x-request-id",
                    "x-hostile",
                    "authorization",
                ] {
                    request
                        .headers_mut()
                        .insert(name, "HOSTILE".parse().unwrap());
                }
                app(&Limits::default()).oneshot(request).await.unwrap();
            }
        }
        let series = series.0.into_inner().unwrap();
        assert!(series.len() >= 8, "{series:?}");
        let told: Vec<_> = series.iter().filter(|it| it.contains("HOSTILE")).collect();
        assert!(told.is_empty(), "{told:?}");
    }

    #[tokio::test]
    async fn the_clients_request_id_is_kept_when_it_is_harmless() {
        for (sent, kept) in [("trace-1.a_B", true), ("a b", false), ("<script>", false)] {
            let mut request = request("GET", "/teapot");
            request
                .headers_mut()
                .insert(REQUEST_ID_HEADER, sent.parse().unwrap());
            let response = app(&Limits::default()).oneshot(request).await.unwrap();
            assert_eq!(
                response.headers()[REQUEST_ID_HEADER] == sent,
                kept,
                "{sent}"
            );
        }
    }
}
