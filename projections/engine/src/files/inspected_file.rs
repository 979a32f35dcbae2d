//! A file of a view at one moment, alone or beside the one that it is compared with; it is only
//! read.

use std::path::{Path, PathBuf};

use meguri_log::{Log, Position, answered};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    files::{
        certificate::Certificate,
        compare::{self, ATTACHED, OPENED, TableDiff},
        error::ProofError,
        integrity,
        mismatch::Mismatch,
        parked::{self, Parked},
        proof, rescan,
    },
    folding::{digest::Content, row::TableError, view::AnyView},
};

/// A file, and perhaps another one.
pub struct InspectedFile {
    /// Where the first one is.
    pub database: PathBuf,
    connection: SqliteConnection,
    /// Whether everything is read as of one moment.
    begun: bool,
}

/// What a file holds at its moment.
pub struct Looked {
    /// Where it stands.
    pub position: Position,
    /// What its rows sum up to.
    pub content: Content,
    /// How it is not what it should be.
    pub mismatch: Option<Mismatch>,
}

impl InspectedFile {
    /// Opens the first file.
    ///
    /// # Errors
    /// [`TableError`] where there is none, or it cannot be read.
    pub async fn open(database: PathBuf) -> Result<Self, TableError> {
        // Beside a file that nobody has open, reading it would leave a journal and its index.
        let is_beside = |end: &str| {
            let mut name = database.as_os_str().to_owned();
            name.push(end);
            std::fs::metadata(name).is_ok_and(|it| it.len() > 0)
        };
        let is_open = is_beside("-wal") || is_beside("-shm");
        let options = SqliteConnectOptions::new()
            .filename(&database)
            .read_only(true)
            .immutable(!is_open);
        Ok(Self {
            connection: SqliteConnection::connect_with(&options).await?,
            database,
            begun: false,
        })
    }

    /// From the next read on, everything is read as of that moment; where it has begun, it goes
    /// on. It lasts even where the file is removed meanwhile.
    pub async fn begin(&mut self) -> Result<(), TableError> {
        if !self.begun {
            self.run("begin").await?;
            self.begun = true;
        }
        Ok(())
    }

    /// Lets the moment go.
    pub async fn end(&mut self) -> Result<(), TableError> {
        self.begun = false;
        self.run("rollback").await
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), TableError> {
        sqlx::raw_sql(statement)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// What the first file says of itself, and of which view it is.
    pub async fn certificate(&mut self) -> Result<(String, Certificate), TableError> {
        let (certificate, _) = Certificate::read(&mut self.connection).await?;
        let view = sqlx::query_scalar("select view from certificate");
        Ok((view.fetch_one(&mut self.connection).await?, certificate))
    }

    /// The streams that the first file goes on without.
    pub async fn parked(&mut self) -> Result<Parked, TableError> {
        Ok(parked::read(&mut self.connection).await?)
    }

    /// Where the first file stands.
    pub async fn position(&mut self) -> Result<Position, TableError> {
        Ok(self.certificate().await?.1.position())
    }

    /// Compares what the first file has consumed with the log's own root, and all its rows with
    /// what it says of them.
    ///
    /// # Errors
    /// [`ProofError`] where nothing was proven.
    pub async fn look(&mut self, view: &dyn AnyView, log: &Log) -> Result<Looked, ProofError> {
        match answered(self.scan(view)).await {
            Ok((certificate, content)) => {
                let mut mismatch = proof::of_tree(&certificate, log).await?;
                if mismatch.is_none() {
                    mismatch = proof::of_rows(&certificate, &content);
                }
                let position = certificate.position();
                Ok(Looked {
                    position,
                    content,
                    mismatch,
                })
            }
            Err(error) => {
                let reason = proof::damage(&error).ok_or(error)?;
                Ok(Looked {
                    position: Position::ZERO,
                    content: Content::default(),
                    mismatch: Some(Mismatch::Damaged { reason }),
                })
            }
        }
    }

    async fn scan(&mut self, view: &dyn AnyView) -> Result<(Certificate, Content), TableError> {
        let (_, certificate) = self.certificate().await?;
        let content = rescan::content(&mut self.connection, view).await?;
        Ok((certificate, content))
    }

    /// Whether the pages of the first file are whole, and its tables and indexes agree.
    ///
    /// # Errors
    /// [`TableError`] where that was not found out.
    pub async fn integrity(&mut self) -> Result<Option<Mismatch>, TableError> {
        integrity::of_file(&mut self.connection).await
    }

    /// Compares the rows with those of a second file, which nobody writes.
    ///
    /// # Errors
    /// [`TableError`] where one of them cannot be read.
    pub async fn differences(
        &mut self,
        second: &Path,
        samples: usize,
    ) -> Result<Vec<TableDiff>, TableError> {
        self.attach(second).await?;
        compare::files(&mut self.connection, [OPENED, ATTACHED], samples).await
    }

    /// The same seen from a second file that takes the place of the first, without samples.
    ///
    /// # Errors
    /// [`TableError`] where one of them cannot be read.
    pub async fn changes(&mut self, second: &Path) -> Result<Vec<TableDiff>, TableError> {
        self.attach(second).await?;
        compare::files(&mut self.connection, [ATTACHED, OPENED], 0).await
    }

    async fn attach(&mut self, second: &Path) -> Result<(), TableError> {
        let path = second.to_str().ok_or_else(|| {
            let reason = format!("{} is no text", second.display());
            sqlx::Error::Configuration(reason.into())
        })?;
        sqlx::query(sqlx::AssertSqlSafe(format!("attach ? as {ATTACHED}")))
            .bind(path)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }
}
