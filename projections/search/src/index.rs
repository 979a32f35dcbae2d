//! An index in a folder: one writer, and snapshots to search in.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tantivy::directory::MmapDirectory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyError, Term};
use uuid::Uuid;

use crate::analyzer::{Analyzer, UserWord};
use crate::document::{Document, Fields, TOKENIZER};
use crate::error::IndexError;
use crate::searcher::Searcher;
use crate::terms::Terms;

/// What the writer collects in memory before it writes a segment, in bytes.
const WRITER_BYTES: usize = 20_000_000;
/// So many segments of about a size are merged to one.
const SEGMENTS_MERGED: usize = 6;
/// Segments of fewer documents count as of one size.
const SMALL_SEGMENT_DOCS: u32 = 5_000;
/// A segment is merged when this share of it is deleted.
const DELETED_SHARE: f32 = 0.3;

/// How often merging everything is tried while other merges run: half a minute.
const MERGE_ATTEMPTS_MAX: u32 = 1_500;
/// How long is waited in between.
const MERGE_PAUSE: Duration = Duration::from_millis(20);

/// An index in a folder. Every call blocks; what is put is found after [`Index::commit`].
pub struct Index {
    folder: PathBuf,
    fields: Arc<Fields>,
    inner: tantivy::Index,
    reader: IndexReader,
    writer: Mutex<Held>,
    /// The last commit, and the analyzer in force.
    current: RwLock<Searcher>,
}

/// What writes. One that has failed once fails for ever, on a disk that was full for a moment, so
/// it is replaced; what it had not committed is put again by who follows.
enum Held {
    Writer(Box<IndexWriter>),
    Failed,
    LetGo,
}

impl Index {
    /// Opens the index in `folder`, or makes one. The folder belongs to one open index at a time.
    pub fn open(folder: &Path, analyzer: Analyzer) -> Result<Self, IndexError> {
        let refused = |source: TantivyError| {
            let folder = folder.to_owned();
            if matches!(source, TantivyError::LockFailure(..)) {
                return IndexError::InUse { folder };
            }
            let source = Box::new(source);
            IndexError::Open { folder, source }
        };
        std::fs::create_dir_all(folder).map_err(|error| refused(error.into()))?;
        let fields = Arc::new(Fields::new());
        let index = open(folder, &fields).map_err(refused)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader = reader.try_into().map_err(refused)?;
        let writer = writer_of(&index).map_err(refused)?;
        let payload = index.load_metas().map_err(refused)?.payload;
        let current = Searcher::new(reader.searcher(), payload, analyzer, Arc::clone(&fields));
        Ok(Self {
            folder: folder.to_owned(),
            fields,
            inner: index,
            reader,
            writer: Mutex::new(Held::Writer(Box::new(writer))),
            current: RwLock::new(current),
        })
    }

    /// What the last commit was told.
    pub fn payload(&self) -> Option<String> {
        self.searcher().payload().map(ToOwned::to_owned)
    }

    /// The documents of the last commit. Later commits do not change it.
    pub fn searcher(&self) -> Searcher {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a document in the place of the one with the same identity, if there is one.
    pub fn put(&self, document: &Document) -> Result<(), IndexError> {
        let analyzer = self.searcher().analyzer().clone();
        let indexed = self.fields.indexed(document, &analyzer);
        self.write(|writer| {
            writer.delete_term(self.identity(document.id));
            writer.add_document(indexed).map_err(IndexError::write)?;
            Ok(())
        })
    }

    /// Removes a document, if there is one.
    pub fn remove(&self, id: Uuid) -> Result<(), IndexError> {
        self.write(|writer| {
            writer.delete_term(self.identity(id));
            Ok(())
        })
    }

    /// Makes all that was put and removed durable, together with `payload`, and shows it to the
    /// searchers from then on. After a crash the index is as of the last commit.
    pub fn commit(&self, payload: &str) -> Result<(), IndexError> {
        self.write(|writer| self.commit_with(writer, payload))
    }

    /// Writes no more: what was committed can be searched, and the folder be opened by others.
    pub fn let_go(&self) {
        *self.writer() = Held::LetGo;
    }

    /// Commits, and leaves nothing of what was removed in any file: everything is merged to one
    /// segment. Searchers taken before keep what they see, in files that are gone.
    pub fn purge(&self, payload: &str) -> Result<(), IndexError> {
        self.write(|writer| {
            // No merge of its own begins any more, and those that run are waited for below.
            writer.set_merge_policy(Box::new(NoMergePolicy));
            let purged = self.purge_with(writer, payload);
            writer.set_merge_policy(Box::new(merge_policy()));
            purged
        })
    }

    fn purge_with(&self, writer: &mut IndexWriter, payload: &str) -> Result<(), IndexError> {
        self.commit_with(writer, payload)?;
        let mut refused = 0;
        loop {
            let segments = self.inner.searchable_segment_metas();
            let segments = segments.map_err(IndexError::write)?;
            let whole = segments.iter().all(|it| it.num_deleted_docs() == 0);
            if segments.len() <= 1 && whole {
                break;
            }
            let ids: Vec<_> = segments.iter().map(tantivy::SegmentMeta::id).collect();
            // A segment that is being merged cannot be: that merge ends, and this is tried again.
            if let Err(error) = writer.merge(&ids).wait() {
                refused += 1;
                if refused == MERGE_ATTEMPTS_MAX {
                    return Err(IndexError::write(error));
                }
                std::thread::sleep(MERGE_PAUSE);
            }
        }
        self.show(payload)?;
        writer
            .garbage_collect_files()
            .wait()
            .map_err(IndexError::write)?;
        Ok(())
    }

    /// Uses other words of the community for what is put and searched from now on.
    pub fn set_words(&self, words: &[UserWord]) -> Result<(), IndexError> {
        let analyzer = self.searcher().analyzer().with_words(words)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = current.with_analyzer(analyzer);
        Ok(())
    }

    /// Reads every file, and compares it with the sum that was written with it.
    pub fn check(&self) -> Result<(), IndexError> {
        let damaged = self.inner.validate_checksum().map_err(IndexError::search)?;
        if damaged.is_empty() {
            return Ok(());
        }
        Err(IndexError::Damaged(damaged.into_iter().collect()))
    }

    /// The files of the last commit that are never changed, only removed.
    pub fn files(&self) -> Result<Vec<PathBuf>, IndexError> {
        let metas = self.inner.load_metas().map_err(IndexError::search)?;
        let files = metas.list_segment_files().into_iter();
        Ok(files.map(|file| self.folder.join(file)).collect())
    }

    fn commit_with(&self, writer: &mut IndexWriter, payload: &str) -> Result<(), IndexError> {
        let mut prepared = writer.prepare_commit().map_err(IndexError::write)?;
        prepared.set_payload(payload);
        prepared.commit().map_err(IndexError::write)?;
        self.show(payload)
    }

    /// Shows the last commit. The writer is held meanwhile: its payload is that of its segments.
    fn show(&self, payload: &str) -> Result<(), IndexError> {
        self.reader.reload().map_err(IndexError::write)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let (fields, analyzer) = (Arc::clone(&self.fields), current.analyzer().clone());
        let payload = Some(payload.to_owned());
        *current = Searcher::new(self.reader.searcher(), payload, analyzer, fields);
        Ok(())
    }

    /// Writes with the writer there is, or with a new one where the last has failed.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut IndexWriter) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let mut held = self.writer();
        if let Held::Failed = *held {
            let writer = writer_of(&self.inner).map_err(IndexError::write)?;
            // The disk may be full of what the last one has left behind.
            let removed = writer.garbage_collect_files().wait();
            removed.map_err(IndexError::write)?;
            *held = Held::Writer(Box::new(writer));
        }
        let Held::Writer(writer) = &mut *held else {
            return Err(IndexError::LetGo);
        };
        let done = work(writer);
        if done.is_err() {
            *held = Held::Failed;
        }
        done
    }

    fn writer(&self) -> MutexGuard<'_, Held> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn identity(&self, id: Uuid) -> Term {
        Term::from_field_bytes(self.fields.id, id.as_bytes())
    }
}

fn open(folder: &Path, fields: &Fields) -> Result<tantivy::Index, TantivyError> {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(TOKENIZER, TextAnalyzer::from(Terms::default()));
    let builder = tantivy::Index::builder()
        .schema(fields.schema.clone())
        .settings(IndexSettings::default())
        .tokenizers(tokenizers);
    builder.open_or_create(MmapDirectory::open(folder)?)
}

fn writer_of(index: &tantivy::Index) -> Result<IndexWriter, TantivyError> {
    let options = IndexWriterOptions::builder()
        .memory_budget_per_thread(WRITER_BYTES)
        .num_worker_threads(1)
        .num_merge_threads(1)
        .build();
    let writer: IndexWriter = index.writer_with_options(options)?;
    writer.set_merge_policy(Box::new(merge_policy()));
    Ok(writer)
}

fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(SEGMENTS_MERGED);
    policy.set_min_layer_size(SMALL_SEGMENT_DOCS);
    policy.set_del_docs_ratio_before_merge(DELETED_SHARE);
    policy
}
