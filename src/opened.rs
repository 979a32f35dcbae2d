//! Opening what members wrote: noted in the log before anything of it is shown.

use std::sync::Arc;

use meguri_events::{Event, MemberId, OrderRef, SealedTextOpened, SectionRef, ViewOpened, ViewRef};
use meguri_log::{Append, Cause, Condition, Expected, Log, NewEvent, NewSection, StreamName};
use meguri_read_api::evidence::{NotNoted, NoteAccess, Reason, SectionAt};
use uuid::Uuid;

use crate::command_line::{AccessArgs, ViewAccessArgs};
use crate::failure::Failure;

/// Longest name of an operator, in characters.
const NAME_CHARS_MAX: usize = 64;

/// The person who wants to see sealed text, and their reason.
#[derive(Debug)]
pub(crate) struct Access {
    actor: String,
    reason: Reason,
}

/// The person at the command line, as events name them.
///
/// # Errors
/// [`Failure::Access`] where nobody says who it is.
pub(crate) fn operator(by: Option<&str>) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name = by.unwrap_or_default();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Failure::Access(
            "`--by` takes 1 to 64 letters, digits, `-` and `_`",
        ));
    }
    Ok(format!("operator-{name}"))
}

/// Notes what auditors open over HTTP.
pub(crate) fn noting(log: Log) -> NoteAccess {
    Arc::new(move |asked| {
        let log = log.clone();
        Box::pin(async move {
            let (actor, reason) = (asked.by, asked.reason);
            let access = Access { actor, reason };
            let noted = access.record(&log, &asked.sections).await;
            noted.map_err(|failure| NotNoted(failure.to_string()))
        })
    })
}

impl Access {
    /// What the command line says; none where no reason was given.
    ///
    /// # Errors
    /// [`Failure::Access`] where nobody says who it is, or the reason says nothing.
    pub(crate) fn of(args: &AccessArgs) -> Result<Option<Self>, Failure> {
        let Some(reason) = &args.reason else {
            return Ok(None);
        };
        let reason = reason.parse();
        let reason = reason.map_err(|_| Failure::Access("`--reason` takes 1 to 500 characters"))?;
        let actor = operator(args.by.as_deref())?;
        Ok(Some(Self { actor, reason }))
    }

    /// Appends an event for each member whose text is going to be seen, all at once. What is of no
    /// member is not text of anybody, and what is erased is not seen.
    ///
    /// # Errors
    /// [`Failure`]; nothing may be shown then.
    pub(crate) async fn record(&self, log: &Log, opened: &[SectionAt]) -> Result<(), Failure> {
        // Nobody reads what is erased; and nothing could be sealed any more for whom it was of.
        let keys: Vec<&str> = opened.iter().map(|at| at.key.as_str()).collect();
        let destroyed = log.vault().destroyed(&keys).await?;
        let opened = opened.iter().filter(|at| !destroyed.contains(&at.key));
        let opened: Vec<&SectionAt> = opened.collect();
        let mut members: Vec<MemberId> = Vec::new();
        for at in &opened {
            let member = MemberId::from_stream(&at.subject);
            members.extend(member.filter(|member| !members.contains(member)));
        }
        if members.is_empty() {
            return Ok(());
        }
        // What is sealed for a member holds only where that member is not being erased meanwhile.
        let mut conditions = Vec::with_capacity(members.len());
        for member in &members {
            let stream = stream_of(member.stream())?;
            let expected = Expected::Version(log.stream_head(&stream).await?);
            conditions.push(Condition { stream, expected });
        }
        let events = members
            .into_iter()
            .map(|member| self.event(member, &opened));
        let events = events.collect::<Result<_, _>>()?;
        log.append(Append {
            cause: cause(&self.actor),
            events,
            conditions,
            ..Append::default()
        })
        .await?;
        Ok(())
    }

    fn event(&self, member: MemberId, opened: &[&SectionAt]) -> Result<NewEvent, Failure> {
        let own = opened.iter().filter(|at| at.subject == member.stream());
        let sections = own.map(|at| SectionRef::new(at.position.get(), &at.section));
        let sections = sections
            .collect::<Result<_, _>>()
            .map_err(|error| unwritable(&error))?;
        let reason = self.reason.as_str().to_owned().into();
        let event = Event::from(SealedTextOpened {
            member,
            sections,
            reason,
        });
        new_event(stream_of(member.access_stream())?, &event)
    }
}

/// The person who reads rows of views, and their reason.
#[derive(Debug)]
pub(crate) struct ViewAccess {
    actor: String,
    reference: OrderRef,
    copied: bool,
}

impl ViewAccess {
    /// What the command line says; none where no reason was given. Where rows are `copied`, a file
    /// is made of them.
    ///
    /// # Errors
    /// [`Failure::Access`] where nobody says who it is.
    pub(crate) fn of(args: &ViewAccessArgs, copied: bool) -> Result<Option<Self>, Failure> {
        let Some(reference) = args.reason.clone() else {
            return Ok(None);
        };
        let actor = operator(args.by.as_deref())?;
        Ok(Some(Self {
            actor,
            reference,
            copied,
        }))
    }

    /// Appends an event for each of these views, all at once.
    ///
    /// # Errors
    /// [`Failure`]; nothing may be shown then.
    pub(crate) async fn record(&self, log: &Log, views: &[String]) -> Result<(), Failure> {
        let events = views.iter().map(|view| {
            let view: ViewRef = view.parse().map_err(|error| unwritable(&error))?;
            let stream = stream_of(view.access_stream())?;
            let event = Event::from(ViewOpened {
                view,
                copied: self.copied,
                reference: self.reference.clone(),
            });
            new_event(stream, &event)
        });
        let append = Append {
            cause: cause(&self.actor),
            events: events.collect::<Result<_, _>>()?,
            ..Append::default()
        };
        log.append(append).await?;
        Ok(())
    }
}

/// Its cause: a command of its own.
fn cause(actor: &str) -> Cause {
    let command = Some(Uuid::now_v7());
    Cause {
        actor: actor.to_owned(),
        correlation: command,
        causation: command,
        ..Cause::default()
    }
}

fn new_event(stream: StreamName, event: &Event) -> Result<NewEvent, Failure> {
    let encoded = event.encode().map_err(|error| unwritable(&error))?;
    let sealed = encoded.sections.into_iter().map(|section| NewSection {
        section: section.name.into(),
        subject: section.subject,
        class: section.class.into(),
        plaintext: section.plaintext,
    });
    Ok(NewEvent {
        id: Uuid::now_v7(),
        stream,
        event_type: encoded.event_type.into(),
        schema: encoded.schema,
        data: encoded.data,
        sealed: sealed.collect(),
    })
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    Failure::NotNoted(error.to_string())
}

fn stream_of(name: String) -> Result<StreamName, Failure> {
    StreamName::new(name).map_err(|error| Failure::NotNoted(error.to_string()))
}
