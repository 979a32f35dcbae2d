//! Gathering evidence from the log: first what it is made of, then, once that is allowed and noted,
//! what is opened of it.

use std::collections::HashSet;

use meguri_events::ExchangeId;
use meguri_evidence::{Disclosed, Evidence, Kept, NotABundle, Proven, Zip};
use meguri_log::{
    Log, OpenSealError, Position, PublishedError, ReadError, Recorded, ShownSection,
    SignedCheckpoint, StreamName,
};
use meguri_proofs::VerifierKey;

use super::choice::{Choice, SectionAt};
use super::related;

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// There is no such exchange.
    #[error("there is no such exchange")]
    NoExchange,
    /// The log was never published, so that nothing can be proven yet.
    #[error("this log was never published")]
    NeverPublished,
    /// It is not published far enough.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The exchange has no such sealed section.
    #[error("the exchange has no sealed section {0}")]
    NoSection(String),
    /// A section does not open.
    #[error(transparent)]
    Seal(#[from] OpenSealError),
    /// It was not made to its end.
    #[error("the bundle broke off: {0}")]
    BrokeOff(String),
    /// It is more than anybody reads.
    #[error(transparent)]
    TooLarge(#[from] NotABundle),
}

/// A bundle that is ready to be written.
#[derive(Debug)]
pub struct Made {
    /// Its bytes, made while they are written.
    pub zip: Zip,
    /// How many sections it discloses.
    pub disclosed: usize,
    /// How many of its sections were erased, as it shows.
    pub erased: usize,
}

/// All that is evidence of an exchange, with everything that is sealed still closed.
#[derive(Debug)]
pub struct Gathered {
    about: String,
    /// In the order of positions.
    events: Vec<Recorded>,
    checkpoint: SignedCheckpoint,
    key: VerifierKey,
}

impl Gathered {
    /// Gathers what the last checkpoint covers of an exchange.
    ///
    /// # Errors
    /// [`GatherError`].
    pub async fn of(log: &Log, exchange: ExchangeId) -> Result<Self, GatherError> {
        let about = exchange.stream();
        let stream = StreamName::new(about.as_str()).map_err(|_| GatherError::NoExchange)?;
        let (checkpoint, key) = (log.latest_checkpoint().await?, log.verifier().await?);
        let (Some(checkpoint), Some(key)) = (checkpoint, key) else {
            return Err(GatherError::NeverPublished);
        };
        let published = checkpoint.tree.size;
        let mut events = related::whole(log, &stream, published).await?;
        if events.is_empty() {
            if log.stream_head(&stream).await?.get() == 0 {
                return Err(GatherError::NoExchange);
            }
            return Err(PublishedError::NotYet { published }.into());
        }
        let causes = related::causes(log, &events, published).await?;
        events.extend(causes);
        events.sort_by_key(Recorded::position);
        Ok(Self {
            about,
            events,
            checkpoint,
            key,
        })
    }

    /// The stream that it is about.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// How many events it has, those that led to the exchange's included.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// The sealed sections that a choice names, in the order of positions.
    ///
    /// # Errors
    /// [`GatherError::NoSection`] where it names one that is not there.
    pub fn chosen(&self, choice: &Choice) -> Result<Vec<SectionAt>, GatherError> {
        let all = SectionAt::of(&self.events)?;
        let Choice::These(these) = choice else {
            return Ok(all);
        };
        let names = |(position, section): &(Position, Option<String>), at: &SectionAt| {
            at.position == *position && section.as_ref().is_none_or(|it| *it == at.section)
        };
        if let Some((position, section)) = these
            .iter()
            .find(|named| !all.iter().any(|at| names(named, at)))
        {
            let section = section
                .as_ref()
                .map_or(String::new(), |it| format!("/{it}"));
            return Err(GatherError::NoSection(format!("{position}{section}")));
        }
        let chosen = all
            .into_iter()
            .filter(|at| these.iter().any(|named| names(named, at)));
        Ok(chosen.collect())
    }

    /// The bundle in which these sections are open; the same bytes whenever it is made of the same
    /// log. What was erased stays closed, is told in it, and comes with what tells of its erasure.
    ///
    /// # Errors
    /// [`GatherError`].
    pub async fn bundle(self, log: &Log, open: &[SectionAt]) -> Result<Made, GatherError> {
        let wanted: HashSet<(Position, &str)> = open
            .iter()
            .map(|at| (at.position, at.section.as_str()))
            .collect();
        let (mut events, mut closed, mut disclosed_all) = (Vec::new(), Vec::new(), 0);
        for event in &self.events {
            let mut disclosed = Vec::new();
            let header = event.header().transpose().map_err(ReadError::from)?;
            for listed in header.iter().flat_map(|header| &header.sealed) {
                let shown = if wanted.contains(&(event.position(), listed.section)) {
                    log.show_section(event, listed.section).await?
                } else {
                    None
                };
                let (key, section) = (listed.key.to_owned(), listed.section.to_owned());
                if let Some(shown) = shown {
                    disclosed.push(opened(section, shown));
                } else {
                    closed.push((event.position().get(), key, section));
                }
            }
            disclosed_all += disclosed.len();
            events.push((event, disclosed));
        }
        let size = self.checkpoint.tree.size;
        let (mut erasures, erased) = related::erasures(log, &closed, size).await?;
        erasures.extend(related::redactions(log, &self.events, size).await?);
        erasures.sort_by_key(Recorded::position);
        let erasures = erasures.iter().map(|event| (event, Vec::new()));
        let evidence = Evidence {
            about: self.about.clone(),
            events: self.proven(log, events).await?,
            erasures: self.proven(log, erasures.collect()).await?,
            erased,
            checkpoint: self.checkpoint.note.clone(),
            key: self.key.clone(),
        };
        let (disclosed, erased) = (disclosed_all, evidence.erased.len());
        // Everything that it is made of is in it now.
        drop(self);
        let zip = tokio::task::spawn_blocking(move || evidence.into_zip()).await;
        Ok(Made {
            zip: zip.map_err(|error| GatherError::BrokeOff(error.to_string()))??,
            disclosed,
            erased,
        })
    }

    /// Events with what proves them.
    async fn proven(
        &self,
        log: &Log,
        events: Vec<(&Recorded, Vec<Disclosed>)>,
    ) -> Result<Vec<Proven>, GatherError> {
        let positions: Vec<Position> = events.iter().map(|(event, _)| event.position()).collect();
        let blinds = log.blinds(&positions).await?;
        let mut proven = Vec::with_capacity(events.len());
        for ((event, disclosed), blind) in events.into_iter().zip(blinds) {
            let kept = match (event.header_text(), blind) {
                (Some(header), Some(blind)) => {
                    let header = header.to_owned();
                    Kept::Whole {
                        header,
                        blind,
                        disclosed,
                    }
                }
                _ => Kept::Redacted {
                    entry: *event.entry(),
                },
            };
            let size = self.checkpoint.tree.size;
            let proof = log.inclusion_proof(event.position(), size).await?;
            let position = event.position().get();
            proven.push(Proven {
                position,
                kept,
                proof,
            });
        }
        Ok(proven)
    }
}

fn opened(section: String, shown: ShownSection) -> Disclosed {
    Disclosed {
        section,
        plaintext: shown.plaintext,
        salt: shown.salt,
    }
}
