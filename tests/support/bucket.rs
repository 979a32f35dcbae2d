//! An object store that speaks the protocol of Amazon S3, as far as backups do, in this process: it
//! checks signatures, keeps conditions, tells lists in small pages, and fails when it is told to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The bucket that there is.
const BUCKET: &str = "meguri-test";
/// Whoever may use it.
const KEY_ID: &str = "test-key";
const SECRET: &str = "test+secret/0";
const REGION: &str = "eu-test-1";
/// So many objects are on one page of a list.
const PAGE: usize = 4;
/// The largest body.
const BODY_BYTES_MAX: usize = 64 << 20;
/// When everything was written, unless somebody says otherwise.
const WRITTEN: &str = "2026-11-30T00:00:00.000Z";
const WRITTEN_AS_HEADER: &str = "Mon, 30 Nov 2026 00:00:00 GMT";

#[derive(Debug, Clone)]
struct Object {
    bytes: Bytes,
    e_tag: String,
}

#[derive(Debug)]
struct Store {
    objects: Mutex<BTreeMap<String, Object>>,
    uploads: Mutex<BTreeMap<String, BTreeMap<u32, Bytes>>>,
    written: AtomicU64,
    /// So many requests that write are answered before it is gone; negative: all.
    writes_left: AtomicI64,
    /// So many objects or pieces of them it takes before it is full; negative: all.
    room_left: AtomicI64,
    /// So long each answer takes, in milliseconds.
    answers_after: AtomicU64,
    /// Whether it heeds `If-Match` and `If-None-Match`.
    ignores_conditions: AtomicUsize,
}

/// An object store with one bucket; it ends with this.
#[derive(Debug)]
pub(crate) struct Bucket {
    address: SocketAddr,
    store: Arc<Store>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Bucket {
    /// An empty one, on a thread of its own, so that a test may wait for a command that uses it.
    pub(crate) fn new() -> Self {
        let store = Arc::new(Store {
            objects: Mutex::default(),
            uploads: Mutex::default(),
            written: AtomicU64::new(0),
            writes_left: AtomicI64::new(-1),
            room_left: AtomicI64::new(-1),
            answers_after: AtomicU64::new(0),
            ignores_conditions: AtomicUsize::new(0),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&store));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let served = axum::serve(listener, router).into_future();
                tokio::select! {
                    served = served => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            store,
            _stop: stop,
        }
    }

    /// What a command needs to use it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("MEGURI_BACKUP_REQUEST_TIMEOUT", "2s".to_owned()),
        ]
    }

    /// A prefix in it, as it is given to commands.
    pub(crate) fn at(prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// The names of all objects.
    pub(crate) fn names(&self) -> Vec<String> {
        self.store.objects.lock().unwrap().keys().cloned().collect()
    }

    /// What an object holds.
    pub(crate) fn read(&self, name: &str) -> Option<Bytes> {
        let objects = self.store.objects.lock().unwrap();
        objects.get(name).map(|object| object.bytes.clone())
    }

    /// Writes an object, as somebody else would.
    pub(crate) fn write(&self, name: &str, bytes: impl Into<Bytes>) {
        self.store.put(name, bytes.into());
    }

    /// Removes an object, as somebody else would.
    pub(crate) fn remove(&self, name: &str) {
        self.store.objects.lock().unwrap().remove(name);
    }

    /// Pieces of objects that were begun, and are neither complete nor given up.
    pub(crate) fn pieces(&self) -> usize {
        self.store.uploads.lock().unwrap().len()
    }

    /// It is gone after so many more writes.
    pub(crate) fn gone_after(&self, writes: i64) {
        self.store.writes_left.store(writes, Ordering::SeqCst);
    }

    /// It is full after so many more objects or pieces of them.
    pub(crate) fn full_after(&self, writes: i64) {
        self.store.room_left.store(writes, Ordering::SeqCst);
    }

    /// It is there again, with room in it.
    pub(crate) fn back(&self) {
        self.store.room_left.store(-1, Ordering::SeqCst);
        self.store.writes_left.store(-1, Ordering::SeqCst);
        self.store.answers_after.store(0, Ordering::SeqCst);
    }

    /// Each answer takes so long from now on.
    pub(crate) fn slow(&self, answer: Duration) {
        let millis = u64::try_from(answer.as_millis()).unwrap();
        self.store.answers_after.store(millis, Ordering::SeqCst);
    }

    /// It keeps no conditions, as some do not.
    pub(crate) fn ignore_conditions(&self) {
        self.store.ignores_conditions.store(1, Ordering::SeqCst);
    }
}

impl Store {
    fn put(&self, name: &str, bytes: Bytes) -> String {
        let number = self.written.fetch_add(1, Ordering::SeqCst);
        let e_tag = format!("\"{number:032x}\"");
        let object = Object {
            bytes,
            e_tag: e_tag.clone(),
        };
        self.objects.lock().unwrap().insert(name.to_owned(), object);
        e_tag
    }

    /// Whether it is gone before this request.
    fn is_gone(&self, method: &Method) -> bool {
        match *method {
            Method::GET => self.writes_left.load(Ordering::SeqCst) == 0,
            _ => is_used_up(&self.writes_left),
        }
    }
}

/// Takes one of what is left; whether none was.
fn is_used_up(counter: &AtomicI64) -> bool {
    let left = counter.load(Ordering::SeqCst);
    if left > 0 {
        counter.store(left - 1, Ordering::SeqCst);
    }
    left == 0
}

/// A request, taken apart.
struct Asked {
    method: Method,
    path: String,
    query: BTreeMap<String, String>,
    raw_query: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn has(&self, parameter: &str) -> bool {
        self.query.contains_key(parameter)
    }
}

async fn answer(State(store): State<Arc<Store>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if store.is_gone(&head.method) {
        // The connection breaks in the middle of the answer.
        let broken = Err::<Bytes, _>(std::io::Error::other("gone"));
        return Body::from_stream(stream::iter([broken])).into_response();
    }
    let wait = store.answers_after.load(Ordering::SeqCst);
    if wait > 0 {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let raw_query = head.uri.query().unwrap_or_default().to_owned();
    let pairs = raw_query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let asked = Asked {
        path: head.uri.path().to_owned(),
        query: pairs
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect(),
        raw_query,
        method: head.method,
        headers: head.headers,
        body: axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap(),
    };
    if let Err((code, message)) = authorized(&asked) {
        return refused(StatusCode::FORBIDDEN, code, message);
    }
    let path = decoded(asked.path.trim_start_matches('/'));
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    if bucket != BUCKET {
        let message = "The specified bucket does not exist";
        return refused(StatusCode::NOT_FOUND, "NoSuchBucket", message);
    }
    if key.is_empty() {
        return list(&store, &asked);
    }
    object(&store, &asked, key)
}

fn object(store: &Store, asked: &Asked, key: &str) -> Response {
    match asked.method {
        Method::GET | Method::HEAD => get(store, asked, key),
        Method::PUT if is_used_up(&store.room_left) => {
            let message = "Storage backend has reached its minimum free drive threshold.";
            refused(
                StatusCode::INSUFFICIENT_STORAGE,
                "XMinioStorageFull",
                message,
            )
        }
        Method::PUT if asked.has("partNumber") => put_part(store, asked),
        Method::PUT => put(store, asked, key),
        Method::POST if asked.has("uploads") => begin(store),
        Method::POST => complete(store, asked, key),
        Method::DELETE if asked.has("uploadId") => {
            store
                .uploads
                .lock()
                .unwrap()
                .remove(&asked.query["uploadId"]);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::DELETE => {
            store.objects.lock().unwrap().remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "No"),
    }
}

fn list(store: &Store, asked: &Asked) -> Response {
    let prefix = asked.query.get("prefix").cloned().unwrap_or_default();
    let after = asked
        .query
        .get("continuation-token")
        .cloned()
        .unwrap_or_default();
    let objects = store.objects.lock().unwrap();
    let mut found = objects
        .iter()
        .filter(|(name, _)| name.starts_with(&prefix) && **name > after);
    let page: Vec<_> = found.by_ref().take(PAGE).collect();
    let next = found.next().and(page.last()).map(|(name, _)| name);
    let mut contents = String::new();
    for (name, object) in &page {
        let (e_tag, size) = (object.e_tag.replace('"', "&quot;"), object.bytes.len());
        let _ = write!(
            contents,
            "<Contents><Key>{name}</Key><LastModified>{WRITTEN}</LastModified>\
             <ETag>{e_tag}</ETag><Size>{size}</Size></Contents>"
        );
    }
    let more = next.map_or_else(String::new, |name| {
        format!("<NextContinuationToken>{name}</NextContinuationToken>")
    });
    xml(&format!(
        "<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>{}</IsTruncated>{more}{contents}\
         </ListBucketResult>",
        next.is_some()
    ))
}

fn get(store: &Store, asked: &Asked, key: &str) -> Response {
    let objects = store.objects.lock().unwrap();
    let Some(object) = objects.get(key) else {
        let message = "The specified key does not exist.";
        return refused(StatusCode::NOT_FOUND, "NoSuchKey", message);
    };
    let length = object.bytes.len();
    let range = asked.header("range").and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let (from, to) = (from.parse().ok()?, to.parse::<usize>().ok()?);
        (from < length).then(|| from..(to + 1).min(length))
    });
    let mut answer = Response::builder()
        .header(header::ETAG, &object.e_tag)
        .header(header::LAST_MODIFIED, WRITTEN_AS_HEADER);
    let bytes = match range {
        Some(range) => {
            let said = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            answer = answer.header(header::CONTENT_RANGE, said);
            answer = answer.status(StatusCode::PARTIAL_CONTENT);
            object.bytes.slice(range)
        }
        None => object.bytes.clone(),
    };
    answer.body(Body::from(bytes)).unwrap()
}

fn put(store: &Store, asked: &Asked, key: &str) -> Response {
    let known = store
        .objects
        .lock()
        .unwrap()
        .get(key)
        .map(|it| it.e_tag.clone());
    if store.ignores_conditions.load(Ordering::SeqCst) == 0 {
        let taken = asked.header("if-none-match").is_some() && known.is_some();
        let other = asked
            .header("if-match")
            .is_some_and(|it| known.as_deref() != Some(it));
        if taken || other {
            let message = "At least one of the pre-conditions you specified did not hold";
            return refused(
                StatusCode::PRECONDITION_FAILED,
                "PreconditionFailed",
                message,
            );
        }
    }
    let e_tag = store.put(key, asked.body.clone());
    [(header::ETAG, e_tag)].into_response()
}

fn begin(store: &Store) -> Response {
    let id = format!("upload-{}", store.written.fetch_add(1, Ordering::SeqCst));
    store
        .uploads
        .lock()
        .unwrap()
        .insert(id.clone(), BTreeMap::new());
    xml(&format!(
        "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
    ))
}

fn put_part(store: &Store, asked: &Asked) -> Response {
    let number: u32 = asked.query["partNumber"].parse().unwrap();
    let mut uploads = store.uploads.lock().unwrap();
    let parts = uploads.get_mut(&asked.query["uploadId"]).unwrap();
    parts.insert(number, asked.body.clone());
    [(header::ETAG, format!("\"part-{number}\""))].into_response()
}

fn complete(store: &Store, asked: &Asked, key: &str) -> Response {
    let Some(parts) = store
        .uploads
        .lock()
        .unwrap()
        .remove(&asked.query["uploadId"])
    else {
        return refused(StatusCode::NOT_FOUND, "NoSuchUpload", "No such upload");
    };
    let said = String::from_utf8_lossy(&asked.body).into_owned();
    for number in parts.keys() {
        assert!(said.contains(&format!("part-{number}")), "{said}");
    }
    let whole: Vec<u8> = parts.into_values().flatten().collect();
    let e_tag = store.put(key, whole.into());
    let e_tag = e_tag.replace('"', "&quot;");
    xml(&format!(
        "<CompleteMultipartUploadResult><Location>x</Location><Bucket>{BUCKET}</Bucket>\
         <Key>{key}</Key><ETag>{e_tag}</ETag></CompleteMultipartUploadResult>"
    ))
}

fn xml(text: &str) -> Response {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}");
    ([(header::CONTENT_TYPE, "application/xml")], text).into_response()
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let text = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    (status, xml(&text)).into_response()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        let hex = more.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &more[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Whether a request is signed as AWS Signature Version 4 says, with the one key that may.
fn authorized(asked: &Asked) -> Result<(), (&'static str, &'static str)> {
    let denied = ("AccessDenied", "Access Denied");
    let given = asked.header("authorization").ok_or(denied)?;
    let given = given.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(denied)?;
    let field = |name: &str| {
        let mut fields = given.split(", ").flat_map(|part| part.split(','));
        fields.find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let scope = field("Credential").ok_or(denied)?;
    let (key_id, scope) = scope.split_once('/').ok_or(denied)?;
    if key_id != KEY_ID {
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        return Err(("InvalidAccessKeyId", message));
    }
    let body = hex::encode(Sha256::digest(&asked.body));
    if asked.header("x-amz-content-sha256") != Some(&body) {
        return Err((
            "XAmzContentSHA256Mismatch",
            "The body is not what was signed",
        ));
    }
    let signed_names = field("SignedHeaders").ok_or(denied)?;
    let moment = asked.header("x-amz-date").ok_or(denied)?;
    let digest = hex::encode(Sha256::digest(canonical(asked, signed_names, &body)));
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for part in scope.split('/') {
        key = keyed(&key, part);
    }
    if field("Signature") != Some(&hex::encode(keyed(&key, &text))) {
        let message = "The request signature we calculated does not match the signature";
        return Err(("SignatureDoesNotMatch", message));
    }
    Ok(())
}

/// What of a request is signed.
fn canonical(asked: &Asked, signed_names: &str, body: &str) -> String {
    let mut headers = String::new();
    for name in signed_names.split(';') {
        let value = asked.header(name).unwrap_or_default().trim();
        let _ = writeln!(headers, "{name}:{value}");
    }
    let pairs = asked.raw_query.split('&').filter(|it| !it.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut query: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    query.sort_unstable();
    let (method, path, query) = (&asked.method, &asked.path, query.join("&"));
    format!("{method}\n{path}\n{query}\n{headers}\n{signed_names}\n{body}")
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
