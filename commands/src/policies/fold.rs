//! What each event means to the book of the policies.

use meguri_events::{
    Event, ExchangeEvent, KeyClass, KeyRange, KeysDestroyed, MemberErased, MemberEvent, MemberId,
    Opened, PostEvent,
};
use meguri_log::{Header, Recorded};
use sqlx::SqliteConnection;

use super::PolicyError;

/// Keys of a member under which nothing is to be known any more.
pub(super) type Erased = (MemberId, Vec<KeyRange>);

pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Folds one event into the book. Answers what it erases.
pub(super) async fn fold_one(
    book: &mut SqliteConnection,
    recorded: &Recorded,
) -> Result<Option<Erased>, PolicyError> {
    let bad = |text: String| PolicyError::Event {
        position: recorded.position(),
        text,
    };
    // A redacted event tells nothing; the commands find its stream frozen.
    let Some(header) = recorded.header() else {
        return Ok(None);
    };
    let header = header.map_err(|error| bad(error.to_string()))?;
    // What is sealed is of no concern here, so no key is asked for.
    let sealed: Vec<_> = header
        .sealed
        .iter()
        .map(|sealed| (sealed.section, Opened::Erased))
        .collect();
    let data = header.data;
    let event = Event::decode(header.event_type, header.schema, data, &sealed)
        .map_err(|error| bad(error.to_string()))?;
    let position = sql(recorded.position().get());
    match event {
        Event::Member(MemberEvent::MemberLeft(left)) => {
            insert_departed(book, left.member, position, &header).await?;
        }
        Event::Member(MemberEvent::MemberErased(erased)) => {
            insert_erasing(book, &erased, position, &header).await?;
            return Ok(Some((erased.member, erased.keys)));
        }
        Event::Member(MemberEvent::KeysDestroyed(destroyed)) => {
            finish_erasing(book, &destroyed).await?;
            return Ok(Some((destroyed.member, destroyed.keys)));
        }
        Event::Post(event) => fold_post(book, header.stream, &event).await?,
        Event::Exchange(event) => fold_exchange(book, &header, position, &event).await?,
        Event::Member(_)
        | Event::Claim(_)
        | Event::Access(_)
        | Event::Redaction(_)
        | Event::Vocabulary(_)
        | Event::Block(_)
        | Event::Match(_) => {}
    }
    Ok(None)
}

async fn insert_erasing(
    book: &mut SqliteConnection,
    erased: &MemberErased,
    position: i64,
    header: &Header<'_>,
) -> Result<(), sqlx::Error> {
    let (id, correlation) = (
        header.id.to_string(),
        header.correlation.map(|id| id.to_string()),
    );
    let member = erased.member.stream();
    sqlx::query("insert into erasing values ($1, $2, $3, $4) on conflict do nothing")
        .bind(&id)
        .bind(&member)
        .bind(position)
        .bind(&correlation)
        .execute(&mut *book)
        .await?;
    if erased.keys.iter().any(|keys| keys.class == KeyClass::Money) {
        sqlx::query("delete from kept where member = $1")
            .bind(&member)
            .execute(&mut *book)
            .await?;
    }
    if let Some(until) = erased.kept_until {
        sqlx::query("insert or replace into kept values ($1, $2, $3, $4, $5)")
            .bind(&member)
            .bind(until.as_micros())
            .bind(position)
            .bind(&id)
            .bind(&correlation)
            .execute(book)
            .await?;
    }
    Ok(())
}

/// All erasures of a member that came before are done at once.
async fn finish_erasing(
    book: &mut SqliteConnection,
    destroyed: &KeysDestroyed,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from erasing where member = $1")
        .bind(destroyed.member.stream())
        .execute(book)
        .await?;
    Ok(())
}

async fn fold_post(
    book: &mut SqliteConnection,
    stream: &str,
    event: &PostEvent,
) -> Result<(), sqlx::Error> {
    match event {
        PostEvent::NeedPosted(e) => hold(book, e.by, stream).await,
        PostEvent::NeedReopened(e) => hold(book, e.by, stream).await,
        PostEvent::OfferPosted(e) => hold(book, e.by, stream).await,
        PostEvent::OfferReopened(e) => hold(book, e.by, stream).await,
        PostEvent::NeedClosed(_) | PostEvent::OfferClosed(_) => let_go(book, stream).await,
        PostEvent::NeedEdited(_) | PostEvent::OfferEdited(_) => Ok(()),
    }
}

async fn fold_exchange(
    book: &mut SqliteConnection,
    header: &Header<'_>,
    position: i64,
    event: &ExchangeEvent,
) -> Result<(), sqlx::Error> {
    let stream = header.stream;
    match event {
        ExchangeEvent::ExchangeRequested(e) => {
            hold(book, e.requester, stream).await?;
            hold(book, e.owner, stream).await
        }
        ExchangeEvent::ExchangeApplied(e) => {
            hold(book, e.applicant, stream).await?;
            hold(book, e.poster, stream).await
        }
        ExchangeEvent::ExchangeCancelled(_)
        | ExchangeEvent::ExchangeAborted(_)
        | ExchangeEvent::ExchangeCompleted(_) => {
            sqlx::query("delete from reported where exchange = $1")
                .bind(stream)
                .execute(&mut *book)
                .await?;
            let_go(book, stream).await
        }
        ExchangeEvent::CompletionReported(e) => {
            let insert = sqlx::query(
                "insert into reported \
                 (exchange, silent, reported_at, position, event, correlation) \
                 values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
            );
            let insert = insert.bind(stream).bind(e.partner.stream());
            let insert = insert.bind(e.reported_at.as_micros()).bind(position);
            let insert = insert.bind(header.id.to_string());
            insert
                .bind(header.correlation.map(|id| id.to_string()))
                .execute(book)
                .await?;
            Ok(())
        }
        ExchangeEvent::CompletionReminded(_) => {
            let update = sqlx::query("update reported set reminded = 1 where exchange = $1");
            update.bind(stream).execute(book).await?;
            Ok(())
        }
        ExchangeEvent::MessagePosted(_)
        | ExchangeEvent::TermsProposed(_)
        | ExchangeEvent::TermsAgreed(_)
        | ExchangeEvent::ExchangeStarted(_)
        | ExchangeEvent::EvaluationWritten(_)
        | ExchangeEvent::EvaluationRetracted(_)
        | ExchangeEvent::ThanksSent(_) => Ok(()),
    }
}

async fn insert_departed(
    book: &mut SqliteConnection,
    member: MemberId,
    position: i64,
    header: &Header<'_>,
) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "insert into departed (member, position, event, correlation) values ($1, $2, $3, $4) \
         on conflict do nothing",
    );
    let insert = insert
        .bind(member.stream())
        .bind(position)
        .bind(header.id.to_string());
    insert
        .bind(header.correlation.map(|id| id.to_string()))
        .execute(book)
        .await?;
    Ok(())
}

async fn hold(book: &mut SqliteConnection, by: MemberId, stream: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("insert into held values ($1, $2) on conflict do nothing");
    insert.bind(by.stream()).bind(stream).execute(book).await?;
    Ok(())
}

async fn let_go(book: &mut SqliteConnection, stream: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from held where stream = $1")
        .bind(stream)
        .execute(book)
        .await?;
    Ok(())
}
