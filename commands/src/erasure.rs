//! Erasing what is sealed for a member: first the log says so, then the keys are destroyed, then
//! the log says that. It goes on at any point where it was cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use meguri_domain::Member;
use meguri_events::{Event, KeyClass, KeyRange, MemberEvent, MemberId, Opened, Timestamp};
use meguri_log::{EraseError, Filter, Log, LostKeysError, Position, Recorded, StreamRange};

use crate::handle::{Attempt, Decision, Done, stream};
use crate::member::release_mail;
use crate::policies::destroyer;
use crate::redaction::{self, REDACTED};
use crate::snapshot::{Kept, Snapshot};
use crate::tokens::Account;
use crate::{Caller, CommandError, Commands, Password};

const EVENTS_AT_ONCE: usize = 1_000;
/// The type of the event that says that a member left.
const LEFT: &str = "MemberLeft";

/// What became of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The member's stream. A view that has reached this position holds nothing of what is erased.
    pub done: Done,
    /// What is erased.
    pub erased: Vec<KeyClass>,
    /// What has to be kept for its legal term.
    pub kept: Vec<KeyClass>,
    /// When that term ends.
    pub kept_until: Option<Timestamp>,
    /// Whether the keys are destroyed; otherwise that goes on by itself.
    pub keys_destroyed: bool,
    /// When no backup of the vault brings it back any more, at the latest; none once that is so.
    pub complete_by: Option<Timestamp>,
    /// Whether an operator has to do something for that.
    pub awaits_operator: bool,
}

impl Commands {
    /// Erases what is sealed for a member in these classes; without any, all of it but for what
    /// has to be kept, and the member leaves the community (H01). Asked again it goes on.
    ///
    /// # Errors
    /// [`CommandError::NotFound`], and technical ones. What the log has said is done in any case.
    pub async fn erase(
        &self,
        caller: &Caller,
        classes: &[KeyClass],
    ) -> Result<Erasure, CommandError> {
        let member = caller.id()?;
        let erase = Erase {
            member,
            leaves: classes.is_empty(),
            classes: match classes {
                [] => KeyClass::ALL,
                some => some,
            },
            keep: (!classes.contains(&KeyClass::Money))
                .then_some(self.settings().erasure.keep_money),
        };
        let done = self.run(caller, &erase).await?;
        if let Err(error) = self.finish_erasure(member).await {
            // The log says what is to be done: a policy goes on with it.
            tracing::warn!(%error, "the keys of an erasure are not destroyed yet");
        }
        self.erasure(member, done).await
    }

    /// As [`Commands::erase`], all of oneself; the password is asked for again.
    ///
    /// # Errors
    /// [`CommandError::WrongCredentials`], [`CommandError::TooMany`], and as there.
    pub async fn erase_oneself(
        &self,
        caller: &Caller,
        password: &Password,
    ) -> Result<Erasure, CommandError> {
        let account = Account::of(caller.id()?);
        let hash = self.hash_of(&account).await?;
        if !self.check_password(&account, password, hash).await? {
            return Err(CommandError::WrongCredentials);
        }
        self.erase(caller, &[]).await
    }

    /// Erases what was kept for its legal term.
    pub(crate) async fn erase_kept(&self, caller: &Caller) -> Result<(), CommandError> {
        let erase = Erase {
            member: caller.id()?,
            leaves: false,
            classes: &[KeyClass::Money],
            keep: None,
        };
        self.run(caller, &erase).await.map(drop)
    }

    /// Destroys the keys of every erasure of a member, and says so.
    pub(crate) async fn destroy_keys(&self, caller: &Caller) -> Result<(), CommandError> {
        let (id, vault) = (caller.id()?, self.log().vault());
        let (own, subject) = (stream(id.stream())?, id.stream());
        let snapshot = self.read::<Member>(&own).await?;
        let Some(member) = Member::of(&snapshot.state).and_then(Option::as_ref) else {
            return Err(CommandError::NotFound);
        };
        for keys in member.destroying() {
            let class = keys.class.code();
            vault.destroy_keys(&subject, class, keys.last).await?;
            if !member.has_left() {
                vault.renew_key(&subject, class).await?;
            }
        }
        if member.has_left() {
            vault.lock_out(&subject).await?;
        }
        self.forget(id, member.destroying());
        self.log().empty_erased(&subject).await?;
        self.run(caller, &SayDestroyed { member: id })
            .await
            .map(drop)
    }

    /// Forgets in this process what was sealed under these keys.
    pub(crate) fn forget(&self, member: MemberId, keys: &[KeyRange]) {
        for keys in keys {
            let vault = self.log().vault();
            vault.forget_keys(&member.stream(), keys.class.code(), keys.last);
        }
        self.cache().forget_all();
    }

    /// Does at once what a policy does later: destroys the keys of the last erasure.
    async fn finish_erasure(&self, member: MemberId) -> Result<(), CommandError> {
        let own = stream(member.stream())?;
        let events = self
            .log()
            .read_stream(&own, StreamRange::newest(EVENTS_AT_ONCE))
            .await?;
        let last = events.iter().find(|it| it.event_type() == "MemberErased");
        let Some(Ok(header)) = last.and_then(Recorded::header) else {
            return Ok(());
        };
        let position = last.map_or(Position::ZERO, Recorded::position);
        let caller = destroyer(member, position, header.id, header.correlation);
        self.destroy_keys(&caller).await
    }

    /// How far the erasure of a member is.
    async fn erasure(&self, id: MemberId, done: Done) -> Result<Erasure, CommandError> {
        let (own, subject) = (stream(id.stream())?, id.stream());
        let snapshot = self.read::<Member>(&own).await?;
        let Some(member) = Member::of(&snapshot.state).and_then(Option::as_ref) else {
            return Err(CommandError::NotFound);
        };
        let waits = self.log().vault().unfinished(Some(&subject)).await?;
        let now = Timestamp::from_micros(self.log().clock().now().micros());
        let kept_until = member.kept_until().filter(|until| *until > now);
        let keys_destroyed = member.destroying().is_empty();
        let since = waits.map(|waits| Timestamp::from_micros(waits.since.micros()));
        let since = since.or((!keys_destroyed).then_some(now));
        Ok(Erasure {
            done,
            erased: member.erased_classes().collect(),
            kept: kept_until.map(|_| KeyClass::Money).into_iter().collect(),
            kept_until,
            keys_destroyed,
            complete_by: since.map(|since| after(since, self.settings().erasure.within)),
            awaits_operator: waits.is_some_and(|waits| waits.awaits_operator)
                || (since.is_some() && self.log().vault().key_was_given()),
        })
    }
}

fn after(moment: Timestamp, period: Duration) -> Timestamp {
    let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(moment.as_micros().saturating_add(period))
}

struct Erase<'a> {
    member: MemberId,
    leaves: bool,
    classes: &'a [KeyClass],
    /// How long records of money are kept, if they are.
    keep: Option<Duration>,
}

#[async_trait]
impl Decision for Erase<'_> {
    fn name(&self) -> &'static str {
        "erase"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        // INVARIANT: loaded before the numbers of the keys are asked for. Keys are numbered on
        // only after an erasure, which changes this stream: the append then does not hold.
        let member = attempt.member_to_erase(self.member).await?;
        let own = stream(self.member.stream())?;
        attempt.about(&own);
        let mut events = if self.leaves { member.leave() } else { vec![] };
        if !events.is_empty() || (self.classes.contains(&KeyClass::Contact) && !member.has_left()) {
            release_mail(attempt, &member).await?;
        }
        let numbers: BTreeMap<String, u32> = attempt
            .vault()
            .key_numbers(own.as_str())
            .await?
            .into_iter()
            .collect();
        let newest = |class: KeyClass| numbers.get(class.code()).copied();
        let has_money =
            newest(KeyClass::Money).is_some_and(|last| !member.is_erased(KeyClass::Money, last));
        let keep = self
            .keep
            .filter(|_| has_money && self.classes.contains(&KeyClass::Money));
        let kept: Vec<KeyClass> = keep.map(|_| KeyClass::Money).into_iter().collect();
        // Also one that was never made: somebody may be about to make it.
        let keys = self.classes.iter().map(|class| KeyRange {
            class: *class,
            last: newest(*class).unwrap_or(1),
        });
        let until = keep.map(|period| after(attempt.now(), period));
        events.extend(member.erase(keys, kept, until));
        attempt.record(&own, events);
        Ok(())
    }
}

struct SayDestroyed {
    member: MemberId,
}

#[async_trait]
impl Decision for SayDestroyed {
    fn name(&self) -> &'static str {
        "say_keys_destroyed"
    }

    async fn decide(&self, attempt: &mut Attempt<'_>) -> Result<(), CommandError> {
        let member = attempt.member_to_erase(self.member).await?;
        let own = stream(self.member.stream())?;
        attempt.about(&own);
        attempt.record(&own, member.keys_destroyed());
        Ok(())
    }
}

/// Does again in the vault what the log says was done there, as far as the vault has not heard of
/// it: destroys every key that is erased, takes tokens and password away from everybody who left,
/// and empties again every event that is redacted. After a backup was put back, all of that is in
/// it again. To be called before anything is opened. Answers how many erasures it has heard of.
///
/// # Errors
/// Technical ones; it can be called again.
pub async fn reapply_erasures(log: &Log) -> Result<u64, CommandError> {
    let (vault, head) = (log.vault(), log.head().await?);
    let applied = vault.erasures_applied().await?;
    if applied == Some((head.position, head.tail)) || head.position == Position::ZERO {
        return Ok(0);
    }
    let mut after = match applied {
        Some((position, id)) if id_at(log, position).await? == Some(id) => position,
        // It has heard of another log, or of this one before that was put back.
        Some(_) | None => Position::ZERO,
    };
    let mut filter = Filter::default();
    for event_type in ["MemberErased", LEFT, REDACTED] {
        let wider = filter.event_type(event_type);
        filter = wider.map_err(|error| CommandError::Broken(error.to_string()))?;
    }
    let (mut erasures, mut erased) = (0, BTreeSet::new());
    while after < head.position {
        let block = log.read_all(after, &filter, EVENTS_AT_ONCE).await?;
        for recorded in &block.events {
            match recorded.event_type() {
                REDACTED => redaction::apply(log, recorded).await?,
                LEFT => vault.lock_out(recorded.stream()).await?,
                _ => {
                    let (member, keys) = erased_by(recorded)?;
                    for keys in keys {
                        let (subject, class) = (member.stream(), keys.class.code());
                        vault.destroy_keys(&subject, class, keys.last).await?;
                        erased.insert((subject, class));
                    }
                    erasures += 1;
                }
            }
        }
        if block.up_to <= after {
            break;
        }
        after = block.up_to;
    }
    // Only now: nothing opens that is erased, and its bytes are gone.
    renew(log, &erased).await?;
    vault
        .note_erasures_applied((head.position, head.tail))
        .await?;
    Ok(erasures)
}

/// Lets members who stay go on under new keys of the classes that were erased, unless the vault has
/// lost keys: a new one must not take the number of one of those.
async fn renew(log: &Log, erased: &BTreeSet<(String, &str)>) -> Result<(), CommandError> {
    if erased.is_empty() || !log.lost_keys().await.map_err(lost_keys)?.is_empty() {
        return Ok(());
    }
    for (subject, class) in erased {
        let snapshot = Snapshot::read::<Member>(log, &stream(subject.clone())?).await?;
        let member = Member::of(&snapshot.state).and_then(Option::as_ref);
        if member.is_some_and(|member| !member.has_left()) {
            log.vault().renew_key(subject, class).await?;
        }
    }
    Ok(())
}

/// Reads what is sealed under keys that the vault has lost as erased, for good: it was put back
/// from an older backup, and there is no later one. What is sealed from now on has new keys.
/// Answers how many keys were lost.
///
/// # Errors
/// Technical ones; it can be called again.
pub async fn give_up_lost_keys(log: &Log) -> Result<usize, CommandError> {
    let lost = log.lost_keys().await.map_err(lost_keys)?;
    for key in &lost {
        log.vault()
            .destroy_keys(&key.subject, &key.class, key.n)
            .await?;
        log.vault().renew_key(&key.subject, &key.class).await?;
    }
    Ok(lost.len())
}

fn lost_keys(error: LostKeysError) -> CommandError {
    match error {
        LostKeysError::Log(error) => error.into(),
        LostKeysError::Vault(error) => error.into(),
    }
}

async fn id_at(log: &Log, position: Position) -> Result<Option<uuid::Uuid>, CommandError> {
    let before = Position::new(position.get().saturating_sub(1));
    let block = log.read_all(before, &Filter::default(), 1).await?;
    let event = block
        .events
        .first()
        .filter(|event| event.position() == position);
    // One that was redacted tells none: then everything is heard of again.
    Ok(event
        .and_then(Recorded::header)
        .and_then(Result::ok)
        .map(|header| header.id))
}

fn erased_by(recorded: &Recorded) -> Result<(MemberId, Vec<KeyRange>), CommandError> {
    let broken = |text: String| CommandError::Broken(format!("{}: {text}", recorded.position()));
    let Some(header) = recorded.header() else {
        return Err(broken("an erasure was redacted".to_owned()));
    };
    let header = header.map_err(|error| broken(error.to_string()))?;
    let none: &[(&str, Opened<'_>)] = &[];
    match Event::decode(header.event_type, header.schema, header.data, none) {
        Ok(Event::Member(MemberEvent::MemberErased(erased))) => Ok((erased.member, erased.keys)),
        Ok(_) => Err(broken("not an erasure".to_owned())),
        Err(error) => Err(broken(error.to_string())),
    }
}

impl From<EraseError> for CommandError {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Log(error) => error.into(),
            EraseError::Vault(error) => error.into(),
        }
    }
}

impl Erasure {
    /// All of it in a sentence of each language: Japanese, English.
    pub fn in_words(&self) -> (String, String) {
        let list = |classes: &[KeyClass], name: fn(KeyClass) -> &'static str, between: &str| {
            let names: Vec<_> = classes.iter().map(|class| name(*class)).collect();
            names.join(between)
        };
        let mut ja = vec![format!(
            "消去しました：{}。",
            list(&self.erased, KeyClass::ja, "、")
        )];
        let mut en = vec![format!(
            "Erased: {}.",
            list(&self.erased, KeyClass::en, ", ")
        )];
        if let Some(until) = self.kept_until {
            let kept = list(&self.kept, KeyClass::ja, "、");
            ja.push(format!("法令により{until}まで保存します：{kept}。"));
            let kept = list(&self.kept, KeyClass::en, ", ");
            en.push(format!("Kept until {until}, as the law demands: {kept}."));
        }
        if let Some(by) = self.complete_by {
            ja.push(format!(
                "古いバックアップからも復元できなくなる時刻：遅くとも{by}。"
            ));
            en.push(format!(
                "No old backup brings it back any more from {by} at the latest."
            ));
        } else {
            ja.push("古いバックアップからも復元できません。".to_owned());
            en.push("No old backup brings it back any more.".to_owned());
        }
        if self.awaits_operator {
            ja.push("これには運営者の操作が必要です。".to_owned());
            en.push("That waits for those who run the server.".to_owned());
        }
        (ja.concat(), en.join(" "))
    }
}
