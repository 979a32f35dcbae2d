//! A house to read in: a log, its views and the routes, in a temporary folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response};
use meguri_api::{Metrics, STREAMS_MAX, Streaming, described, reading};
use meguri_domain::role::{AUDITOR, MEMBER};
use meguri_engine::{ViewSettings, Views};
use meguri_events::{Event, MemberId};
use meguri_http::{Limits, Rate, Tokens, declared_queries};
use meguri_log::{
    Append, Cause, Kek, Location, Log, LogOptions, ManualClock, NewEvent, NewSection, Position,
    Publication, PublishOptions, Publisher, SigningKey, StreamName, Timestamp, Witnesses,
};
use meguri_read_api::ReadApi;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

/// 2026-11-21 07:02:03.123456 UTC.
pub(crate) const START_MICROS: i64 = 1_795_244_523_123_456;

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// The whole reading side in one process.
pub(crate) struct House {
    pub(crate) log: Log,
    pub(crate) views: Views,
    pub(crate) app: Router,
    pub(crate) openapi: OpenApi,
    pub(crate) shutdown: CancellationToken,
    pub(crate) clock: ManualClock,
    publisher: Publisher,
    next_id: AtomicU64,
    folder: TempDir,
}

/// Publishes the log of a house at once.
async fn publisher(log: &Log, folder: &std::path::Path) -> Publisher {
    let options = PublishOptions {
        key: SigningKey::File(folder.join("log.key")),
        origin: None,
        interval: std::time::Duration::from_millis(10),
        outside: folder.join("checkpoint"),
        elsewhere: Vec::new(),
        keepers: Vec::new(),
        place: folder.join("log.place"),
        last_signed: None,
        witnesses: Witnesses::default(),
    };
    Publisher::start(log.clone(), options).await.unwrap()
}

fn options(folder: &std::path::Path, clock: &ManualClock) -> LogOptions {
    let location = Location::Sqlite {
        log: folder.join("log.db"),
        vault: folder.join("vault.db"),
    };
    let mut options = LogOptions::new(location, Kek::File(folder.join("vault.kek")));
    options.clock = Arc::new(clock.clone());
    options
}

impl House {
    /// A house in which nothing has happened.
    pub(crate) async fn empty() -> Self {
        Self::with(meguri_views::settings()).await
    }

    /// The same, with its views run otherwise.
    pub(crate) async fn with(settings: ViewSettings) -> Self {
        Self::started(settings, None, Duration::from_millis(200)).await
    }

    /// The same, whose streams are silent unless something happens.
    pub(crate) async fn silent() -> Self {
        Self::started(meguri_views::settings(), None, Duration::from_hours(1)).await
    }

    /// The same, whose accounts may ask for one thing and nothing more.
    pub(crate) async fn strict() -> Self {
        let once = Rate {
            burst: 1,
            per_minute: 0,
        };
        Self::started(
            meguri_views::settings(),
            Some(once),
            Duration::from_millis(20),
        )
        .await
    }

    async fn started(settings: ViewSettings, rate: Option<Rate>, keep_alive: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let clock = ManualClock::new(Timestamp::from_micros(START_MICROS));
        let log = Log::open(&options(folder.path(), &clock)).await.unwrap();
        let views = Views::open(log.clone(), path("views"), settings)
            .await
            .unwrap();
        views
            .wait_for_all(Position::ZERO, std::time::Duration::from_secs(20))
            .await
            .unwrap();
        let publisher = publisher(&log, folder.path()).await;
        let tokens = Tokens::new(log.vault().clone());
        let tokens = rate.map_or_else(|| tokens.clone(), |rate| tokens.clone().limited(rate));
        let shutdown = CancellationToken::new();
        let metrics = Metrics::new(|| "meguri_test 1\n".to_owned());
        let streaming = Streaming::at_most(STREAMS_MAX, shutdown.clone());
        let streaming = streaming.keep_alive_every(keep_alive);
        let read = ReadApi::new(log.clone(), views.clone()).published_by(publisher.watch());
        let pages = meguri_site::pages(read.clone(), tokens.clone());
        let (router, openapi) = reading(read, tokens, metrics, streaming).split_for_parts();
        let (document, description) = described(openapi.clone()).unwrap();
        let router = router.merge(description).merge(pages);
        let router = router.merge(meguri_site::reference(&document));
        let router = declared_queries(router, &openapi, &meguri_site::OWN_QUERIES);
        let app = meguri_http::guard(router, &Limits::default());
        Self {
            log,
            views,
            app,
            openapi,
            shutdown,
            clock,
            publisher,
            next_id: AtomicU64::new(1),
            folder,
        }
    }

    /// The log as another process opens it.
    pub(crate) async fn another_process(&self) -> Log {
        Log::open(&options(self.folder.path(), &self.clock))
            .await
            .unwrap()
    }

    /// Waits until everything is published.
    pub(crate) async fn published(&self) {
        let head = self.log.known_head().get();
        let mut watch = self.publisher.watch();
        let size = |now: &Publication| now.latest.as_ref().map_or(0, |it| it.tree.size);
        watch.wait_for(|now| size(now) >= head).await.unwrap();
    }

    /// Waits until every view has seen a position.
    pub(crate) async fn seen(&self, position: Position) {
        self.views
            .wait_for_all(position, std::time::Duration::from_secs(20))
            .await
            .unwrap();
    }

    /// Appends one event as its actor; answers its position.
    pub(crate) async fn append(
        &self,
        actor: MemberId,
        stream: String,
        event: impl Into<Event>,
    ) -> Position {
        let event = self.encoded(stream, event);
        self.write(actor.stream(), None, event).await
    }

    /// Appends what an event led to in an exchange, by a policy.
    pub(crate) async fn led_to(&self, causation: Uuid, event: impl Into<Event>) -> Position {
        let event = self.encoded(crate::story::EXCHANGE.stream(), event);
        self.write("policy-test".to_owned(), Some(causation), event)
            .await
    }

    fn encoded(&self, stream: String, event: impl Into<Event>) -> NewEvent {
        let encoded = event.into().encode().unwrap();
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        let sealed = encoded.sections.into_iter().map(|section| NewSection {
            section: section.name.into(),
            subject: section.subject,
            class: section.class.into(),
            plaintext: section.plaintext,
        });
        NewEvent {
            id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + u128::from(number)),
            stream: StreamName::new(stream).unwrap(),
            event_type: encoded.event_type.into(),
            schema: encoded.schema,
            data: encoded.data,
            sealed: sealed.collect(),
        }
    }

    /// Appends a registration as a release wrote it that did not ask where members live.
    pub(crate) async fn register_long_ago(&self, member: MemberId, user_name: &str) -> Position {
        let section = |section: &'static str, class: &'static str, plaintext: String| NewSection {
            section: section.into(),
            subject: member.stream(),
            class: class.into(),
            plaintext: plaintext.into_bytes(),
        };
        let profile = format!(r#"{{"user_name":"{user_name}","nickname":"{user_name}"}}"#);
        let mail = format!(r#"{{"mail":"{user_name}@example.jp"}}"#);
        let event = NewEvent {
            id: Uuid::now_v7(),
            stream: StreamName::new(member.stream()).unwrap(),
            event_type: "MemberRegistered".into(),
            schema: 1,
            data: format!(r#"{{"member":"{}"}}"#, member.stream()),
            sealed: vec![
                section("profile", "profile", profile),
                section("mail", "contact", mail),
            ],
        };
        self.write(member.stream(), None, event).await
    }

    /// Appends what the catalog does not know, as a newer release would.
    pub(crate) async fn append_unknown_type(&self) {
        let event = NewEvent {
            id: Uuid::now_v7(),
            stream: StreamName::new("exchange-1").unwrap(),
            event_type: "NeverHeardOf".into(),
            schema: 1,
            data: "{}".to_owned(),
            sealed: Vec::new(),
        };
        self.write("system".to_owned(), None, event).await;
    }

    /// Turns a byte around, where this text stands in the files of a view.
    pub(crate) fn damage(&self, view: &str, text: &str) {
        let folders = std::fs::read_dir(self.folder.path().join("views").join(view)).unwrap();
        for folder in folders {
            let file = folder.unwrap().path().join("view.db");
            let mut bytes = std::fs::read(&file).unwrap_or_default();
            let found = bytes
                .windows(text.len())
                .position(|part| part == text.as_bytes());
            if let Some(found) = found {
                bytes[found] ^= 1;
                std::fs::write(&file, bytes).unwrap();
            }
        }
    }

    /// Keeps a view from writing anything until what this answers is dropped.
    pub(crate) async fn hold_back(&self, view: &str) -> sqlx::SqliteConnection {
        let folders = std::fs::read_dir(self.folder.path().join("views").join(view)).unwrap();
        let mut files = folders.map(|folder| folder.unwrap().path().join("view.db"));
        let file = files.find(|file| file.exists()).unwrap();
        let url = format!("sqlite:{}", file.display());
        let mut held = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let lock = sqlx::query("begin immediate").execute(&mut held);
        lock.await.unwrap();
        held
    }

    async fn write(&self, actor: String, causation: Option<Uuid>, event: NewEvent) -> Position {
        let cause = Cause {
            actor,
            causation,
            ..Cause::default()
        };
        let append = Append {
            cause,
            events: vec![event],
            ..Append::default()
        };
        self.log.append(append).await.unwrap().position
    }

    /// A new token of a member.
    pub(crate) async fn token_of(&self, member: MemberId) -> String {
        self.log
            .vault()
            .issue_token(&member.stream(), MEMBER)
            .await
            .unwrap()
    }

    /// A new token of an auditor.
    pub(crate) async fn auditor_token(&self) -> String {
        self.log
            .vault()
            .issue_token("auditor-kansa", AUDITOR)
            .await
            .unwrap()
    }

    /// The answer's head; its body is still to be read.
    pub(crate) async fn open(
        &self,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Response<Body> {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    /// Sends a form, with these headers; the answer's head.
    pub(crate) async fn post_form(
        &self,
        path: &str,
        form: &str,
        headers: &[(&str, &str)],
    ) -> Response<Body> {
        let mut request =
            Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    /// Reads a path, as whoever holds the token.
    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let response = self.open(path, token, &[("accept-language", "en")]).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        Answer {
            status,
            headers,
            // A tile is no text.
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
