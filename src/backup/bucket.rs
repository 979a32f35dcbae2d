//! Objects of a bucket (Amazon S3, MinIO, Garage, R2 and others that speak its protocol), under one
//! prefix: listed, read, written and removed, each request bounded in time.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt as _;
use meguri_log::Timestamp;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error as StoreError, MultipartUpload as _, ObjectStore as _,
    ObjectStoreExt as _, PutMode, PutPayload, RetryConfig, UpdateVersion,
};
use thiserror::Error;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use crate::http_client;
use crate::settings::{BackupSettings, BucketAccess, BucketAddress, Endpoint};

/// What is sent or fetched at once; it is held in memory.
const PIECE_BYTES: u64 = 8 << 20;
/// The most pieces that one object may be made of (Amazon S3 takes 10,000).
const PIECES_MAX: u64 = 9_000;
/// How long it may take to connect.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often one request is tried again.
const RETRIES_MAX: usize = 3;
/// Requests are tried again for so long at most: their signatures end after five minutes.
const RETRIED_FOR_MAX: Duration = Duration::from_mins(4);
/// The most objects that are listed.
const OBJECTS_MAX: usize = 100_000;
/// Of what a store says, so much is told.
const REASON_CHARS_MAX: usize = 300;

/// Why a bucket does not do what it should.
#[derive(Debug, Error)]
pub enum BucketError {
    /// Nobody said as whom the store is to be asked.
    #[error(
        "{0}: nobody says as whom to ask the object store: set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY"
    )]
    NoIdentity(String),
    /// It does not let this identity do that.
    #[error(
        "{address}: the object store refuses these credentials ({reason}): check \
         AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the region, and that they may list, read, \
         write and delete there"
    )]
    Refused {
        /// Which bucket.
        address: String,
        /// What the store said.
        reason: String,
    },
    /// There is no such bucket.
    #[error("{address}: there is no such bucket in this object store ({reason}): make it first")]
    Missing {
        /// Which.
        address: String,
        /// What the store said.
        reason: String,
    },
    /// It is not there, too slow, or gone in the middle.
    #[error("{address}: the object store does not answer: {reason}")]
    Silent {
        /// Which bucket.
        address: String,
        /// What happened.
        reason: String,
    },
    /// Somebody else has written the object meanwhile.
    #[error("{address}: {name} was written by somebody else meanwhile")]
    Changed {
        /// Which bucket.
        address: String,
        /// Which object.
        name: String,
    },
    /// Anything else.
    #[error("{address}: {reason}")]
    Other {
        /// Which bucket.
        address: String,
        /// What happened.
        reason: String,
    },
    /// A file on this side cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// It was told to stop.
    #[error("the program is ending")]
    Stopped,
}

/// An object, as a list tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name, without the prefix.
    pub(crate) name: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// When it was written, by the clock of the store.
    pub(crate) written_at: Timestamp,
}

/// What an object holds, and which version of it that is.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: Option<Version>,
}

/// One version of an object, as the store names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(String);

/// What must be there for an object to be replaced.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// Whatever there is.
    Anything,
    /// Nothing.
    Nothing,
    /// This version.
    Version(Version),
}

/// How long a store may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For one answer.
    pub(crate) answer: Duration,
    /// How often it is asked again.
    pub(crate) retries: usize,
}

/// The objects of a bucket under one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    store: AmazonS3,
    address: BucketAddress,
    stop: CancellationToken,
}

impl Bucket {
    /// The bucket at an address; nothing is asked yet. Requests end when it is told to stop.
    pub(crate) fn new(
        address: &BucketAddress,
        settings: &BackupSettings,
        patience: Option<Patience>,
        stop: CancellationToken,
    ) -> Result<Self, BucketError> {
        let patience = patience.unwrap_or(Patience {
            answer: settings.request_timeout.value.duration(),
            retries: RETRIES_MAX,
        });
        let store = store(address, &settings.access, patience)?;
        let address = address.clone();
        Ok(Self {
            store,
            address,
            stop,
        })
    }

    /// The address, for people.
    pub(crate) fn address(&self) -> &BucketAddress {
        &self.address
    }

    /// Every object under the prefix, in no order.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, BucketError> {
        let prefix = &self.address.prefix;
        let root = Key::from(prefix.as_str());
        let root = (!prefix.is_empty()).then_some(&root);
        let mut found = Vec::new();
        let mut pages = self.store.list(root);
        while let Some(object) = self.asked(pages.try_next()).await? {
            let name = object.location.as_ref();
            let name = name.strip_prefix(prefix.as_str()).unwrap_or(name);
            found.push(Listed {
                name: name.trim_start_matches('/').to_owned(),
                bytes: object.size,
                written_at: Timestamp::from_micros(object.last_modified.timestamp_micros()),
            });
            if found.len() > OBJECTS_MAX {
                return Err(self.other(format!(
                    "there are more than {OBJECTS_MAX} objects: give backups a prefix of their own"
                )));
            }
        }
        Ok(found)
    }

    /// What a small object holds; none where there is none.
    pub(crate) async fn read(
        &self,
        name: &str,
        bytes_max: usize,
    ) -> Result<Option<Held>, BucketError> {
        let (key, asked) = (self.key(name), CancellationToken::clone(&self.stop));
        let found = asked
            .run_until_cancelled(self.store.get(&key))
            .await
            .ok_or(BucketError::Stopped)?;
        let found = match found {
            Err(error) if is_missing_object(&error) => return Ok(None),
            found => found.map_err(|error| self.said(&error))?,
        };
        if found.meta.size > bytes_max as u64 {
            return Err(self.other(format!("{name} has more than {bytes_max} bytes")));
        }
        let version = found.meta.e_tag.clone().map(Version);
        let bytes = self.asked(found.bytes()).await?.to_vec();
        Ok(Some(Held { bytes, version }))
    }

    /// Writes a small object, if what is there is what is expected. Answers its version.
    pub(crate) async fn write(
        &self,
        name: &str,
        bytes: Vec<u8>,
        expected: Expected,
    ) -> Result<Option<Version>, BucketError> {
        let mode = match expected {
            Expected::Anything => PutMode::Overwrite,
            Expected::Nothing => PutMode::Create,
            Expected::Version(Version(e_tag)) => PutMode::Update(UpdateVersion {
                e_tag: Some(e_tag),
                version: None,
            }),
        };
        let key = self.key(name);
        let put = self.store.put_opts(&key, bytes.into(), mode.into());
        let put = self.stop.run_until_cancelled(put).await;
        match put.ok_or(BucketError::Stopped)? {
            Ok(put) => Ok(put.e_tag.map(Version)),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                Err(BucketError::Changed {
                    address: self.address.to_string(),
                    name: name.to_owned(),
                })
            }
            Err(error) => Err(self.said(&error)),
        }
    }

    /// Sends a file, piece by piece: there is the whole object afterwards, or none of that name.
    pub(crate) async fn send(&self, from: &Path, name: &str) -> Result<(), BucketError> {
        let mut file = File::open(from).await?;
        let length = file.metadata().await?.len();
        let piece = PIECE_BYTES.max(length.div_ceil(PIECES_MAX));
        let key = self.key(name);
        if length <= piece {
            let bytes = next_piece(&mut file, piece).await?;
            self.asked(self.store.put(&key, bytes.into())).await?;
            return Ok(());
        }
        let mut upload = self.asked(self.store.put_multipart(&key)).await?;
        let sent = async {
            loop {
                let bytes = next_piece(&mut file, piece).await?;
                if bytes.is_empty() {
                    break;
                }
                let part = upload.put_part(PutPayload::from(bytes));
                self.asked(part).await?;
            }
            self.asked(upload.complete()).await
        };
        let Err(error) = sent.await else {
            return Ok(());
        };
        // A store may keep, and charge for, pieces of what was never completed.
        if let Err(error) = upload.abort().await {
            let error = self.said(&error);
            tracing::warn!(%error, "pieces of an upload that failed may be left in the bucket");
        }
        Err(error)
    }

    /// Fetches an object of this length into a new file, piece by piece.
    pub(crate) async fn fetch(
        &self,
        name: &str,
        length: u64,
        to: &Path,
    ) -> Result<bool, BucketError> {
        let (key, mut file) = (self.key(name), File::create_new(to).await?);
        let mut at = 0;
        while at < length {
            let end = length.min(at + PIECE_BYTES);
            let piece = self.store.get_range(&key, at..end);
            let piece = self.stop.run_until_cancelled(piece).await;
            let piece = match piece.ok_or(BucketError::Stopped)? {
                Err(error) if is_missing_object(&error) => return Ok(false),
                piece => piece.map_err(|error| self.said(&error))?,
            };
            if piece.is_empty() {
                break;
            }
            file.write_all(&piece).await?;
            at += piece.len() as u64;
        }
        file.sync_all().await?;
        Ok(true)
    }

    /// Removes an object, if it is there.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), BucketError> {
        let key = self.key(name);
        let removed = self.stop.run_until_cancelled(self.store.delete(&key)).await;
        match removed.ok_or(BucketError::Stopped)? {
            Err(error) if !is_missing_object(&error) => Err(self.said(&error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn key(&self, name: &str) -> Key {
        let prefix = &self.address.prefix;
        let slash = if prefix.is_empty() { "" } else { "/" };
        Key::from(format!("{prefix}{slash}{name}"))
    }

    /// The answer to a request, unless it is told to stop before.
    async fn asked<T>(
        &self,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, BucketError> {
        let answer = self.stop.run_until_cancelled(request).await;
        let answer = answer.ok_or(BucketError::Stopped)?;
        answer.map_err(|error| self.said(&error))
    }

    fn other(&self, reason: String) -> BucketError {
        BucketError::Other {
            address: self.address.to_string(),
            reason,
        }
    }

    /// What went wrong, in one sentence.
    fn said(&self, error: &StoreError) -> BucketError {
        let (address, reason) = (self.address.to_string(), in_words(error));
        if is_silence(error) {
            return BucketError::Silent { address, reason };
        }
        let is_refused = matches!(
            error,
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }
        );
        if is_refused {
            return BucketError::Refused { address, reason };
        }
        if matches!(error, StoreError::NotFound { .. }) && !is_missing_object(error) {
            return BucketError::Missing { address, reason };
        }
        BucketError::Other { address, reason }
    }
}

/// The next bytes of a file, as many as there are up to these.
async fn next_piece(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    file.take(bytes).read_to_end(&mut piece).await?;
    Ok(piece)
}

fn store(
    address: &BucketAddress,
    access: &BucketAccess,
    patience: Patience,
) -> Result<AmazonS3, BucketError> {
    http_client::use_ring();
    let path_style = access.path_style.value;
    let endpoint = access.endpoint.value.as_ref();
    if endpoint.is_some() && access.identity.value.is_unknown() {
        return Err(BucketError::NoIdentity(address.to_string()));
    }
    let options = ClientOptions::new()
        .with_timeout(patience.answer)
        .with_connect_timeout(CONNECT_WAIT_MAX.min(patience.answer))
        .with_allow_http(endpoint.is_some_and(Endpoint::is_plain));
    let retry = RetryConfig {
        max_retries: patience.retries,
        retry_timeout: RETRIED_FOR_MAX,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&address.bucket)
        .with_virtual_hosted_style_request(!path_style)
        // Not every store knows how to remove several at once.
        .with_disable_bulk_delete(true)
        .with_client_options(options)
        .with_retry(retry);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.of_bucket(&address.bucket, path_style));
    }
    if let Some(region) = &access.region.value {
        builder = builder.with_region(region);
    }
    for (name, value) in access.identity.value.variables() {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    builder.build().map_err(|error| BucketError::Other {
        address: address.to_string(),
        reason: in_words(&error),
    })
}

/// Whether it is the object that is not there, and not the bucket.
fn is_missing_object(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// Whether nobody has answered, too late, or not to the end.
fn is_silence(error: &StoreError) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            let kind = error.kind();
            return !matches!(kind, HttpErrorKind::Decode);
        }
        next = error.source();
    }
    false
}

/// What a store has said, in one line: its own words where it answered, or the innermost reason.
fn in_words(error: &StoreError) -> String {
    let whole = error.to_string();
    let between = |from: &str, to: &str| {
        let (_, rest) = whole.split_once(from)?;
        Some(rest.split_once(to)?.0.trim().to_owned())
    };
    let code = between("<Code>", "</Code>");
    let said = match (code, between("<Message>", "</Message>")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        (None, _) => innermost(error),
    };
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_CHARS_MAX).collect()
}

fn innermost(error: &StoreError) -> String {
    let (mut said, mut next) = (error.to_string(), error.source());
    while let Some(inner) = next {
        said = inner.to_string();
        next = inner.source();
    }
    said
}
