//! Matches: who is told of somebody else's new post, and when nobody is told any more.

use meguri_domain::{Aggregate, Blocking, Matching, Member, Post};
use meguri_events::{MatchEvent, MemberBlocked, MemberId, PostEvent, PostId, PostMatched};

use crate::scene::{
    ALL_MODES, ASKED, NEED, OFFER, OPENER, acting, content, member, posted, who_left,
};

/// What both sides of a match are, unless a test says otherwise: ASKED posted the Need, OPENER has
/// the Offer that it fits.
struct Scene {
    need: Vec<PostEvent>,
    offers: Vec<Post>,
    author: Member,
    told: Member,
    blocking: Blocking,
}

fn offer_of(author: MemberId) -> Post {
    let written = Post::write(OFFER.into(), acting(author), content(ALL_MODES, false)).unwrap();
    Post::replay(&written).unwrap()
}

impl Scene {
    fn set() -> Self {
        Self {
            need: posted(NEED),
            offers: vec![offer_of(OPENER)],
            author: member(ASKED),
            told: member(OPENER),
            blocking: Blocking::default(),
        }
    }

    fn told(&self) -> Vec<MatchEvent> {
        let matching = Matching {
            post: &Post::replay(&self.need).unwrap(),
            author: &self.author,
            member: &self.told,
            fits: &self.offers,
            blocking: &self.blocking,
        };
        matching.tell()
    }
}

#[test]
fn a_member_is_told_which_of_their_posts_a_new_one_fits() {
    let told = PostMatched {
        member: OPENER,
        post: NEED.into(),
        author: ASKED,
        fits: vec![PostId::Offer(OFFER)],
    };
    assert_eq!(Scene::set().told(), [told.into()]);
}

#[test]
fn nobody_is_told_of_a_post_that_is_closed_or_for_one_that_is() {
    let mut scene = Scene::set();
    let need = Post::replay(&scene.need).unwrap();
    scene.need.extend(need.close(acting(ASKED)).unwrap());
    assert_eq!(scene.told(), []);
    let mut scene = Scene::set();
    let closed = scene.offers[0].close(acting(OPENER)).unwrap();
    scene.offers[0] = closed.iter().fold(scene.offers[0].clone(), |post, event| {
        Post::evolve(Some(post), event).unwrap()
    });
    assert_eq!(scene.told(), []);
}

#[test]
fn nobody_is_told_of_their_own_post_nor_of_one_of_the_same_kind() {
    let mut scene = Scene::set();
    (scene.offers, scene.told) = (vec![offer_of(ASKED)], member(ASKED));
    assert_eq!(scene.told(), []);
    let mut scene = Scene::set();
    scene.offers = vec![Post::replay(&scene.need).unwrap()];
    assert_eq!(scene.told(), []);
}

#[test]
fn nobody_is_told_for_a_post_of_somebody_else() {
    let mut scene = Scene::set();
    scene.offers = vec![offer_of(ASKED)];
    assert_eq!(scene.told(), []);
}

#[test]
fn nobody_is_told_over_a_block_c12() {
    for (by, blocked) in [(ASKED, OPENER), (OPENER, ASKED)] {
        let mut scene = Scene::set();
        let event = MemberBlocked { by, blocked }.into();
        scene.blocking = Blocking::replay([&event]).unwrap();
        assert_eq!(scene.told(), []);
    }
}

#[test]
fn nobody_is_told_who_left_nor_of_a_post_of_who_left() {
    let mut scene = Scene::set();
    scene.told = who_left(OPENER);
    assert_eq!(scene.told(), []);
    let mut scene = Scene::set();
    scene.author = who_left(ASKED);
    assert_eq!(scene.told(), []);
}
