//! What happens to a post: a Need (コマリゴト) or an Offer (デキルコト).

use serde::{Deserialize, Serialize};

use crate::category::Category;
use crate::ids::{MemberId, NeedId, OfferId};
use crate::mode::Modes;
use crate::open::open_as_serde;
use crate::plaintext::plaintext;
use crate::prefecture::Prefecture;
use crate::reason::ReasonCode;
use crate::sealed::Sealed;

/// What of a post is open: the board can be filtered by it, and it names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostOutline {
    /// What kind of help it is about.
    pub category: Category,
    /// Where, if the author told.
    pub prefecture: Option<Prefecture>,
    /// The modes that are allowed (H15).
    pub modes: Modes,
    /// Nothing is asked in return (交換不要, H16).
    pub no_return_needed: bool,
}

open_as_serde!(
    PostOutline,
    format!(
        "{{category: {}, prefecture: {}, modes: {}, no_return_needed: {}}}",
        <Category as crate::Open>::shape(),
        <Option<Prefecture> as crate::Open>::shape(),
        <Modes as crate::Open>::shape(),
        <bool as crate::Open>::shape(),
    )
);

plaintext! {
    /// What the author of a post typed.
    pub struct PostText {
        /// One line that tells what it is about.
        pub title as "title": String, "text";
        /// The whole of it.
        pub description as "description": String, "text";
        /// Words to find it by.
        pub tags as "tags": Vec<String>, "list of text";
        /// City, ward, town or village.
        pub city as "city": Option<String>, "text or null";
        /// What is wished in return, if anything.
        pub wished_return as "wished_return": Option<String>, "text or null";
        /// Roughly where.
        pub place as "place": Option<Place>, "{lat: degrees, lon: degrees} or null";
    }
}

/// A place, no more exact than 0.01 degree (about a kilometre).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

event! {
    /// A member posted a Need (H01, H03).
    pub struct NeedPosted, schema 1;
    open {
        /// The Need.
        need: NeedId,
        /// Its author.
        by: MemberId,
        /// What of it is open.
        outline: PostOutline,
    }
    sealed {
        /// What the author typed.
        text: Sealed<PostText> => Profile of by,
    }
}

event! {
    /// The author rewrote a Need (H01). The event holds the whole of it.
    pub struct NeedEdited, schema 1;
    open {
        /// The Need.
        need: NeedId,
        /// Its author.
        by: MemberId,
        /// What of it is open now.
        outline: PostOutline,
    }
    sealed {
        /// What it reads now.
        text: Sealed<PostText> => Profile of by,
    }
}

event! {
    /// A Need was closed: nobody can apply any more (H01).
    pub struct NeedClosed, schema 1;
    open {
        /// The Need.
        need: NeedId,
        /// Its author.
        by: MemberId,
        /// Why.
        reason_code: ReasonCode,
    }
}

event! {
    /// The author opened a closed Need again (H01).
    pub struct NeedReopened, schema 1;
    open {
        /// The Need.
        need: NeedId,
        /// Its author.
        by: MemberId,
    }
}

event! {
    /// A member registered an Offer (H01, H02).
    pub struct OfferPosted, schema 1;
    open {
        /// The Offer.
        offer: OfferId,
        /// Its owner.
        by: MemberId,
        /// What of it is open.
        outline: PostOutline,
    }
    sealed {
        /// What the owner typed.
        text: Sealed<PostText> => Profile of by,
    }
}

event! {
    /// The owner rewrote an Offer (H01). The event holds the whole of it.
    pub struct OfferEdited, schema 1;
    open {
        /// The Offer.
        offer: OfferId,
        /// Its owner.
        by: MemberId,
        /// What of it is open now.
        outline: PostOutline,
    }
    sealed {
        /// What it reads now.
        text: Sealed<PostText> => Profile of by,
    }
}

event! {
    /// An Offer was closed: nobody can request it any more (H01).
    pub struct OfferClosed, schema 1;
    open {
        /// The Offer.
        offer: OfferId,
        /// Its owner.
        by: MemberId,
        /// Why.
        reason_code: ReasonCode,
    }
}

event! {
    /// The owner opened a closed Offer again (H01).
    pub struct OfferReopened, schema 1;
    open {
        /// The Offer.
        offer: OfferId,
        /// Its owner.
        by: MemberId,
    }
}

events! {
    /// What can happen to a Need or an Offer.
    pub enum PostEvent in Post {
        NeedPosted,
        NeedEdited,
        NeedClosed,
        NeedReopened,
        OfferPosted,
        OfferEdited,
        OfferClosed,
        OfferReopened,
    }
}
