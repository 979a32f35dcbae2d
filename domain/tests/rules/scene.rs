//! The people of these tests, and what has happened between them.

use meguri_domain::{
    ActiveMember, Aggregate, Blocking, Description, Exchange, Mail, Member, MessageText, Nickname,
    Opening, Post, PostContent, Reason, Registration, ReturnText, Tags, Terms, Title, UserName,
    WhatText, Words,
};
use meguri_events::{
    Category, CompletionReported, ExchangeCompleted, ExchangeEvent, ExchangeId, ExchangeStarted,
    MemberEvent, MemberId, Mode, Modes, NeedId, OfferId, PostEvent, PostId, Prefecture,
    TermsAgreed, Timestamp,
};
use std::time::Duration;
use uuid::Uuid;

/// Owns the Offer, posted the Need: was asked, and has the right to decide.
pub(crate) const ASKED: MemberId = MemberId::new(Uuid::from_u128(1));
/// Requests, or applies: opened the exchange.
pub(crate) const OPENER: MemberId = MemberId::new(Uuid::from_u128(2));
/// Has nothing to do with it.
pub(crate) const STRANGER: MemberId = MemberId::new(Uuid::from_u128(3));

pub(crate) const OFFER: OfferId = OfferId::new(Uuid::from_u128(11));
pub(crate) const NEED: NeedId = NeedId::new(Uuid::from_u128(12));
pub(crate) const EXCHANGE: ExchangeId = ExchangeId::new(Uuid::from_u128(13));

pub(crate) const ALL_MODES: Modes = Modes {
    online: true,
    offline: true,
};

/// The moment at which things happen unless a test says otherwise.
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_795_244_523_000_000);

pub(crate) fn days_later(days: u64) -> Timestamp {
    NOW.plus(Duration::from_hours(24 * days))
}

pub(crate) fn registered(member: MemberId) -> Vec<MemberEvent> {
    registered_in(member, None)
}

pub(crate) fn registered_in(member: MemberId, prefecture: Option<Prefecture>) -> Vec<MemberEvent> {
    let registration = Registration {
        user_name: UserName::parse("hanako").unwrap(),
        nickname: Nickname::parse("花子").unwrap(),
        mail: Mail::parse("hanako@example.jp").unwrap(),
        prefecture,
    };
    Member::register(member, registration)
}

pub(crate) fn member(id: MemberId) -> Member {
    Member::replay(&registered(id)).unwrap()
}

/// A member who has left.
pub(crate) fn who_left(id: MemberId) -> Member {
    let mut events = registered(id);
    events.extend(member(id).leave());
    Member::replay(&events).unwrap()
}

pub(crate) fn acting(id: MemberId) -> ActiveMember {
    member(id).acting().unwrap()
}

pub(crate) fn content(modes: Modes, no_return_needed: bool) -> PostContent {
    PostContent {
        title: Title::parse("自転車の修理").unwrap(),
        description: Description::parse("パンクを直します").unwrap(),
        category: Category::Repair,
        tags: Tags::parse(&["自転車"]).unwrap(),
        prefecture: None,
        city: None,
        modes,
        no_return_needed,
        wished_return: None,
        place: None,
    }
}

pub(crate) fn posted(post: impl Into<PostId>) -> Vec<PostEvent> {
    posted_with(post, ALL_MODES, false)
}

pub(crate) fn posted_with(
    post: impl Into<PostId>,
    modes: Modes,
    no_return_needed: bool,
) -> Vec<PostEvent> {
    Post::write(post.into(), acting(ASKED), content(modes, no_return_needed)).unwrap()
}

/// Opens an exchange in this mode on what was posted.
pub(crate) fn opened(posted: &[PostEvent], mode: Mode) -> Vec<ExchangeEvent> {
    let post = Post::replay(posted).unwrap();
    let (author, opener) = (member(ASKED), acting(OPENER));
    let message = message("お願いします");
    Exchange::open(Opening {
        exchange: EXCHANGE,
        post: &post,
        author: &author,
        opener,
        blocking: &Blocking::default(),
        mode,
        message,
    })
    .unwrap()
}

/// Negotiating, by request on an Offer that asks for a return.
pub(crate) fn requested() -> Vec<ExchangeEvent> {
    opened(&posted(OFFER), Mode::Online)
}

/// Negotiating, by request on an Offer that asks for nothing: only the opener is helped.
pub(crate) fn requested_for_nothing() -> Vec<ExchangeEvent> {
    opened(&posted_with(OFFER, ALL_MODES, true), Mode::Online)
}

/// Negotiating, by application on a Need that asks for a helper for nothing: only the poster,
/// who was asked, is helped.
pub(crate) fn applied_for_nothing() -> Vec<ExchangeEvent> {
    opened(&posted_with(NEED, ALL_MODES, true), Mode::Online)
}

pub(crate) fn agreed(by: MemberId, version: u32) -> ExchangeEvent {
    TermsAgreed {
        exchange: EXCHANGE,
        by,
        version,
    }
    .into()
}

pub(crate) fn started(version: u32, has_return: bool) -> ExchangeEvent {
    ExchangeStarted {
        exchange: EXCHANGE,
        version,
        mode: Mode::Online,
        has_return,
    }
    .into()
}

pub(crate) fn reported(by: MemberId) -> ExchangeEvent {
    let partner = if by == ASKED { OPENER } else { ASKED };
    CompletionReported {
        exchange: EXCHANGE,
        by,
        partner,
        reported_at: NOW,
    }
    .into()
}

pub(crate) fn completed_event(by_policy: bool, open_until: Timestamp) -> ExchangeEvent {
    let (opener, asked) = (OPENER, ASKED);
    ExchangeCompleted {
        exchange: EXCHANGE,
        opener,
        asked,
        by_policy,
        open_until,
    }
    .into()
}

/// In progress, as it was opened.
pub(crate) fn in_progress() -> Vec<ExchangeEvent> {
    then(requested(), [agreed(ASKED, 0), started(0, true)])
}

/// In progress, with one report.
pub(crate) fn reported_by(party: MemberId) -> Vec<ExchangeEvent> {
    then(in_progress(), [reported(party)])
}

/// Completed by both at [`NOW`].
pub(crate) fn completed() -> Vec<ExchangeEvent> {
    let last = [reported(OPENER), completed_event(false, days_later(30))];
    then(reported_by(ASKED), last)
}

/// A history, and what happened next.
pub(crate) fn then<E>(mut history: Vec<E>, next: impl IntoIterator<Item = E>) -> Vec<E> {
    history.extend(next);
    history
}

pub(crate) fn message(text: &str) -> MessageText {
    MessageText::parse(text).unwrap()
}

pub(crate) fn words(text: &str) -> Words {
    Words::parse(text).unwrap()
}

pub(crate) fn reason() -> Reason {
    Reason::parse("都合が変わりました").unwrap()
}

pub(crate) fn terms(mode: Mode, in_return: Option<&str>) -> Terms {
    Terms {
        what: WhatText::parse("後輪を直す").unwrap(),
        when: None,
        mode,
        in_return: ReturnText::parse_optional(in_return).unwrap(),
    }
}
