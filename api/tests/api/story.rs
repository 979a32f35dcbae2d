//! The story the tests read: Ren helps Aoi, from posting to thanks, and Mio has no part in it.

use meguri_events::{
    Category, CompletionReported, EvaluationWritten, Event, ExchangeApplied, ExchangeCompleted,
    ExchangeId, ExchangeStarted, MemberId, MemberProfile, MemberRegistered, MessagePosted, Mode,
    Modes, NeedId, NeedPosted, OfferId, OfferPosted, PostOutline, PostText, Prefecture, Sealed,
    TermsAgreed, TermsProposed, TermsText, ThanksSent,
};
use meguri_log::Position;
use uuid::Uuid;

use crate::house::{House, START_MICROS};

/// Posted the Need, was helped, says thanks.
pub(crate) const AOI: MemberId = MemberId::new(Uuid::from_u128(1));
/// Applied and helped.
pub(crate) const REN: MemberId = MemberId::new(Uuid::from_u128(2));
/// A member who has nothing to do with it.
pub(crate) const MIO: MemberId = MemberId::new(Uuid::from_u128(3));
/// Aoi's Need.
pub(crate) const NEED: NeedId = NeedId::new(Uuid::from_u128(4));
/// Ren's Offer.
pub(crate) const OFFER: OfferId = OfferId::new(Uuid::from_u128(5));
/// Ren helps Aoi.
pub(crate) const EXCHANGE: ExchangeId = ExchangeId::new(Uuid::from_u128(6));

/// Everything that was typed for the eyes of the two parties only.
pub(crate) const SECRETS: [&str; 8] = [
    "秘密の挨拶",
    "秘密の伝言",
    "秘密の内容",
    "秘密の日時",
    "秘密のお返し",
    "秘密の評価",
    "aoi@example.jp",
    "ren@example.jp",
];

impl House {
    /// A house after one exchange from posting to thanks, all of it visible in the views.
    pub(crate) async fn lived_in() -> Self {
        Self::empty().await.lives().await
    }

    /// The same exchange in a house that has been empty.
    pub(crate) async fn lives(self) -> Self {
        self.register(AOI, "aoi", "あおい").await;
        self.lives_on().await
    }

    /// The same in a house that Aoi has come to.
    pub(crate) async fn lives_on(self) -> Self {
        let house = self;
        house.register(REN, "ren", "れん").await;
        house.register(MIO, "mio", "みお").await;
        house.post_need().await;
        house.post_offer().await;
        let last = house.exchange_from_opening_to_thanks().await;
        house.seen(last).await;
        house
    }

    /// A member registers.
    pub(crate) async fn register(
        &self,
        member: MemberId,
        user_name: &str,
        nickname: &str,
    ) -> Position {
        let profile = MemberProfile {
            user_name: user_name.to_owned(),
            nickname: nickname.to_owned(),
        };
        let mail = format!("{user_name}@example.jp");
        let event = MemberRegistered {
            member,
            prefecture: Prefecture::from_code(13).ok(),
            profile: profile.into(),
            mail: Sealed::Known(mail),
        };
        self.append(member, member.stream(), event).await
    }

    async fn post_need(&self) -> Position {
        let event = NeedPosted {
            need: NEED,
            by: AOI,
            outline: outline(),
            text: text("犬の散歩").into(),
        };
        self.append(AOI, NEED.stream(), event).await
    }

    /// Ren posts an Offer.
    pub(crate) async fn post_offer(&self) -> Position {
        self.offer(OFFER, "語学を教えます").await
    }

    /// Ren posts an Offer of this id.
    pub(crate) async fn offer(&self, offer: OfferId, title: &str) -> Position {
        let outline = PostOutline {
            category: Category::Language,
            prefecture: None,
            ..outline()
        };
        self.offer_of(offer, title, outline).await
    }

    /// Ren posts an Offer that fits the Need in every way.
    pub(crate) async fn fitting_offer(&self, offer: OfferId) -> Position {
        self.offer_of(offer, FITTING, outline()).await
    }

    async fn offer_of(&self, offer: OfferId, title: &str, outline: PostOutline) -> Position {
        let event = OfferPosted {
            offer,
            by: REN,
            outline,
            text: text(title).into(),
        };
        self.append(REN, offer.stream(), event).await
    }

    /// Appends an event to the one exchange.
    pub(crate) async fn happen(&self, actor: MemberId, event: impl Into<Event>) -> Position {
        self.append(actor, EXCHANGE.stream(), event).await
    }

    /// Somebody writes in the room.
    pub(crate) async fn say(&self, by: MemberId, to: MemberId, text: &str) -> Position {
        let text = Sealed::Known(text.to_owned());
        let event = MessagePosted {
            exchange: EXCHANGE,
            by,
            to,
            keep_negotiating: true,
            text,
        };
        self.happen(by, event).await
    }

    /// Ren applies again, and that is negotiated.
    pub(crate) async fn another_exchange(&self) -> ExchangeId {
        let exchange = ExchangeId::new(Uuid::from_u128(66));
        let opening = applied(exchange);
        self.append(REN, exchange.stream(), opening).await;
        exchange
    }

    async fn exchange_from_opening_to_thanks(&self) -> Position {
        self.happen(REN, applied(EXCHANGE)).await;
        self.say(AOI, REN, SECRETS[1]).await;
        self.agree().await;
        self.complete().await;
        let (exchange, words) = (EXCHANGE, Sealed::Known(SECRETS[5].to_owned()));
        let by_ren = EvaluationWritten {
            exchange,
            by: REN,
            about: AOI,
            words,
        };
        self.happen(REN, by_ren).await;
        let words = Some(Sealed::Known("助かりました".to_owned()));
        self.happen(
            AOI,
            ThanksSent {
                exchange,
                from: AOI,
                to: REN,
                words,
            },
        )
        .await
    }

    async fn agree(&self) {
        let terms = TermsText {
            what: SECRETS[2].to_owned(),
            when: Some(SECRETS[3].to_owned()),
            in_return: Some(SECRETS[4].to_owned()),
        };
        let (exchange, version, mode, has_return) = (EXCHANGE, 1, Mode::InPerson, true);
        let terms = terms.into();
        let proposed = TermsProposed {
            exchange,
            by: REN,
            version,
            mode,
            has_return,
            terms,
        };
        self.happen(REN, proposed).await;
        self.happen(
            AOI,
            TermsAgreed {
                exchange,
                by: AOI,
                version,
            },
        )
        .await;
        self.happen(
            AOI,
            ExchangeStarted {
                exchange,
                version,
                mode,
                has_return,
            },
        )
        .await;
    }

    async fn complete(&self) {
        let at = meguri_events::Timestamp::from_micros;
        let (exchange, reported_at) = (EXCHANGE, at(START_MICROS));
        for (by, partner) in [(REN, AOI), (AOI, REN)] {
            self.happen(
                by,
                CompletionReported {
                    exchange,
                    by,
                    partner,
                    reported_at,
                },
            )
            .await;
        }
        let completed = ExchangeCompleted {
            exchange,
            opener: REN,
            asked: AOI,
            by_policy: false,
            open_until: at(START_MICROS + 1),
        };
        self.happen(AOI, completed).await;
    }
}

/// The title of an Offer that fits the Need.
pub(crate) const FITTING: &str = "犬の散歩を代わります";

/// In Tokyo, offline.
pub(crate) fn outline() -> PostOutline {
    PostOutline {
        category: Category::Pets,
        prefecture: Some(Prefecture::from_code(13).unwrap()),
        modes: Modes {
            online: false,
            offline: true,
        },
        no_return_needed: false,
    }
}

/// A post with this title.
pub(crate) fn text(title: &str) -> PostText {
    PostText {
        title: title.to_owned(),
        description: format!("{title}をお願いします"),
        tags: vec!["犬".to_owned(), "朝".to_owned()],
        city: Some("世田谷区".to_owned()),
        wished_return: Some("お茶".to_owned()),
        place: None,
    }
}

/// Ren applies to help with Aoi's Need.
fn applied(exchange: ExchangeId) -> ExchangeApplied {
    ExchangeApplied {
        exchange,
        need: NEED,
        applicant: REN,
        poster: AOI,
        mode: Mode::InPerson,
        allowed: outline().modes,
        no_return_needed: false,
        title: Some(Sealed::Known("犬の散歩".to_owned())),
        message: Sealed::Known(SECRETS[0].to_owned()),
    }
}
