//! Needs and Offers: posting, editing, closing, reopening (H01), by the same rules for both.

use meguri_events::{
    Category, Event, MemberId, Modes, NeedClosed, NeedEdited, NeedPosted, NeedReopened,
    OfferClosed, OfferEdited, OfferPosted, OfferReopened, Place, PostEvent, PostId, PostOutline,
    PostText, Prefecture, ReasonCode, Sealed, composed,
};

use crate::member::ActiveMember;
use crate::text::{City, Description, ReturnText, Tags, Title};
use crate::{Aggregate, Counts};

/// Why a post cannot be written, changed, closed or reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Only the author may (H01).
    #[error("only the author may change a post")]
    NotTheAuthor,
    /// Neither online nor offline is allowed, so nobody could ever help.
    #[error("a post allows online, offline, or both")]
    NoMode,
    /// The author's key was destroyed; there is no text left to change.
    #[error("the text of this post was erased")]
    TextErased,
}

impl PostError {
    /// Stable name of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotTheAuthor => "not-the-author",
            Self::NoMode => "no-mode",
            Self::TextErased => "text-erased",
        }
    }

    /// The refusal in Japanese.
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::NotTheAuthor => "投稿を変更できるのは投稿した本人だけです。",
            Self::NoMode => "オンラインとオフラインの少なくとも一方を選んでください。",
            Self::TextErased => "この投稿の本文は消去されています。",
        }
    }
}

/// All of a post, as its author gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct PostContent {
    /// One line that tells what it is about.
    pub title: Title,
    /// The whole of it.
    pub description: Description,
    /// What kind of help it is about.
    pub category: Category,
    /// Words to find it by.
    pub tags: Tags,
    /// Where, as far as the author tells.
    pub prefecture: Option<Prefecture>,
    /// City, ward, town or village.
    pub city: Option<City>,
    /// Which modes are allowed (H15).
    pub modes: Modes,
    /// Nothing is asked in return (H16).
    pub no_return_needed: bool,
    /// What is wished in return, if anything.
    pub wished_return: Option<ReturnText>,
    /// Roughly where, see [`crate::rounded_place`].
    pub place: Option<Place>,
}

/// What the author changes; `None` keeps what is there, `Some(None)` takes it away.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(
    clippy::option_option,
    reason = "keep, take away and replace are three things"
)]
pub struct PostPatch {
    /// The title.
    pub title: Option<Title>,
    /// The description.
    pub description: Option<Description>,
    /// The category.
    pub category: Option<Category>,
    /// All tags.
    pub tags: Option<Tags>,
    /// The prefecture.
    pub prefecture: Option<Option<Prefecture>>,
    /// The city.
    pub city: Option<Option<City>>,
    /// Whether online is allowed.
    pub online: Option<bool>,
    /// Whether offline is allowed.
    pub offline: Option<bool>,
    /// Whether nothing is asked in return.
    pub no_return_needed: Option<bool>,
    /// What is wished in return.
    pub wished_return: Option<Option<ReturnText>>,
    /// Roughly where.
    pub place: Option<Option<Place>>,
}

impl PostContent {
    fn split(self) -> (PostOutline, PostText) {
        let outline = PostOutline {
            category: self.category,
            prefecture: self.prefecture,
            modes: self.modes,
            no_return_needed: self.no_return_needed,
        };
        let text = PostText {
            title: self.title.into(),
            description: self.description.into(),
            tags: self.tags.into(),
            city: self.city.map(String::from),
            wished_return: self.wished_return.map(String::from),
            place: self.place,
        };
        (outline, text)
    }
}

impl PostPatch {
    fn apply(self, outline: PostOutline, text: PostText) -> (PostOutline, PostText) {
        let outline = PostOutline {
            category: self.category.unwrap_or(outline.category),
            prefecture: self.prefecture.unwrap_or(outline.prefecture),
            modes: Modes {
                online: self.online.unwrap_or(outline.modes.online),
                offline: self.offline.unwrap_or(outline.modes.offline),
            },
            no_return_needed: self.no_return_needed.unwrap_or(outline.no_return_needed),
        };
        let optional = |city: Option<City>| city.map(String::from);
        let text = PostText {
            title: self.title.map_or(text.title, String::from),
            description: self.description.map_or(text.description, String::from),
            tags: self.tags.map_or(text.tags, Vec::from),
            city: self.city.map_or(text.city, optional),
            wished_return: self
                .wished_return
                .map_or(text.wished_return, |wished| wished.map(String::from)),
            place: self.place.unwrap_or(text.place),
        };
        (outline, text)
    }
}

/// A Need or an Offer, as its stream tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    id: PostId,
    author: MemberId,
    outline: PostOutline,
    text: Sealed<PostText>,
    open: bool,
}

impl Post {
    /// A member posts a Need or registers an Offer, as the id tells (H01).
    ///
    /// # Errors
    /// [`PostError::NoMode`] when no mode is allowed.
    pub fn write(
        id: PostId,
        by: ActiveMember,
        content: PostContent,
    ) -> Result<Vec<PostEvent>, PostError> {
        let by = by.id();
        let (outline, text) = content.split();
        refuse_without_mode(outline)?;
        let text = Sealed::Known(text);
        Ok(vec![match id {
            PostId::Need(need) => NeedPosted {
                need,
                by,
                outline,
                text,
            }
            .into(),
            PostId::Offer(offer) => OfferPosted {
                offer,
                by,
                outline,
                text,
            }
            .into(),
        }])
    }

    /// Which post it is, and of which kind.
    pub const fn id(&self) -> PostId {
        self.id
    }

    /// The author: a Need's poster, an Offer's owner.
    pub const fn author(&self) -> MemberId {
        self.author
    }

    /// What of it is open.
    pub const fn outline(&self) -> PostOutline {
        self.outline
    }

    /// What the author typed.
    pub const fn text(&self) -> &Sealed<PostText> {
        &self.text
    }

    /// Whether exchanges can be opened on it.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The author rewrites it (H01); what reads the same as before yields no event. Exchanges
    /// that are open keep what was copied into them (H15).
    ///
    /// # Errors
    /// Refused for anyone else, and when no mode would be allowed.
    pub fn edit(&self, by: ActiveMember, patch: PostPatch) -> Result<Vec<PostEvent>, PostError> {
        let by = self.author_only(by)?;
        let text = self.text.known().ok_or(PostError::TextErased)?;
        let (outline, new_text) = patch.apply(self.outline, text.clone());
        refuse_without_mode(outline)?;
        if outline == self.outline && in_one_form(&new_text) == in_one_form(text) {
            return Ok(vec![]);
        }
        let text = Sealed::Known(new_text);
        Ok(vec![match self.id {
            PostId::Need(need) => NeedEdited {
                need,
                by,
                outline,
                text,
            }
            .into(),
            PostId::Offer(offer) => OfferEdited {
                offer,
                by,
                outline,
                text,
            }
            .into(),
        }])
    }

    /// The author closes it; a closed one yields no event. Its exchanges go on (H01).
    ///
    /// # Errors
    /// Refused for anyone else.
    pub fn close(&self, by: ActiveMember) -> Result<Vec<PostEvent>, PostError> {
        let by = self.author_only(by)?;
        Ok(self.closed(by, ReasonCode::OwnWords))
    }

    /// The policy closes it because its author has left (H01); a closed one yields no event.
    pub fn close_as_author_left(&self) -> Vec<PostEvent> {
        self.closed(self.author, ReasonCode::MemberLeft)
    }

    /// The author opens it again (H01); an open one yields no event.
    ///
    /// # Errors
    /// Refused for anyone else.
    pub fn reopen(&self, by: ActiveMember) -> Result<Vec<PostEvent>, PostError> {
        let by = self.author_only(by)?;
        if self.open {
            return Ok(vec![]);
        }
        Ok(vec![match self.id {
            PostId::Need(need) => NeedReopened { need, by }.into(),
            PostId::Offer(offer) => OfferReopened { offer, by }.into(),
        }])
    }

    fn closed(&self, by: MemberId, reason_code: ReasonCode) -> Vec<PostEvent> {
        if !self.open {
            return vec![];
        }
        vec![match self.id {
            PostId::Need(need) => NeedClosed {
                need,
                by,
                reason_code,
            }
            .into(),
            PostId::Offer(offer) => OfferClosed {
                offer,
                by,
                reason_code,
            }
            .into(),
        }]
    }

    fn author_only(&self, by: ActiveMember) -> Result<MemberId, PostError> {
        if by.id() == self.author {
            Ok(self.author)
        } else {
            Err(PostError::NotTheAuthor)
        }
    }
}

/// What was typed as it is compared: older events hold it in whatever form.
fn in_one_form(text: &PostText) -> PostText {
    let one = |text: &String| composed(text).into_owned();
    PostText {
        title: one(&text.title),
        description: one(&text.description),
        tags: text.tags.iter().map(one).collect(),
        city: text.city.as_ref().map(one),
        wished_return: text.wished_return.as_ref().map(one),
        place: text.place,
    }
}

fn refuse_without_mode(outline: PostOutline) -> Result<(), PostError> {
    let Modes { online, offline } = outline.modes;
    if online || offline {
        Ok(())
    } else {
        Err(PostError::NoMode)
    }
}

impl Aggregate for Post {
    type Event = PostEvent;

    const FOLD: u32 = 1;

    fn counts(event: &PostEvent) -> Counts {
        match event {
            PostEvent::NeedPosted(_) | PostEvent::OfferPosted(_) => Counts::Always,
            PostEvent::NeedEdited(_) | PostEvent::OfferEdited(_) => {
                Counts::UntilNext("edited".to_owned())
            }
            PostEvent::NeedClosed(_)
            | PostEvent::OfferClosed(_)
            | PostEvent::NeedReopened(_)
            | PostEvent::OfferReopened(_) => Counts::UntilNext("open".to_owned()),
        }
    }

    fn event(event: &Event) -> Option<&PostEvent> {
        if let Event::Post(event) = event {
            Some(event)
        } else {
            None
        }
    }

    fn evolve(state: Option<Self>, event: &PostEvent) -> Option<Self> {
        let posted = |id: PostId, author: MemberId, outline: PostOutline, text: &Sealed<_>| {
            Some(Self {
                id,
                author,
                outline,
                text: text.clone(),
                open: true,
            })
        };
        let edited = |state: Option<Self>, outline: PostOutline, text: &Sealed<_>| {
            state.map(|post| Self {
                outline,
                text: text.clone(),
                ..post
            })
        };
        match event {
            PostEvent::NeedPosted(e) => posted(e.need.into(), e.by, e.outline, &e.text),
            PostEvent::OfferPosted(e) => posted(e.offer.into(), e.by, e.outline, &e.text),
            PostEvent::NeedEdited(e) => edited(state, e.outline, &e.text),
            PostEvent::OfferEdited(e) => edited(state, e.outline, &e.text),
            PostEvent::NeedClosed(_) | PostEvent::OfferClosed(_) => state.map(|post| Self {
                open: false,
                ..post
            }),
            PostEvent::NeedReopened(_) | PostEvent::OfferReopened(_) => {
                state.map(|post| Self { open: true, ..post })
            }
        }
    }
}
