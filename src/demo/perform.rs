//! One act of a story, carried out as a command.

use std::time::Duration;

use meguri_commands::{
    Abort, Agreement, Caller, Cancellation, CommandError, Commands, Done, NewEvaluation,
    NewExchange, NewMember, NewMessage, NewNickname, NewPost, NewTerms, NewThanks, Password,
    PostChanges,
};
use meguri_events::{ExchangeId, MemberId, Mode, NeedId, OfferId, PostId, Prefecture};

use super::community::Person;
use super::ids;
use super::story::{Act, ExchangeAct, PostAct, PostSheet, Side, TermsSheet, Way};

/// How often a command is tried again when the log is busy.
const TRIES_MAX: u32 = 50;
/// The pause before it is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// What a story has made so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Made {
    pub(super) post: Option<PostId>,
    pub(super) exchanges: Vec<ExchangeId>,
}

impl Act {
    /// The act in words, for a message.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Rename(_) => "change the nickname",
            Self::Leave => "leave",
            Self::Post(PostAct::Write(_)) => "post",
            Self::Post(PostAct::Edit { .. }) => "edit a post",
            Self::Post(PostAct::Close) => "close a post",
            Self::Post(PostAct::Reopen) => "reopen a post",
            Self::Exchange(_, ExchangeAct::Open { .. }) => "open an exchange",
            Self::Exchange(_, ExchangeAct::Say { .. }) => "write a message",
            Self::Exchange(_, ExchangeAct::Propose(_)) => "propose terms",
            Self::Exchange(_, ExchangeAct::Agree { .. }) => "agree to terms",
            Self::Exchange(_, ExchangeAct::Cancel { .. }) => "cancel",
            Self::Exchange(_, ExchangeAct::Abort { .. }) => "abort",
            Self::Exchange(_, ExchangeAct::Report) => "report completion",
            Self::Exchange(_, ExchangeAct::Thank { .. }) => "send thanks",
            Self::Exchange(_, ExchangeAct::Evaluate { .. }) => "write an evaluation",
            Self::Exchange(_, ExchangeAct::Retract) => "retract an evaluation",
        }
    }
}

/// Carries an act out; tries again while the log is busy.
pub(super) async fn perform(
    commands: &Commands,
    who: MemberId,
    act: &Act,
    password: Option<&Password>,
    made: &mut Made,
) -> Result<(), CommandError> {
    let mut tries = 1;
    loop {
        match once(commands, who, act, password, made).await {
            Err(CommandError::Busy | CommandError::Conflict) if tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn once(
    commands: &Commands,
    who: MemberId,
    act: &Act,
    password: Option<&Password>,
    made: &mut Made,
) -> Result<(), CommandError> {
    let caller = Caller::member(who);
    match act {
        Act::Register(person) => register(commands, person, who, password).await,
        Act::Rename(nickname) => {
            let new = NewNickname {
                nickname: nickname.clone(),
            };
            commands.change_nickname(&caller, new).await.map(drop)
        }
        Act::Leave => commands.leave(&caller).await.map(drop),
        Act::Post(act) => about_the_post(commands, &caller, act, made).await,
        Act::Exchange(_, ExchangeAct::Open { message, way }) => {
            let post = made.post.ok_or(CommandError::NotFound)?;
            let new = NewExchange {
                message: message.clone(),
                mode: mode(*way),
            };
            let done = commands.open_exchange(&caller, post, new).await?;
            made.exchanges.push(ExchangeId::new(done.id()));
            Ok(())
        }
        Act::Exchange(exchange, act) => {
            let id = made
                .exchanges
                .get(*exchange)
                .copied()
                .ok_or(CommandError::NotFound)?;
            in_the_room(commands, &caller, id, act).await.map(drop)
        }
    }
}

async fn register(
    commands: &Commands,
    person: &Person,
    expected: MemberId,
    password: Option<&Password>,
) -> Result<(), CommandError> {
    let new = NewMember {
        user_name: person.user_name.clone(),
        nickname: person.nickname.clone(),
        mail: person.mail.clone(),
        prefecture: person
            .prefecture
            .and_then(|code| Prefecture::from_code(code).ok()),
    };
    let done = match password {
        Some(password) => {
            commands
                .register_with_password(new, password, None)
                .await?
                .done
        }
        None => commands.register(new, None).await?,
    };
    ids::expect(done.id(), expected)
}

async fn about_the_post(
    commands: &Commands,
    caller: &Caller,
    act: &PostAct,
    made: &mut Made,
) -> Result<(), CommandError> {
    let post = made.post.ok_or(CommandError::NotFound);
    match act {
        PostAct::Write(sheet) => {
            let new = new_post(sheet);
            made.post = Some(match sheet.side {
                Side::Need => NeedId::new(commands.post_need(caller, new).await?.id()).into(),
                Side::Offer => OfferId::new(commands.post_offer(caller, new).await?.id()).into(),
            });
            Ok(())
        }
        PostAct::Edit { description } => {
            let description = Some(description.clone());
            let changes = PostChanges {
                description,
                ..PostChanges::default()
            };
            commands
                .edit_post(caller, post?, changes, None)
                .await
                .map(drop)
        }
        PostAct::Close => commands.close_post(caller, post?).await.map(drop),
        PostAct::Reopen => commands.reopen_post(caller, post?).await.map(drop),
    }
}

async fn in_the_room(
    commands: &Commands,
    caller: &Caller,
    id: ExchangeId,
    act: &ExchangeAct,
) -> Result<Done, CommandError> {
    match act {
        ExchangeAct::Say {
            text,
            keep_negotiating,
            terms_version,
        } => {
            let message = NewMessage {
                text: text.clone(),
                keep_negotiating: *keep_negotiating,
                terms_version: Some(*terms_version),
            };
            commands.post_message(caller, id, message).await
        }
        ExchangeAct::Propose(sheet) => commands.propose_terms(caller, id, new_terms(sheet)).await,
        ExchangeAct::Agree {
            version: terms_version,
        } => {
            let terms_version = *terms_version;
            commands
                .agree(caller, id, Agreement { terms_version })
                .await
        }
        ExchangeAct::Cancel { reason } => {
            let reason = Some(reason.clone());
            commands.cancel(caller, id, Cancellation { reason }).await
        }
        ExchangeAct::Abort { reason } => {
            let reason = reason.clone();
            commands.abort(caller, id, Abort { reason }).await
        }
        ExchangeAct::Report => commands.report_completion(caller, id).await,
        ExchangeAct::Thank { words } => {
            let words = words.clone();
            commands.send_thanks(caller, id, NewThanks { words }).await
        }
        ExchangeAct::Evaluate { words } => {
            let words = words.clone();
            commands
                .write_evaluation(caller, id, NewEvaluation { words })
                .await
        }
        ExchangeAct::Retract => commands.retract_evaluation(caller, id).await,
        // Opened before there is a room.
        ExchangeAct::Open { .. } => Err(CommandError::NotFound),
    }
}

fn new_post(sheet: &PostSheet) -> NewPost {
    NewPost {
        title: sheet.title.clone(),
        description: sheet.description.clone(),
        category: sheet.category,
        tags: sheet.tags.clone(),
        prefecture: Prefecture::from_code(sheet.prefecture).ok(),
        city: Some(sheet.city.clone()),
        online: sheet.online,
        offline: sheet.offline,
        no_return_needed: sheet.no_return_needed,
        wished_return: sheet.wished_return.clone(),
        lat: Some(sheet.lat),
        lon: Some(sheet.lon),
    }
}

fn new_terms(sheet: &TermsSheet) -> NewTerms {
    NewTerms {
        what: sheet.what.clone(),
        when: Some(sheet.when.clone()),
        mode: mode(sheet.way),
        in_return: sheet.in_return.clone(),
    }
}

const fn mode(way: Way) -> Mode {
    match way {
        Way::Online => Mode::Online,
        Way::ByPost => Mode::ByPost,
        Way::InPerson => Mode::InPerson,
    }
}
