//! One event of every type and schema number, as its fixture must decode to.

use meguri_events::{
    Category, ClaimKind, ClaimReleased, ClaimTaken, CompletionReminded, CompletionReported,
    EntryHex, EvaluationRetracted, EvaluationWritten, Event, EventRedacted, ExchangeAborted,
    ExchangeApplied, ExchangeCancelled, ExchangeCompleted, ExchangeId, ExchangeRequested,
    ExchangeStarted, KeyClass, KeyRange, KeysDestroyed, MemberErased, MemberId, MemberLeft,
    MemberProfile, MemberRegistered, MessagePosted, Mode, Modes, NeedClosed, NeedEdited, NeedId,
    NeedPosted, NeedReopened, NicknameChanged, OfferClosed, OfferEdited, OfferId, OfferPosted,
    OfferReopened, Place, PostOutline, PostText, Prefecture, ReasonCode, Sealed, SealedTextOpened,
    SectionRef, TermsAgreed, TermsProposed, TermsText, ThanksSent, Timestamp, ViewOpened,
};
use uuid::Uuid;

mod block;
mod matching;
mod vocabulary;

const HANA: MemberId = MemberId::new(Uuid::from_u128(0x0192_f0c0_0000_7000_8000_0000_0000_0001));
const TARO: MemberId = MemberId::new(Uuid::from_u128(0x0192_f0c0_0000_7000_8000_0000_0000_0002));
const NEED: NeedId = NeedId::new(Uuid::from_u128(0x0192_f0c0_0000_7000_8000_0000_0000_0003));
const OFFER: OfferId = OfferId::new(Uuid::from_u128(0x0192_f0c0_0000_7000_8000_0000_0000_0004));
const EXCHANGE: ExchangeId =
    ExchangeId::new(Uuid::from_u128(0x0192_f0c0_0000_7000_8000_0000_0000_0005));

/// The samples, each with the schema number of its fixture.
pub(crate) fn samples() -> Vec<(u32, Event)> {
    let current = [
        members(),
        posts(),
        openings(),
        negotiation(),
        completion(),
        claims(),
        accesses(),
        redactions(),
        vocabulary::vocabulary(),
        block::blocks(),
        matching::matches(),
    ]
    .concat();
    let current = current.into_iter().map(|event| (event.schema(), event));
    current.chain(not_written()).collect()
}

/// What the fixtures decode to that no release writes any more, or none writes yet.
fn not_written() -> [(u32, Event); 1] {
    [(1, registered(None))]
}

fn sealed(text: &str) -> Sealed<String> {
    Sealed::Known(text.to_owned())
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn registered(prefecture: Option<Prefecture>) -> Event {
    let profile = MemberProfile {
        user_name: "hana_3".to_owned(),
        nickname: "はなさん \"花\"".to_owned(),
    };
    MemberRegistered {
        member: HANA,
        prefecture,
        profile: profile.into(),
        mail: sealed("hana@example.jp"),
    }
    .into()
}

fn members() -> Vec<Event> {
    vec![
        registered(Prefecture::from_code(13).ok()),
        NicknameChanged {
            member: HANA,
            nickname: sealed("花🌸"),
        }
        .into(),
        MemberLeft { member: HANA }.into(),
        MemberErased {
            member: HANA,
            keys: vec![key("profile/1"), key("message/2")],
            kept: vec![KeyClass::Money],
            kept_until: Some(moment("2033-11-22T00:00:00Z")),
        }
        .into(),
        KeysDestroyed {
            member: HANA,
            keys: vec![key("profile/1"), key("message/2")],
        }
        .into(),
    ]
}

fn key(text: &str) -> KeyRange {
    text.parse().unwrap()
}

fn full() -> (PostOutline, Sealed<PostText>) {
    let outline = PostOutline {
        category: Category::Repair,
        prefecture: Some(Prefecture::from_code(13).unwrap()),
        modes: Modes {
            online: true,
            offline: true,
        },
        no_return_needed: false,
    };
    let text = PostText {
        title: "自転車のパンク修理".to_owned(),
        description: "後輪です。\n工具はあります。".to_owned(),
        tags: vec!["自転車".to_owned(), "DIY".to_owned()],
        city: Some("世田谷区".to_owned()),
        wished_return: Some("お菓子を焼きます".to_owned()),
        place: Some(Place {
            lat: 35.65,
            lon: 139.65,
        }),
    };
    (outline, text.into())
}

fn sparse() -> (PostOutline, Sealed<PostText>) {
    let outline = PostOutline {
        category: Category::Talk,
        prefecture: None,
        modes: Modes {
            online: true,
            offline: false,
        },
        no_return_needed: true,
    };
    let text = PostText {
        title: "話し相手".to_owned(),
        description: "夜ならいつでも".to_owned(),
        tags: vec![],
        city: None,
        wished_return: None,
        place: None,
    };
    (outline, text.into())
}

fn posts() -> Vec<Event> {
    let (outline, text) = full();
    let (sparse_outline, sparse_text) = sparse();
    let (by, reason_code) = (HANA, ReasonCode::OwnWords);
    vec![
        NeedPosted {
            need: NEED,
            by,
            outline,
            text: text.clone(),
        }
        .into(),
        NeedEdited {
            need: NEED,
            by,
            outline: sparse_outline,
            text: sparse_text.clone(),
        }
        .into(),
        NeedClosed {
            need: NEED,
            by,
            reason_code,
        }
        .into(),
        NeedReopened { need: NEED, by }.into(),
        OfferPosted {
            offer: OFFER,
            by,
            outline: sparse_outline,
            text: sparse_text,
        }
        .into(),
        OfferEdited {
            offer: OFFER,
            by,
            outline,
            text,
        }
        .into(),
        OfferClosed {
            offer: OFFER,
            by,
            reason_code: ReasonCode::MemberLeft,
        }
        .into(),
        OfferReopened { offer: OFFER, by }.into(),
    ]
}

fn openings() -> Vec<Event> {
    let allowed = Modes {
        online: true,
        offline: false,
    };
    vec![
        ExchangeRequested {
            exchange: EXCHANGE,
            offer: OFFER,
            requester: TARO,
            owner: HANA,
            mode: Mode::Online,
            allowed,
            no_return_needed: true,
            title: Some(sealed("話し相手")),
            message: sealed("お願いできますか?"),
        }
        .into(),
        ExchangeApplied {
            exchange: EXCHANGE,
            need: NEED,
            applicant: TARO,
            poster: HANA,
            mode: Mode::InPerson,
            allowed: Modes {
                online: false,
                offline: true,
            },
            no_return_needed: false,
            title: None,
            message: sealed("土曜なら直せます。"),
        }
        .into(),
    ]
}

fn negotiation() -> Vec<Event> {
    let exchange = EXCHANGE;
    let terms = TermsText {
        what: "後輪のチューブを替える".to_owned(),
        when: Some("土曜の午後".to_owned()),
        in_return: Some("クッキー".to_owned()),
    };
    vec![
        MessagePosted {
            exchange,
            by: HANA,
            to: TARO,
            keep_negotiating: true,
            text: sealed("1行目\n2行目\t\\ \u{2028}"),
        }
        .into(),
        TermsProposed {
            exchange,
            by: TARO,
            version: 1,
            mode: Mode::ByPost,
            has_return: true,
            terms: terms.into(),
        }
        .into(),
        TermsAgreed {
            exchange,
            by: HANA,
            version: 1,
        }
        .into(),
        ExchangeStarted {
            exchange,
            version: 1,
            mode: Mode::ByPost,
            has_return: true,
        }
        .into(),
        ExchangeCancelled {
            exchange,
            by: TARO,
            reason_code: ReasonCode::MemberLeft,
            reason: None,
        }
        .into(),
    ]
}

fn completion() -> Vec<Event> {
    let exchange = EXCHANGE;
    let reported_at = moment("2026-11-21T07:02:03.123456Z");
    let open_until = moment("2026-12-21T07:02:03.123456Z");
    vec![
        CompletionReported {
            exchange,
            by: HANA,
            partner: TARO,
            reported_at,
        }
        .into(),
        CompletionReminded { exchange, to: TARO }.into(),
        ExchangeCompleted {
            exchange,
            opener: TARO,
            asked: HANA,
            by_policy: true,
            open_until,
        }
        .into(),
        ExchangeAborted {
            exchange,
            by: HANA,
            reason_code: ReasonCode::OwnWords,
            reason: Some(sealed("都合が変わりました")),
        }
        .into(),
        EvaluationWritten {
            exchange,
            by: HANA,
            about: TARO,
            words: sealed("丁寧でした"),
        }
        .into(),
        EvaluationRetracted {
            exchange,
            by: HANA,
            about: TARO,
        }
        .into(),
        ThanksSent {
            exchange,
            from: HANA,
            to: TARO,
            words: Some(sealed("助かりました")),
        }
        .into(),
    ]
}

fn claims() -> Vec<Event> {
    let (kind, holder) = (ClaimKind::OpenExchange, TARO);
    vec![
        ClaimTaken {
            kind,
            holder,
            exchange: Some(EXCHANGE),
        }
        .into(),
        ClaimReleased {
            kind: ClaimKind::Mail,
            holder,
        }
        .into(),
    ]
}

fn accesses() -> Vec<Event> {
    let sections = [(17, "message"), (19, "text")];
    let sections = sections.map(|(position, name)| SectionRef::new(position, name).unwrap());
    let reason = sealed("通報の確認のため");
    let (member, sections) = (HANA, sections.to_vec());
    vec![
        SealedTextOpened {
            member,
            sections,
            reason,
        }
        .into(),
        ViewOpened {
            view: "profiles".parse().unwrap(),
            copied: true,
            reference: "2026-wa-1234".parse().unwrap(),
        }
        .into(),
    ]
}

fn redactions() -> Vec<Event> {
    vec![
        EventRedacted {
            position: 17,
            stream: HANA.stream().parse().unwrap(),
            version: 2,
            event_type: "NicknameChanged".parse().unwrap(),
            entry: EntryHex::new(&[0xa1; 33]),
            order: "2026-wa-1234".parse().unwrap(),
        }
        .into(),
    ]
}
