//! Events to tell stories with: members, posts and exchanges by number, and long random stories.

use meguri_events::{
    AccessEvent, BlockEvent, Category, CompletionReported, Event, ExchangeAborted, ExchangeApplied,
    ExchangeCancelled, ExchangeCompleted, ExchangeId, ExchangeRequested, ExchangeStarted,
    MatchEvent, MemberEvent, MemberId, MemberLeft, MemberProfile, MemberRegistered, MessagePosted,
    Mode, Modes, NeedClosed, NeedEdited, NeedId, NeedPosted, NeedReopened, NicknameChanged,
    OfferId, OfferPosted, Place, PostEvent, PostOutline, PostText, Prefecture, ReasonCode,
    RedactionEvent, Sealed, TermsAgreed, TermsProposed, TermsText, ThanksSent, Timestamp,
    VOCABULARY_STREAM,
};
use uuid::Uuid;

use super::Random;

pub(crate) fn member(number: u128) -> MemberId {
    MemberId::new(Uuid::from_u128(0xa000 + number))
}

pub(crate) fn need(number: u128) -> NeedId {
    NeedId::new(Uuid::from_u128(0xb000 + number))
}

pub(crate) fn offer(number: u128) -> OfferId {
    OfferId::new(Uuid::from_u128(0xc000 + number))
}

pub(crate) fn exchange(number: u128) -> ExchangeId {
    ExchangeId::new(Uuid::from_u128(0xd000 + number))
}

/// The stream that an event is written to.
pub(crate) fn stream_of(event: &Event) -> String {
    match event {
        Event::Member(MemberEvent::MemberRegistered(event)) => event.member.stream(),
        Event::Member(MemberEvent::NicknameChanged(event)) => event.member.stream(),
        Event::Member(MemberEvent::MemberLeft(event)) => event.member.stream(),
        Event::Member(MemberEvent::MemberErased(event)) => event.member.stream(),
        Event::Member(MemberEvent::KeysDestroyed(event)) => event.member.stream(),
        Event::Post(event) => post_of(event),
        Event::Exchange(event) => crate::rooms::exchange_of(event).stream(),
        Event::Claim(_) => "claim-0".to_owned(),
        Event::Access(AccessEvent::SealedTextOpened(event)) => event.member.access_stream(),
        Event::Access(AccessEvent::ViewOpened(event)) => event.view.access_stream(),
        Event::Redaction(RedactionEvent::EventRedacted(event)) => event.stream.to_string(),
        Event::Vocabulary(_) => VOCABULARY_STREAM.to_owned(),
        Event::Match(MatchEvent::PostMatched(event)) => event.member.match_stream(),
        Event::Block(BlockEvent::MemberBlocked(event)) => event.by.block_stream(event.blocked),
        Event::Block(BlockEvent::MemberUnblocked(event)) => event.by.block_stream(event.blocked),
    }
}

fn post_of(event: &PostEvent) -> String {
    match event {
        PostEvent::NeedPosted(event) => event.need.stream(),
        PostEvent::NeedEdited(event) => event.need.stream(),
        PostEvent::NeedClosed(event) => event.need.stream(),
        PostEvent::NeedReopened(event) => event.need.stream(),
        PostEvent::OfferPosted(event) => event.offer.stream(),
        PostEvent::OfferEdited(event) => event.offer.stream(),
        PostEvent::OfferClosed(event) => event.offer.stream(),
        PostEvent::OfferReopened(event) => event.offer.stream(),
    }
}

pub(crate) fn registered(number: u128, user_name: &str) -> Event {
    registered_in(number, user_name, None)
}

pub(crate) fn registered_in(
    number: u128,
    user_name: &str,
    prefecture: Option<Prefecture>,
) -> Event {
    let profile = MemberProfile {
        user_name: user_name.into(),
        nickname: format!("{user_name}さん"),
    };
    let mail = format!("{user_name}@example.jp");
    MemberRegistered {
        member: member(number),
        prefecture,
        profile: profile.into(),
        mail: mail.into(),
    }
    .into()
}

pub(crate) fn nickname_changed(number: u128, nickname: &str) -> Event {
    let nickname = nickname.to_owned().into();
    NicknameChanged {
        member: member(number),
        nickname,
    }
    .into()
}

pub(crate) fn left(number: u128) -> Event {
    MemberLeft {
        member: member(number),
    }
    .into()
}

pub(crate) const ANYWHERE: Modes = Modes {
    online: true,
    offline: true,
};

pub(crate) fn outline(category: Category, prefecture: u8, modes: Modes) -> PostOutline {
    PostOutline {
        category,
        prefecture: Prefecture::from_code(prefecture).ok(),
        modes,
        no_return_needed: true,
    }
}

pub(crate) fn text(title: &str, tags: &[&str]) -> Sealed<PostText> {
    Sealed::Known(PostText {
        title: title.into(),
        description: format!("{title}をお願いします"),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        city: Some("杉並区".into()),
        wished_return: None,
        place: Some(Place {
            lat: 35.69,
            lon: 139.63,
        }),
    })
}

pub(crate) fn need_posted(number: u128, by: u128, title: &str, tags: &[&str]) -> Event {
    let outline = outline(Category::Pets, 13, ANYWHERE);
    NeedPosted {
        need: need(number),
        by: member(by),
        outline,
        text: text(title, tags),
    }
    .into()
}

pub(crate) fn need_edited(number: u128, by: u128, title: &str, tags: &[&str]) -> Event {
    let outline = outline(
        Category::Care,
        27,
        Modes {
            online: true,
            offline: false,
        },
    );
    NeedEdited {
        need: need(number),
        by: member(by),
        outline,
        text: text(title, tags),
    }
    .into()
}

pub(crate) fn need_closed(number: u128, by: u128) -> Event {
    let reason_code = ReasonCode::OwnWords;
    NeedClosed {
        need: need(number),
        by: member(by),
        reason_code,
    }
    .into()
}

pub(crate) fn need_reopened(number: u128, by: u128) -> Event {
    NeedReopened {
        need: need(number),
        by: member(by),
    }
    .into()
}

pub(crate) fn offer_posted(number: u128, by: u128, title: &str, outline: PostOutline) -> Event {
    OfferPosted {
        offer: offer(number),
        by: member(by),
        outline,
        text: text(title, &[]),
    }
    .into()
}

/// Member `by` applies on a Need of member `poster`.
pub(crate) fn applied(number: u128, by: u128, poster: u128) -> Event {
    let event = ExchangeApplied {
        exchange: exchange(number),
        need: need(number),
        applicant: member(by),
        poster: member(poster),
        mode: Mode::InPerson,
        allowed: ANYWHERE,
        no_return_needed: false,
        title: Some(Sealed::Known("犬の散歩".into())),
        message: "お手伝いします".to_owned().into(),
    };
    event.into()
}

/// Member `by` requests help by an Offer of member `owner`.
pub(crate) fn requested(number: u128, by: u128, owner: u128) -> Event {
    let event = ExchangeRequested {
        exchange: exchange(number),
        offer: offer(number),
        requester: member(by),
        owner: member(owner),
        mode: Mode::Online,
        allowed: Modes {
            online: true,
            offline: false,
        },
        no_return_needed: true,
        title: None,
        message: "お願いします".to_owned().into(),
    };
    event.into()
}

pub(crate) fn said(number: u128, by: u128, to: u128, words: &str) -> Event {
    let (exchange, text) = (exchange(number), words.to_owned().into());
    MessagePosted {
        exchange,
        by: member(by),
        to: member(to),
        keep_negotiating: true,
        text,
    }
    .into()
}

pub(crate) fn proposed(number: u128, by: u128, version: u32) -> Event {
    let terms = TermsText {
        what: format!("散歩 {version}"),
        when: Some("土曜の朝".into()),
        in_return: Some("お茶".into()),
    };
    let (exchange, by, terms) = (exchange(number), member(by), terms.into());
    TermsProposed {
        exchange,
        by,
        version,
        mode: Mode::ByPost,
        has_return: true,
        terms,
    }
    .into()
}

pub(crate) fn agreed(number: u128, by: u128, version: u32) -> Event {
    TermsAgreed {
        exchange: exchange(number),
        by: member(by),
        version,
    }
    .into()
}

pub(crate) fn started(number: u128, version: u32) -> Event {
    let exchange = exchange(number);
    ExchangeStarted {
        exchange,
        version,
        mode: Mode::ByPost,
        has_return: true,
    }
    .into()
}

pub(crate) fn reported(number: u128, by: u128, partner: u128) -> Event {
    let reported_at = Timestamp::from_micros(super::START.micros());
    let (exchange, by, partner) = (exchange(number), member(by), member(partner));
    CompletionReported {
        exchange,
        by,
        partner,
        reported_at,
    }
    .into()
}

pub(crate) fn completed(number: u128, opener: u128, asked: u128) -> Event {
    let open_until = Timestamp::from_micros(super::START.plus_seconds(86_400).micros());
    let (exchange, opener, asked) = (exchange(number), member(opener), member(asked));
    ExchangeCompleted {
        exchange,
        opener,
        asked,
        by_policy: false,
        open_until,
    }
    .into()
}

pub(crate) fn cancelled(number: u128, by: u128) -> Event {
    let (reason_code, reason) = (ReasonCode::OwnWords, Some(Sealed::Known("都合".to_owned())));
    ExchangeCancelled {
        exchange: exchange(number),
        by: member(by),
        reason_code,
        reason,
    }
    .into()
}

pub(crate) fn aborted(number: u128, by: u128) -> Event {
    let (exchange, by, reason_code) = (exchange(number), member(by), ReasonCode::MemberLeft);
    ExchangeAborted {
        exchange,
        by,
        reason_code,
        reason: None,
    }
    .into()
}

pub(crate) fn thanked(number: u128, from: u128, to: u128, words: Option<&str>) -> Event {
    let words = words.map(|words| Sealed::Known(words.to_owned()));
    let (exchange, from, to) = (exchange(number), member(from), member(to));
    ThanksSent {
        exchange,
        from,
        to,
        words,
    }
    .into()
}

/// A whole exchange: the opener helps, and is thanked.
pub(crate) fn whole_exchange(number: u128, opener: u128, asked: u128) -> Vec<Event> {
    vec![
        applied(number, opener, asked),
        said(number, asked, opener, "はじめまして"),
        proposed(number, opener, 1),
        agreed(number, asked, 1),
        started(number, 1),
        reported(number, opener, asked),
        reported(number, asked, opener),
        completed(number, opener, asked),
        thanked(number, asked, opener, Some("助かりました")),
    ]
}

/// A long story of a small community, in which everything is going on at once.
pub(crate) fn random_story(seed: u64, exchanges: u128) -> Vec<Event> {
    let mut random = Random(seed | 1);
    let mut told: Vec<Event> = (0..6)
        .map(|number| registered(number, &format!("member{number}")))
        .collect();
    let mut threads: Vec<std::vec::IntoIter<Event>> = Vec::new();
    for number in 0..exchanges {
        let opener = random.below(6) as u128;
        let asked = (opener + 1 + random.below(5) as u128) % 6;
        let mut events = vec![need_posted(number, asked, "犬の散歩", &["犬", "散歩"])];
        if random.below(2) == 0 {
            events.push(need_edited(number, asked, "猫の世話", &["猫"]));
        }
        let mut whole = whole_exchange(number, opener, asked);
        match random.below(4) {
            0 => whole
                .splice(2.., [cancelled(number, opener)])
                .for_each(drop),
            1 => whole.splice(6.., [aborted(number, asked)]).for_each(drop),
            _ => whole.push(nickname_changed(opener, &format!("名前{number}"))),
        }
        events.extend(whole);
        events.push(need_closed(number, asked));
        if random.below(3) == 0 {
            events.push(need_reopened(number, asked));
        }
        threads.push(events.into_iter());
    }
    while !threads.is_empty() {
        let chosen = random.below(threads.len());
        match threads[chosen].next() {
            Some(event) => told.push(event),
            None => drop(threads.swap_remove(chosen)),
        }
    }
    told
}
