//! Needs (コマリゴト) and Offers (デキルコト) as rows: what all views that show posts hold of them.

use meguri_events::{
    Category, Event, MemberEvent, MemberId, Place, PostEvent, PostId, PostOutline, PostText,
    Prefecture, Sealed, composed,
};
use meguri_log::{Position, Timestamp, Version};

use meguri_engine::{Decoded, Erasure, FoldError, Row as _, Rows};

use crate::{
    catalog::joined,
    column::{Column as _, Json, table, text_column},
};

/// Something a member needs help with, or can do for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PostKind {
    /// コマリゴト.
    Need,
    /// デキルコト.
    Offer,
}

/// A text is not a kind of post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a post is a need or an offer")]
pub struct UnknownKind;

impl PostKind {
    /// The code that is stored and sent.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Need => "need",
            Self::Offer => "offer",
        }
    }

    /// What kind of post this is the id of.
    pub const fn of(post: PostId) -> Self {
        match post {
            PostId::Need(_) => Self::Need,
            PostId::Offer(_) => Self::Offer,
        }
    }
}

impl std::fmt::Display for PostKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for PostKind {
    type Err = UnknownKind;

    fn from_str(code: &str) -> Result<Self, UnknownKind> {
        match code {
            "need" => Ok(Self::Need),
            "offer" => Ok(Self::Offer),
            _ => Err(UnknownKind),
        }
    }
}
text_column!(PostKind);

table! {
    /// A Need or an Offer as the board shows it.
    pub struct Post in "post"
    by {
        /// The post.
        id: PostId,
    }
    with {
        /// Need or Offer.
        kind: PostKind,
        /// Who posted it.
        author: MemberId,
        /// The position of the event that posted it.
        posted: Position,
        /// The position of the last event that changed what is here.
        changed: Position,
        /// The version of its stream: what a command expects it to be.
        version: Version,
        /// When it was posted.
        posted_at: Timestamp,
        /// When it was edited last.
        edited_at: Option<Timestamp>,
        /// Whether it can be answered; closed posts are not on the board.
        open: bool,
        /// What kind of help it is about.
        category: Category,
        /// Where, if the author told.
        prefecture: Option<Prefecture>,
        /// Whether help may be given online (H13).
        online: bool,
        /// Whether help may be given by post or in person (H14).
        offline: bool,
        /// Nothing is asked in return (H16).
        no_return_needed: bool,
        /// One line that tells what it is about; none once it is erased.
        title: Option<String> => Profile of author,
        /// The whole of it; none once it is erased.
        description: Option<String> => Profile of author,
        /// Words to find it by.
        tags: Json<Vec<String>> => Profile of author,
        /// City, ward, town or village.
        city: Option<String> => Profile of author,
        /// What is wished in return.
        wished_return: Option<String> => Profile of author,
        /// Degrees north, in units of 1e-7 degree.
        lat_e7: Option<i32> => Profile of author,
        /// Degrees east, in units of 1e-7 degree.
        lon_e7: Option<i32> => Profile of author,
    }
    once erased |post, at, _taken| { post.changed = at; }
}

impl Post {
    /// Roughly where, in degrees; none if the author did not tell, or it is erased.
    pub fn place(&self) -> Option<Place> {
        let (lat, lon) = self.lat_e7.zip(self.lon_e7)?;
        Some(Place {
            lat: degrees(lat),
            lon: degrees(lon),
        })
    }
}

/// Degrees in units of 1e-7 degree. Events hold hundredths; places within 180° fit.
#[expect(clippy::cast_possible_truncation, reason = "rounded, and saturating")]
fn e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

/// The number nearest to this decimal fraction: what the event said.
fn degrees(e7: i32) -> f64 {
    f64::from(e7) / 1e7
}

/// The types of the events that change posts, or erase what is typed in them.
pub(crate) const WANTS: [&str; PostEvent::TYPES.len() + 2] =
    joined(&[PostEvent::TYPES, &["MemberLeft", "MemberErased"]]);

/// The posts that a view works on.
pub(crate) type Posts = Rows<Post>;

/// A post that reads otherwise now.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) post: PostId,
    pub(crate) before: Words,
    pub(crate) after: Words,
}

/// What a post reads; nothing before it was posted, and once it is erased.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Title and description.
    pub(crate) text: Option<[String; 2]>,
    pub(crate) tags: Vec<String>,
}

impl Words {
    fn of(post: &Post) -> Self {
        let title = post.title.clone();
        Self {
            text: title.zip(post.description.clone()).map(Into::into),
            tags: post.tags.0.clone(),
        }
    }
}

/// What a post event says, be it of a Need or of an Offer.
enum Change<'a> {
    Posted {
        by: MemberId,
        outline: PostOutline,
        text: &'a Sealed<PostText>,
    },
    Edited {
        outline: PostOutline,
        text: &'a Sealed<PostText>,
    },
    Closed,
    Reopened,
}

fn change(event: &PostEvent) -> (PostId, Change<'_>) {
    match event {
        PostEvent::NeedPosted(event) => {
            let (by, outline, text) = (event.by, event.outline, &event.text);
            (event.need.into(), Change::Posted { by, outline, text })
        }
        PostEvent::OfferPosted(event) => {
            let (by, outline, text) = (event.by, event.outline, &event.text);
            (event.offer.into(), Change::Posted { by, outline, text })
        }
        PostEvent::NeedEdited(event) => (
            event.need.into(),
            Change::Edited {
                outline: event.outline,
                text: &event.text,
            },
        ),
        PostEvent::OfferEdited(event) => (
            event.offer.into(),
            Change::Edited {
                outline: event.outline,
                text: &event.text,
            },
        ),
        PostEvent::NeedClosed(event) => (event.need.into(), Change::Closed),
        PostEvent::OfferClosed(event) => (event.offer.into(), Change::Closed),
        PostEvent::NeedReopened(event) => (event.need.into(), Change::Reopened),
        PostEvent::OfferReopened(event) => (event.offer.into(), Change::Reopened),
    }
}

/// Asks for the posts that an event changes.
pub(crate) fn ask(posts: &mut Posts, fact: &Event) {
    if let Event::Post(event) = fact {
        posts.ask(change(event).0);
    }
    if let Event::Member(MemberEvent::MemberLeft(left)) = fact {
        posts.ask_where("author", left.member.to_cell());
    }
}

/// Changes the posts that were asked for by this event. Answers which reads otherwise now.
///
/// # Errors
/// [`FoldError`] where a post is changed that there is not.
pub(crate) fn fold(
    posts: &mut Posts,
    fact: &Event,
    event: &Decoded,
) -> Result<Option<Rewritten>, FoldError> {
    let Event::Post(post) = fact else {
        close_if_left(posts, fact, event.position);
        return Ok(None);
    };
    let (id, change) = change(post);
    let rewritten = match change {
        Change::Posted { by, outline, text } => {
            posts.put(posted(event, id, by, outline));
            Some(rewrite(posts.row(&id)?, outline, text))
        }
        Change::Edited { outline, text } => {
            let post = posts.row(&id)?;
            post.edited_at = Some(event.at);
            Some(rewrite(post, outline, text))
        }
        Change::Closed => {
            posts.row(&id)?.open = false;
            None
        }
        Change::Reopened => {
            posts.row(&id)?.open = true;
            None
        }
    };
    let post = posts.row(&id)?;
    (post.version, post.changed) = (event.version, event.position);
    Ok(rewritten)
}

/// Closes the posts that were asked for where their author has left. The events that close them
/// follow; who reads in between sees none of them any more.
fn close_if_left(posts: &mut Posts, fact: &Event, position: Position) {
    if !matches!(fact, Event::Member(MemberEvent::MemberLeft(_))) {
        return;
    }
    posts.change_asked(|post| {
        let was_open = std::mem::replace(&mut post.open, false);
        if was_open {
            post.changed = position;
        }
        was_open
    });
}

/// Takes away what the author of the posts that were asked for has typed. Answers which read
/// otherwise now.
pub(crate) fn erase(posts: &mut Posts, erasure: &Erasure) -> Vec<Rewritten> {
    let mut rewritten = Vec::new();
    posts.change_asked(|post| {
        let before = Words::of(post);
        let changed = post.erase(erasure);
        if changed {
            rewritten.push(Rewritten {
                post: post.id,
                before,
                after: Words::of(post),
            });
        }
        changed
    });
    rewritten
}

/// Puts what a post reads now in place of what it read before.
fn rewrite(post: &mut Post, outline: PostOutline, text: &Sealed<PostText>) -> Rewritten {
    let text = text.known();
    let place: Option<Place> = text.and_then(|text| text.place);
    // Typed in whatever form, shown and compared in one.
    let one = |text: &String| composed(text).into_owned();
    let before = Words::of(post);
    let tags = text.map(|text| text.tags.iter().map(one).collect());
    post.tags.0 = tags.unwrap_or_default();
    post.category = outline.category;
    post.prefecture = outline.prefecture;
    post.online = outline.modes.online;
    post.offline = outline.modes.offline;
    post.no_return_needed = outline.no_return_needed;
    post.title = text.map(|text| one(&text.title));
    post.description = text.map(|text| one(&text.description));
    post.city = text.and_then(|text| text.city.as_ref().map(one));
    post.wished_return = text.and_then(|text| text.wished_return.as_ref().map(one));
    post.lat_e7 = place.map(|place| e7(place.lat));
    post.lon_e7 = place.map(|place| e7(place.lon));
    Rewritten {
        post: post.id,
        before,
        after: Words::of(post),
    }
}

/// A post before anything that was typed is filled in.
fn posted(event: &Decoded, id: PostId, author: MemberId, outline: PostOutline) -> Post {
    Post {
        id,
        kind: PostKind::of(id),
        author,
        posted: event.position,
        changed: event.position,
        version: event.version,
        posted_at: event.at,
        edited_at: None,
        open: true,
        category: outline.category,
        prefecture: outline.prefecture,
        online: outline.modes.online,
        offline: outline.modes.offline,
        no_return_needed: outline.no_return_needed,
        title: None,
        description: None,
        tags: Json::default(),
        city: None,
        wished_return: None,
        lat_e7: None,
        lon_e7: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{degrees, e7};

    #[test]
    fn every_coordinate_that_a_post_can_have_comes_back_as_it_was() {
        for hundredths in -18_000..=18_000 {
            let said = f64::from(hundredths) / 100.0;
            assert_eq!(e7(said), hundredths * 100_000);
            assert_eq!(degrees(e7(said)).to_bits(), said.to_bits(), "{said}");
        }
    }
}
