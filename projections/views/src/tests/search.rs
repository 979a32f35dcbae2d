//! Search: what is posted is found, what is closed or erased is not, on both logs; and the index
//! holds what the rows say, whatever happens to it.

use std::{fs, path::Path};

use meguri_events::{
    Category, Event, SynonymsGrouped, VocabularyEvent, VocabularyWordAdded, VocabularyWordRemoved,
};
use meguri_log::Log;

use super::run::{LONG, open};
use crate::Moment;
use meguri_engine::{Mismatch, Verified, Views};

use crate::{
    board::BoardQuery,
    search::SearchQuery,
    testing::{
        log::{append, on_both},
        story::{
            ANYWHERE, left, need, need_closed, need_edited, need_posted, need_reopened,
            offer_posted, outline, registered,
        },
    },
};

const SEARCH: &str = "search";

fn text(text: &str) -> SearchQuery {
    SearchQuery {
        text: text.to_owned(),
        limit: 100,
        ..SearchQuery::default()
    }
}

async fn titles_of(views: &Views, query: &SearchQuery) -> Vec<String> {
    let answer = Moment::live(views).search().search(query).await.unwrap();
    let titles = answer
        .posts
        .into_iter()
        .map(|found| found.post.title.unwrap());
    titles.collect()
}

/// What is found once everything that was appended can be.
async fn found(views: &Views, log: &Log, query: &str) -> Vec<String> {
    views
        .wait_for(SEARCH, log.known_head(), LONG)
        .await
        .unwrap();
    titles_of(views, &text(query)).await
}

fn three_posts() -> Vec<Event> {
    vec![
        registered(1, "aki"),
        registered(2, "haru"),
        need_posted(1, 1, "犬の散歩をお願いします", &["犬"]),
        need_posted(2, 2, "庭の草むしり", &["庭"]),
        need_posted(3, 1, "猫と犬の世話", &["猫"]),
    ]
}

#[tokio::test]
async fn what_is_posted_is_found_and_what_is_closed_is_not() {
    on_both(async |log, folder| {
        let views = open(&log, &folder.join("views")).await;
        append(&log, &three_posts()).await;
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        assert_eq!(found(&views, &log, "草むしり").await, ["庭の草むしり"]);
        append(
            &log,
            &[need_closed(1, 1), need_edited(2, 2, "庭の水まき", &["庭"])],
        )
        .await;
        assert_eq!(found(&views, &log, "犬").await, ["猫と犬の世話"]);
        assert_eq!(found(&views, &log, "水まき").await, ["庭の水まき"]);
        append(&log, &[need_reopened(1, 1)]).await;
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        assert_eq!(
            found(&views, &log, "").await.len(),
            3,
            "everything, without a text"
        );
        views.close().await;
        log.close().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_of_who_left_is_found_from_the_next_request_on() {
    on_both(async |log, folder| {
        let views = open(&log, &folder.join("views")).await;
        append(&log, &three_posts()).await;
        // The policy has not closed their posts yet.
        append(&log, &[left(1)]).await;
        assert_eq!(found(&views, &log, "").await, ["庭の草むしり"]);
        let board = Moment::live(&views).board();
        let query = BoardQuery {
            limit: 100,
            ..BoardQuery::default()
        };
        let posts = board.list(&query).await.unwrap().items;
        let posts: Vec<_> = posts.iter().map(|post| post.id).collect();
        assert_eq!(posts, [need(2).into()]);
        append(&log, &[need_closed(1, 1), need_closed(3, 1)]).await;
        assert_eq!(found(&views, &log, "犬").await, [""; 0]);
        let sound = views.verify(SEARCH, None).await.unwrap();
        assert!(matches!(sound, Verified::Equal { .. }), "{sound:?}");
        views.close().await;
        log.close().await;
    })
    .await;
}

fn word_added(word: &str, reading: &str) -> Event {
    let (word, reading) = (word.parse().unwrap(), reading.parse().unwrap());
    let reading = Some(reading);
    VocabularyEvent::from(VocabularyWordAdded { word, reading }).into()
}

fn grouped(words: &[&str]) -> Event {
    let words = words.iter().map(|word| word.parse().unwrap()).collect();
    VocabularyEvent::from(SynonymsGrouped { group: 1, words }).into()
}

#[tokio::test]
async fn words_and_synonyms_of_the_community_are_in_force_at_once() {
    on_both(async |log, folder| {
        let views = open(&log, &folder.join("views")).await;
        append(&log, &[registered(1, "aki")]).await;
        append(&log, &[need_posted(1, 1, "パソコンの設定", &[])]).await;
        append(&log, &[need_posted(2, 1, "推し活の仲間", &[])]).await;
        assert!(found(&views, &log, "計算機").await.is_empty());
        append(&log, &[grouped(&["パソコン", "計算機"])]).await;
        assert_eq!(found(&views, &log, "計算機").await, ["パソコンの設定"]);
        assert!(found(&views, &log, "おしかつ").await.is_empty());
        append(&log, &[word_added("推し活", "おしかつ")]).await;
        assert_eq!(found(&views, &log, "おしかつ").await, ["推し活の仲間"]);
        views.close().await;
        // And after a start, and for those who look back.
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "計算機").await, ["パソコンの設定"]);
        assert_eq!(found(&views, &log, "おしかつ").await, ["推し活の仲間"]);
        let word = "推し活".parse().unwrap();
        let removed = VocabularyEvent::from(VocabularyWordRemoved { word });
        append(&log, &[removed.into()]).await;
        assert!(found(&views, &log, "おしかつ").await.is_empty());
        views.close().await;
        log.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_past_is_searched_as_it_was() {
    on_both(async |log, folder| {
        let views = open(&log, &folder.join("views")).await;
        let then = append(&log, &three_posts()).await;
        append(&log, &[need_closed(1, 1), need_closed(3, 1)]).await;
        assert!(found(&views, &log, "犬").await.is_empty());
        let moment = Moment::as_of(&views, &[SEARCH], then, LONG).await.unwrap();
        let answer = moment.search().search(&text("犬")).await.unwrap();
        assert_eq!((moment.position(), answer.total), (then, 2));
        views.close().await;
        log.close().await;
    })
    .await;
}

/// The folder of the index that is read.
fn index_of(folder: &Path) -> std::path::PathBuf {
    let search = folder.join("views").join(SEARCH);
    let current = fs::read_to_string(search.join("current")).unwrap();
    let current: serde_json::Value = serde_json::from_str(&current).unwrap();
    search.join(current["live"].as_str().unwrap()).join("index")
}

#[tokio::test]
async fn an_index_that_is_gone_or_of_other_rows_is_made_anew() {
    on_both(async |log, folder| {
        append(&log, &three_posts()).await;
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        views.close().await;
        fs::remove_dir_all(index_of(folder)).unwrap();
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        views.close().await;
        let meta = index_of(folder).join("meta.json");
        let said = fs::read_to_string(&meta).unwrap();
        // Its commit names a tree that the rows have not consumed.
        let other = said.replace("fingerprint", "fingerprinted");
        assert_ne!(other, said);
        fs::write(&meta, other).unwrap();
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        views.close().await;
        log.close().await;
    })
    .await;
}

#[tokio::test]
async fn verifying_finds_a_document_that_no_row_has_and_a_row_without_its_document() {
    on_both(async |log, folder| {
        append(&log, &three_posts()).await;
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        let sound = views.verify(SEARCH, None).await.unwrap();
        assert!(matches!(sound, Verified::Equal { .. }), "{sound:?}");
        let index = views.handle(SEARCH).unwrap().index().unwrap();
        index.forget(need(1).uuid()).await.unwrap();
        let differs = views.verify(SEARCH, None).await.unwrap();
        let Verified::Differs { mismatch, .. } = differs else {
            panic!("{differs:?}");
        };
        assert_eq!(mismatch, Mismatch::Documents { differing: 1 });
        // It is built anew, and serves again.
        views
            .wait_for(SEARCH, log.known_head(), LONG)
            .await
            .unwrap();
        assert_eq!(found(&views, &log, "犬").await.len(), 2);
        drop(index);
        views.close().await;
        log.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_index_is_kept_from_start_to_start_and_rebuilt_on_demand() {
    on_both(async |log, folder| {
        append(&log, &three_posts()).await;
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "猫").await.len(), 1);
        views.close().await;
        let before = index_of(folder);
        append(
            &log,
            &[offer_posted(
                9,
                2,
                "猫の爪切り",
                outline(Category::Pets, 13, ANYWHERE),
            )],
        )
        .await;
        let views = open(&log, &folder.join("views")).await;
        assert_eq!(found(&views, &log, "猫").await.len(), 2);
        assert_eq!(index_of(folder), before);
        let mut steps = views.rebuild(SEARCH).await.unwrap();
        while steps.recv().await.is_some() {}
        assert_eq!(found(&views, &log, "猫").await.len(), 2);
        let head = log.known_head();
        assert_eq!(
            views
                .status()
                .iter()
                .find(|it| it.name == SEARCH)
                .unwrap()
                .position,
            head
        );
        views.close().await;
        log.close().await;
    })
    .await;
}
