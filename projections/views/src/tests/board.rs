//! The board shows open posts, newest first (H01-H03, H15).

use meguri_events::{Category, Event, Modes, Place, PostId, Prefecture};

use crate::{
    board::{Board, BoardQueries, BoardQuery, ModeWanted},
    error::QueryError,
    page::Page,
    posts::{Post, PostKind},
    testing::{
        Folded, at, erased, given, plan,
        story::{
            member, need, need_closed, need_edited, need_posted, need_reopened, offer,
            offer_posted, outline,
        },
    },
};

const ONLINE: Modes = Modes {
    online: true,
    offline: false,
};
const OFFLINE: Modes = Modes {
    online: false,
    offline: true,
};

fn all() -> BoardQuery {
    BoardQuery {
        limit: 100,
        ..BoardQuery::default()
    }
}

async fn list(folded: &Folded, query: BoardQuery) -> Page<Post> {
    BoardQueries(folded.reader.clone())
        .list(&query)
        .await
        .unwrap()
}

fn titles(page: &Page<Post>) -> Vec<&str> {
    page.items
        .iter()
        .map(|post| post.title.as_deref().unwrap_or("(erased)"))
        .collect()
}

async fn titles_of(events: &[Event], query: BoardQuery) -> Vec<String> {
    let folded = given::<Board>(events).await;
    titles(&list(&folded, query).await)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// A Need about pets in Tokyo in any mode, an Offer of repairs in Osaka online, one offline.
fn three_posts() -> Vec<Event> {
    vec![
        need_posted(1, 1, "犬の散歩", &["犬", "散歩"]),
        offer_posted(2, 2, "Bike 修理", outline(Category::Repair, 27, ONLINE)),
        offer_posted(3, 3, "棚の修理", outline(Category::Repair, 13, OFFLINE)),
    ]
}

#[tokio::test]
async fn needs_and_offers_are_listed_newest_first_h02_h03() {
    assert_eq!(
        titles_of(&three_posts(), all()).await,
        ["棚の修理", "Bike 修理", "犬の散歩"]
    );
}

#[tokio::test]
async fn a_tag_is_found_in_any_of_its_writings() {
    let events = [need_posted(
        1,
        1,
        "ひとつ",
        &["ランニング", "らんにんぐ", "Ｗｉ－Ｆｉ", "か\u{3099}っこう"],
    )];
    let by = |tag: &str| BoardQuery {
        tag: Some(tag.into()),
        ..all()
    };
    for tag in [
        "ランニング",
        "らんにんぐ",
        "ﾗﾝﾆﾝｸﾞ",
        "Wi-Fi",
        "WI-FI ",
        "がっこう",
        "か\u{3099}っこう",
        "ガッコウ",
    ] {
        assert_eq!(titles_of(&events, by(tag)).await, ["ひとつ"], "{tag}");
    }
    assert!(titles_of(&events, by("ランニン")).await.is_empty());
    let edited = [
        events[0].clone(),
        need_edited(1, 1, "ひとつ", &["がっこう"]),
    ];
    assert_eq!(titles_of(&edited, by("ガッコウ")).await, ["ひとつ"]);
    assert!(titles_of(&edited, by("らんにんぐ")).await.is_empty());
}

#[tokio::test]
async fn an_old_text_in_another_form_is_found_and_shown_in_nfc() {
    let events = [need_posted(1, 1, "か\u{3099}くせい", &["か\u{3099}"])];
    for text in ["がくせい", "か\u{3099}く"] {
        let query = BoardQuery {
            text: Some(text.into()),
            ..all()
        };
        assert_eq!(titles_of(&events, query).await, ["がくせい"], "{text}");
    }
}

#[tokio::test]
async fn a_post_shows_all_that_its_author_told_h01() {
    let folded = given::<Board>(&three_posts()[..1]).await;
    let [post] = list(&folded, all()).await.items.try_into().unwrap();
    assert_eq!(post.id, PostId::Need(need(1)));
    assert_eq!((post.kind, post.author), (PostKind::Need, member(1)));
    assert_eq!((post.posted_at, post.edited_at), (at(1), None));
    assert_eq!(post.category, Category::Pets);
    assert_eq!(post.prefecture, Prefecture::from_code(13).ok());
    assert!(post.online && post.offline && post.no_return_needed && post.open);
    assert_eq!(post.description.as_deref(), Some("犬の散歩をお願いします"));
    assert_eq!(post.tags.0, ["犬", "散歩"]);
    assert_eq!(post.city.as_deref(), Some("杉並区"));
    assert_eq!(
        post.lat_e7.zip(post.lon_e7),
        Some((356_900_000, 1_396_300_000))
    );
    let (lat, lon) = (35.69, 139.63);
    assert_eq!(post.place(), Some(Place { lat, lon }));
}

#[tokio::test]
async fn an_edited_post_reads_as_it_was_rewritten_and_keeps_its_place_h01() {
    let mut events = three_posts();
    events.push(need_edited(1, 1, "猫の世話", &["猫"]));
    let folded = given::<Board>(&events).await;
    let page = list(&folded, all()).await;
    assert_eq!(titles(&page), ["棚の修理", "Bike 修理", "猫の世話"]);
    let post = &page.items[2];
    assert_eq!((post.posted_at, post.edited_at), (at(1), Some(at(4))));
    assert_eq!((post.category, post.offline), (Category::Care, false));
    let by_tag = |tag: &str| BoardQuery {
        tag: Some(tag.into()),
        ..all()
    };
    assert_eq!(
        titles(&list(&folded, by_tag("犬")).await),
        Vec::<&str>::new()
    );
    assert_eq!(titles(&list(&folded, by_tag("猫")).await), ["猫の世話"]);
}

#[tokio::test]
async fn a_closed_post_leaves_the_board_and_a_reopened_one_returns_h01() {
    let mut events = three_posts();
    events.push(need_closed(1, 1));
    let folded = given::<Board>(&events).await;
    assert_eq!(
        titles(&list(&folded, all()).await),
        ["棚の修理", "Bike 修理"]
    );
    let closed = BoardQueries(folded.reader.clone())
        .post(need(1).into())
        .await
        .unwrap();
    assert!(!closed.open, "it can still be looked up");
    events.push(need_reopened(1, 1));
    assert_eq!(
        titles_of(&events, all()).await,
        ["棚の修理", "Bike 修理", "犬の散歩"]
    );
}

#[tokio::test]
async fn each_filter_leaves_out_what_it_does_not_ask_for() {
    let folded = given::<Board>(&three_posts()).await;
    let kind = |kind| BoardQuery {
        kind: Some(kind),
        ..all()
    };
    assert_eq!(
        titles(&list(&folded, kind(PostKind::Need)).await),
        ["犬の散歩"]
    );
    assert_eq!(
        titles(&list(&folded, kind(PostKind::Offer)).await),
        ["棚の修理", "Bike 修理"]
    );
    let category = BoardQuery {
        category: Some(Category::Pets),
        ..all()
    };
    assert_eq!(titles(&list(&folded, category).await), ["犬の散歩"]);
    let prefecture = BoardQuery {
        prefecture: Prefecture::from_code(27).ok(),
        ..all()
    };
    assert_eq!(titles(&list(&folded, prefecture).await), ["Bike 修理"]);
    let author = BoardQuery {
        author: Some(member(3)),
        ..all()
    };
    assert_eq!(titles(&list(&folded, author).await), ["棚の修理"]);
    let both = BoardQuery {
        category: Some(Category::Repair),
        prefecture: Prefecture::from_code(13).ok(),
        ..all()
    };
    assert_eq!(titles(&list(&folded, both).await), ["棚の修理"]);
}

#[tokio::test]
async fn posts_are_found_by_a_mode_that_they_allow_h13_h15() {
    let folded = given::<Board>(&three_posts()).await;
    let mode = |mode: &str| BoardQuery {
        mode: Some(mode.parse().unwrap()),
        ..all()
    };
    assert_eq!(
        titles(&list(&folded, mode("online")).await),
        ["Bike 修理", "犬の散歩"]
    );
    for offline in ["offline", "by_post", "in_person"] {
        assert_eq!(
            titles(&list(&folded, mode(offline)).await),
            ["棚の修理", "犬の散歩"]
        );
    }
    assert!("by_magic".parse::<ModeWanted>().is_err());
}

#[tokio::test]
async fn posts_are_found_by_a_part_of_title_description_or_tag() {
    let folded = given::<Board>(&three_posts()).await;
    let text = |text: &str| BoardQuery {
        text: Some(text.into()),
        ..all()
    };
    assert_eq!(
        titles(&list(&folded, text("修理")).await),
        ["棚の修理", "Bike 修理"]
    );
    assert_eq!(titles(&list(&folded, text("bIKE")).await), ["Bike 修理"]);
    assert_eq!(titles(&list(&folded, text("をお願い")).await).len(), 3);
    // As search compares words: full and half width, case, hiragana and katakana.
    for same in ["Ｂｉｋｅ", "BIKE", "ｂｉｋｅ　修理", "\u{200b}bike"] {
        assert_eq!(
            titles(&list(&folded, text(same)).await),
            ["Bike 修理"],
            "{same}"
        );
    }
    for same in ["ヲオ願イ", "ｦｵ願ｲ"] {
        assert_eq!(titles(&list(&folded, text(same)).await).len(), 3, "{same}");
    }
    assert_eq!(titles(&list(&folded, text("犬")).await), ["犬の散歩"]);
    assert_eq!(titles(&list(&folded, text("%")).await), Vec::<&str>::new());
    assert_eq!(
        titles(&list(&folded, text("\",\"")).await),
        Vec::<&str>::new()
    );
    assert_eq!(titles(&list(&folded, text("")).await).len(), 3);
}

#[tokio::test]
async fn pages_stay_in_step_while_new_posts_arrive() {
    let mut events: Vec<_> = (1..=5)
        .map(|number| need_posted(number, 1, &format!("{number}"), &[]))
        .collect();
    let folded = given::<Board>(&events).await;
    let first = list(&folded, BoardQuery { limit: 2, ..all() }).await;
    assert_eq!(titles(&first), ["5", "4"]);
    events.push(need_posted(6, 1, "6", &[]));
    let folded = given::<Board>(&events).await;
    let after = first.next.unwrap().to_string().parse().ok();
    let second = list(
        &folded,
        BoardQuery {
            limit: 2,
            after,
            ..all()
        },
    )
    .await;
    assert_eq!(titles(&second), ["3", "2"]);
    let last = list(
        &folded,
        BoardQuery {
            limit: 2,
            after: second.next,
            ..all()
        },
    )
    .await;
    assert_eq!((titles(&last), last.next), (vec!["1"], None));
}

#[tokio::test]
async fn a_post_whose_text_is_erased_shows_no_word_of_it() {
    let events = [
        erased(&need_posted(1, 1, "犬の散歩", &["犬"])),
        need_closed(1, 1),
    ];
    let folded = given::<Board>(&events).await;
    let post = BoardQueries(folded.reader.clone())
        .post(need(1).into())
        .await
        .unwrap();
    assert_eq!(
        (&post.title, &post.description, &post.city, post.place()),
        (&None, &None, &None, None)
    );
    assert!(post.tags.0.is_empty());
    assert_eq!(post.author, member(1));
}

#[tokio::test]
async fn a_post_that_never_was_is_not_found() {
    let folded = given::<Board>(&[]).await;
    let answer = BoardQueries(folded.reader.clone())
        .post(offer(9).into())
        .await;
    assert!(matches!(answer, Err(QueryError::NotFound)));
}

#[tokio::test]
async fn the_filters_of_the_board_use_an_index() {
    let folded = given::<Board>(&three_posts()).await;
    let pool = folded.file.readers();
    for condition in [
        "open",
        "open and category = 'pets'",
        "open and prefecture = 13",
    ] {
        let query = format!("select id from post where {condition} order by posted desc limit 10");
        let plan = plan(&pool, &query).await;
        assert!(
            plan.contains("USING INDEX post_newest"),
            "{condition}: {plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{condition} sorts: {plan}");
    }
}
