//! Histories of every aggregate in which every type of its events happens.

use meguri_domain::{
    Aggregate, Blocking, Claim, Description, Exchange, FollowUpPeriods, Member, Nickname, Post,
    PostPatch, Title, Vocabulary,
};
use meguri_events::{
    BlockEvent, ClaimEvent, ClaimKind, ClaimReleased, ClaimTaken, ExchangeEvent, KeyClass,
    KeyRange, MemberBlocked, MemberEvent, MemberUnblocked, Mode, NicknameChanged, PostEvent,
    PostId, Sealed, VocabularyEvent,
};

use crate::scene::{
    ASKED, EXCHANGE, NEED, NOW, OFFER, OPENER, acting, agreed, applied_for_nothing, completed,
    days_later, in_progress, member, message, posted, reason, registered, reported_by, requested,
    terms, then, words,
};

/// An aggregate with histories.
pub(crate) trait Told: Aggregate + PartialEq + std::fmt::Debug
where
    Self::Event: Clone + std::fmt::Debug,
{
    /// Names of all types of its events.
    const TYPES: &'static [&'static str];

    /// Histories in which each of them happens.
    fn histories() -> Vec<Vec<Self::Event>>;
}

/// A history, and what the exchange answers to this.
fn next(
    history: Vec<ExchangeEvent>,
    command: impl FnOnce(&Exchange) -> Vec<ExchangeEvent>,
) -> Vec<ExchangeEvent> {
    let events = command(&Exchange::replay(&history).unwrap());
    then(history, events)
}

impl Told for Exchange {
    const TYPES: &'static [&'static str] = ExchangeEvent::TYPES;

    fn histories() -> Vec<Vec<ExchangeEvent>> {
        let (asked, opener) = (acting(ASKED), acting(OPENER));
        let talked = next(requested(), |it| {
            it.post_message(asked, message("はい"), true, None).unwrap()
        });
        let proposed = next(talked.clone(), |it| {
            let terms = terms(Mode::Online, Some("お菓子"));
            it.propose_terms(asked, terms).unwrap()
        });
        let proposed_back = next(proposed.clone(), |it| {
            it.propose_terms(opener, terms(Mode::Online, None)).unwrap()
        });
        let thanked = next(completed(), |it| {
            it.send_thanks(opener, Some(words("どうも")), NOW).unwrap()
        });
        let evaluated = next(thanked, |it| {
            it.write_evaluation(asked, words("丁寧"), NOW).unwrap()
        });
        let retracted = next(evaluated, |it| it.retract_evaluation(asked).unwrap());
        let reminded = next(reported_by(ASKED), |it| {
            it.remind_completion(days_later(8), FollowUpPeriods::default())
        });
        vec![
            next(talked, |it| it.cancel(asked, None).unwrap()),
            then(proposed, [agreed(OPENER, 1)]),
            then(proposed_back, [agreed(ASKED, 2)]),
            applied_for_nothing(),
            retracted,
            reminded,
            next(in_progress(), |it| it.abort(asked, reason()).unwrap()),
        ]
    }
}

impl Told for Member {
    const TYPES: &'static [&'static str] = MemberEvent::TYPES;

    fn histories() -> Vec<Vec<MemberEvent>> {
        let renamed = |nickname| -> MemberEvent {
            let nickname = Sealed::Known(Nickname::parse(nickname).unwrap().into());
            let member = ASKED;
            NicknameChanged { member, nickname }.into()
        };
        let erased = |class, last| member(ASKED).erase([KeyRange { class, last }], vec![], None);
        let stays = then(registered(ASKED), [renamed("はな"), renamed("ハナ")]);
        let stays = then(stays, erased(KeyClass::Profile, 1));
        let stays = then(stays, [renamed("花")]);
        let leaves = then(registered(ASKED), [renamed("はな")]);
        let leaves = then(leaves, member(ASKED).leave());
        let leaves = then(leaves, erased(KeyClass::Contact, 1));
        let leaves = then(leaves, erased(KeyClass::Profile, 2));
        let destroyed = Member::replay(&leaves).unwrap().keys_destroyed();
        vec![stays, then(leaves, destroyed)]
    }
}

impl Told for Post {
    const TYPES: &'static [&'static str] = PostEvent::TYPES;

    fn histories() -> Vec<Vec<PostEvent>> {
        let author = acting(ASKED);
        let of = |post: PostId| {
            let now = |history: &Vec<PostEvent>| Post::replay(history).unwrap();
            let patch = |title, description| PostPatch {
                title: Some(Title::parse(title).unwrap()),
                description: Some(Description::parse(description).unwrap()),
                online: Some(title == "傘の修理"),
                ..PostPatch::default()
            };
            let mut history = posted(post);
            for (title, description) in [("傘の修理", "骨を直します"), ("靴の修理", "底を直します")]
            {
                let edited = now(&history).edit(author, patch(title, description));
                history.extend(edited.unwrap());
                let closed = now(&history).close(author);
                history.extend(closed.unwrap());
                let reopened = now(&history).reopen(author);
                history.extend(reopened.unwrap());
            }
            history
        };
        vec![of(NEED.into()), of(OFFER.into())]
    }
}

impl Told for Claim {
    const TYPES: &'static [&'static str] = ClaimEvent::TYPES;

    fn histories() -> Vec<Vec<ClaimEvent>> {
        let (kind, exchange) = (ClaimKind::OpenExchange, Some(EXCHANGE));
        let taken = |kind, holder, exchange| -> ClaimEvent {
            ClaimTaken {
                kind,
                holder,
                exchange,
            }
            .into()
        };
        let released = |kind, holder| -> ClaimEvent { ClaimReleased { kind, holder }.into() };
        vec![
            vec![taken(kind, OPENER, exchange), released(kind, OPENER)],
            vec![
                taken(ClaimKind::Mail, OPENER, None),
                released(ClaimKind::Mail, OPENER),
                taken(ClaimKind::Mail, ASKED, None),
            ],
        ]
    }
}

impl Told for Vocabulary {
    const TYPES: &'static [&'static str] = VocabularyEvent::TYPES;

    fn histories() -> Vec<Vec<VocabularyEvent>> {
        let word = |text: &str| text.parse().unwrap();
        let reading = Some("おしかつ".parse().unwrap());
        let mut history = vec![];
        let mut says = |command: &dyn Fn(&Vocabulary) -> Vec<VocabularyEvent>| {
            let now = Vocabulary::replay(&history).unwrap_or_default();
            history.extend(command(&now));
        };
        says(&|it| it.add_word(word("推し活"), reading.clone()).unwrap());
        says(&|it| it.add_word(word("断捨離"), None).unwrap());
        says(&|it| it.group(1, vec![word("引越し"), word("転居")]).unwrap());
        says(&|it| it.group(1, vec![word("引越し"), word("移転")]).unwrap());
        says(&|it| it.group(2, vec![word("車"), word("自動車")]).unwrap());
        says(&|it| it.remove_word(word("推し活")).unwrap());
        says(&|it| it.ungroup(1).unwrap());
        says(&|it| it.add_word(word("推し活"), None).unwrap());
        vec![history]
    }
}

impl Told for Blocking {
    const TYPES: &'static [&'static str] = BlockEvent::TYPES;

    fn histories() -> Vec<Vec<BlockEvent>> {
        let blocked = |by, blocked| -> BlockEvent { MemberBlocked { by, blocked }.into() };
        let unblocked = |by, blocked| -> BlockEvent { MemberUnblocked { by, blocked }.into() };
        vec![vec![
            blocked(OPENER, ASKED),
            blocked(ASKED, OPENER),
            unblocked(OPENER, ASKED),
            blocked(OPENER, ASKED),
            unblocked(ASKED, OPENER),
        ]]
    }
}
