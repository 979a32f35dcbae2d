//! Needs and Offers.

use meguri_domain::{City, Post, PostError, PostPatch, Tags, Title};
use meguri_events::{
    Category, Modes, NeedClosed, NeedPosted, NeedReopened, OfferClosed, OfferPosted, OfferReopened,
    Place, PostEvent, PostId, PostOutline, PostText, Prefecture, ReasonCode, Sealed,
};

use crate::scenario::given;
use crate::scene::{
    ALL_MODES, ASKED, NEED, OFFER, STRANGER, acting, content, posted, posted_with, then,
};

const BOTH: [PostId; 2] = [PostId::Need(NEED), PostId::Offer(OFFER)];

fn written() -> (PostOutline, Sealed<PostText>) {
    let outline = PostOutline {
        category: Category::Repair,
        prefecture: None,
        modes: ALL_MODES,
        no_return_needed: false,
    };
    let text = PostText {
        title: "自転車の修理".to_owned(),
        description: "パンクを直します".to_owned(),
        tags: vec!["自転車".to_owned()],
        city: None,
        wished_return: None,
        place: None,
    };
    (outline, text.into())
}

fn closed(post: PostId) -> PostEvent {
    let (by, reason_code) = (ASKED, ReasonCode::OwnWords);
    match post {
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
    }
}

fn reopened(post: PostId) -> PostEvent {
    match post {
        PostId::Need(need) => NeedReopened { need, by: ASKED }.into(),
        PostId::Offer(offer) => OfferReopened { offer, by: ASKED }.into(),
    }
}

#[test]
fn a_member_posts_a_need_h01() {
    let (outline, text) = written();
    assert_eq!(
        posted(NEED),
        [NeedPosted {
            need: NEED,
            by: ASKED,
            outline,
            text
        }
        .into()]
    );
}

#[test]
fn a_member_registers_an_offer_h01() {
    let (outline, text) = written();
    assert_eq!(
        posted(OFFER),
        [OfferPosted {
            offer: OFFER,
            by: ASKED,
            outline,
            text
        }
        .into()]
    );
}

#[test]
fn a_post_that_allows_no_mode_is_refused_h01() {
    let nothing = Modes {
        online: false,
        offline: false,
    };
    for post in BOTH {
        let refused = Post::write(post, acting(ASKED), content(nothing, false));
        assert_eq!(refused, Err(PostError::NoMode));
        let patch = PostPatch {
            online: Some(false),
            offline: Some(false),
            ..Default::default()
        };
        given::<Post>(posted(post))
            .when(|post| post.edit(acting(ASKED), patch))
            .then_refused(PostError::NoMode);
    }
}

#[test]
fn the_author_edits_a_post_and_the_rest_stays_h01() {
    for id in BOTH {
        let post = given::<Post>(posted(id)).state();
        let patch = PostPatch {
            title: Some(Title::parse("自転車とバイクの修理").unwrap()),
            prefecture: Some(Some(Prefecture::from_code(13).unwrap())),
            tags: Some(Tags::default()),
            city: Some(City::parse_optional(Some("世田谷区")).unwrap()),
            place: Some(Some(Place {
                lat: 35.65,
                lon: 139.65,
            })),
            ..Default::default()
        };
        let edited = given::<Post>(then(posted(id), post.edit(acting(ASKED), patch).unwrap()));
        let edited = edited.state();
        let text = edited.text().known().unwrap();
        assert_eq!(text.title, "自転車とバイクの修理");
        assert_eq!(text.description, "パンクを直します");
        assert_eq!(text.city.as_deref(), Some("世田谷区"));
        assert!(text.tags.is_empty() && text.place.is_some());
        assert_eq!(edited.outline().prefecture.map(Prefecture::code), Some(13));
        assert_eq!(edited.outline().modes, ALL_MODES);
    }
}

#[test]
fn what_was_told_can_be_taken_away_again_h01() {
    let post = given::<Post>(posted(NEED)).state();
    let told = PostPatch {
        prefecture: Some(Prefecture::from_code(1).ok()),
        ..Default::default()
    };
    let history = then(posted(NEED), post.edit(acting(ASKED), told).unwrap());
    let post = given::<Post>(history.clone()).state();
    let taken = PostPatch {
        prefecture: Some(None),
        ..Default::default()
    };
    let history = then(history, post.edit(acting(ASKED), taken).unwrap());
    assert_eq!(given::<Post>(history).state().outline().prefecture, None);
}

#[test]
fn an_edit_that_changes_nothing_yields_nothing_h01() {
    let patch = PostPatch {
        category: Some(Category::Repair),
        ..Default::default()
    };
    given::<Post>(posted(NEED))
        .when(|post| post.edit(acting(ASKED), patch))
        .then_nothing();
}

#[test]
fn only_the_author_edits_closes_and_reopens_h01() {
    for id in BOTH {
        let post = given::<Post>(posted(id)).state();
        let refused = Err(PostError::NotTheAuthor);
        assert_eq!(post.edit(acting(STRANGER), PostPatch::default()), refused);
        assert_eq!(post.close(acting(STRANGER)), refused);
        let post = given::<Post>(then(posted(id), [closed(id)])).state();
        assert_eq!(post.reopen(acting(STRANGER)), refused);
    }
}

#[test]
fn the_author_closes_a_post_once_h01() {
    for id in BOTH {
        given::<Post>(posted(id))
            .when(|post| post.close(acting(ASKED)))
            .then([closed(id)]);
        given::<Post>(then(posted(id), [closed(id)]))
            .when(|post| post.close(acting(ASKED)))
            .then_nothing();
    }
}

#[test]
fn the_author_reopens_a_closed_post_h01() {
    for id in BOTH {
        given::<Post>(posted(id))
            .when(|post| post.reopen(acting(ASKED)))
            .then_nothing();
        given::<Post>(then(posted(id), [closed(id)]))
            .when(|post| post.reopen(acting(ASKED)))
            .then([reopened(id)]);
        let again = given::<Post>(then(posted(id), [closed(id), reopened(id)])).state();
        assert!(again.is_open());
    }
}

#[test]
fn a_post_whose_text_was_erased_is_not_edited_h01() {
    let mut history = posted_with(NEED, ALL_MODES, false);
    let PostEvent::NeedPosted(posted) = &mut history[0] else {
        panic!("not a Need")
    };
    posted.text = Sealed::Erased;
    given::<Post>(history)
        .when(|post| post.edit(acting(ASKED), PostPatch::default()))
        .then_refused(PostError::TextErased);
}
