//! Erasing: the rows are those of a build whose keys were gone, and no byte is left in the file.

use std::path::Path;

use meguri_events::{Event, KeyClass, KeyRange, MemberErased, Opened};
use tempfile::TempDir;

use meguri_engine::{Decoded, View, files::view_file::More};

use crate::{
    board::Board,
    history::History,
    profiles::Profiles,
    rooms::Rooms,
    search::Search,
    testing::{
        Random, batch, decoded, given, new_file, of, rows,
        story::{member, need_edited, need_posted, random_story, registered, said, thanked},
    },
    thanks::Thanks,
};

fn erasure(number: u128, classes: &[KeyClass]) -> Event {
    let keys = classes.iter().map(|class| KeyRange {
        class: *class,
        last: 1,
    });
    MemberErased {
        member: member(number),
        keys: keys.collect(),
        kept: vec![],
        kept_until: None,
    }
    .into()
}

/// The same event after the keys of this member and these classes were destroyed.
fn without(event: &Event, number: u128, classes: &[KeyClass]) -> Event {
    let encoded = event.encode().unwrap();
    let subject = member(number).stream();
    let gone = |class: &str| classes.iter().any(|one| one.code() == class);
    let sections = encoded.sections.iter().map(|section| {
        let content = if section.subject == subject && gone(section.class) {
            Opened::Erased
        } else {
            Opened::Plain(&section.plaintext)
        };
        (section.name, content)
    });
    let sections: Vec<_> = sections.collect();
    Event::decode(encoded.event_type, encoded.schema, &encoded.data, &sections).unwrap()
}

async fn assert_same<V: View<Fact = Event>>(
    story: &[Event],
    at: usize,
    number: u128,
    classes: &[KeyClass],
) {
    let (before, after) = story.split_at(at);
    let erasure = [erasure(number, classes)];
    let folded = given::<V>(&[before, &erasure, after].concat()).await;
    let gone: Vec<_> = before
        .iter()
        .map(|event| without(event, number, classes))
        .collect();
    let fresh = given::<V>(&[&gone, erasure.as_slice(), after].concat()).await;
    assert_eq!(
        rows(&folded.file.readers()).await,
        rows(&fresh.file.readers()).await,
        "{}",
        V::NAME
    );
    assert_eq!(
        folded.file.certificate().content,
        fresh.file.certificate().content
    );
}

#[tokio::test]
async fn folding_an_erasure_leaves_the_rows_of_a_build_whose_keys_were_gone() {
    for seed in 1..=10 {
        let mut random = Random(seed * 7_919);
        let story = random_story(seed, 6);
        let (number, at) = (random.below(6) as u128, 6 + random.below(story.len() - 6));
        let chosen = KeyClass::ALL.iter().filter(|_| random.below(3) > 0);
        let mut classes: Vec<KeyClass> = chosen.copied().collect();
        if seed % 3 == 0 {
            classes = KeyClass::ALL.to_vec();
        }
        assert_same::<Board>(&story, at, number, &classes).await;
        assert_same::<Profiles>(&story, at, number, &classes).await;
        assert_same::<Thanks>(&story, at, number, &classes).await;
        assert_same::<Rooms>(&story, at, number, &classes).await;
        assert_same::<History>(&story, at, number, &classes).await;
        assert_same::<Search>(&story, at, number, &classes).await;
    }
}

#[tokio::test]
async fn thanks_of_who_is_erased_are_counted_on_h20() {
    let mut story = vec![registered(1, "aki"), registered(2, "haru")];
    story.push(thanked(1, 1, 2, Some("助かりました")));
    story.push(erasure(1, KeyClass::ALL));
    let folded = given::<Profiles>(&story).await;
    let rows = rows(&folded.file.readers()).await;
    assert!(
        rows[1].contains("haru") && rows[1].ends_with("Int(1)]"),
        "{rows:?}"
    );
    assert!(!rows[0].contains("aki"), "{rows:?}");
}

/// Whether these bytes stand in any file of the folder.
fn is_found(folder: &Path, text: &str) -> bool {
    let mut found = false;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found |= if path.is_dir() {
            is_found(&path, text)
        } else {
            let bytes = std::fs::read(&path).unwrap();
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
    }
    found
}

async fn assert_no_remains<V: View<Fact = Event>>(story: &[Event], is_built: bool) {
    const CANARY: &str = "カナリア";
    let folder = TempDir::new().unwrap();
    let mut file = new_file(folder.path(), &of::<V>()).await;
    let all: Vec<Decoded> = decoded(story);
    let (told, erasure) = all.split_at(all.len() - 1);
    file.advance(&batch(told), batch(told).up_to(), More::Unknown)
        .await
        .unwrap();
    file.commit().await.unwrap();
    if is_built {
        file.finish().await.unwrap();
    }
    assert!(is_found(folder.path(), CANARY), "{}: it was there", V::NAME);
    let last = batch(erasure);
    file.advance(&last, last.up_to(), More::Unknown)
        .await
        .unwrap();
    file.commit().await.unwrap();
    assert!(file.has_remains());
    if is_built {
        // One who reads an older moment keeps the journal; then it is tried again.
        assert!(file.remove_remains().await.unwrap());
    } else {
        file.finish().await.unwrap();
    }
    assert!(!file.has_remains());
    assert!(
        !is_found(folder.path(), CANARY),
        "{}: a byte of it is left",
        V::NAME
    );
    let stored = file.rescan().await.unwrap();
    assert_eq!(
        meguri_engine::files::proof::of_rows(file.certificate(), &stored),
        None
    );
}

#[tokio::test]
async fn no_byte_of_what_is_erased_is_left_in_the_file_or_its_journal() {
    let mut story = vec![registered(1, "カナリア"), registered(2, "haru")];
    for number in 0..300 {
        story.push(need_posted(
            number,
            1,
            &format!("{number}カナリア"),
            &["カナリア"],
        ));
        story.push(need_edited(number, 1, "カナリアの世話", &["鳥カナリア"]));
        story.extend(crate::testing::story::whole_exchange(number, 2, 1));
        story.push(said(number, 1, 2, "カナリア"));
        story.push(thanked(1_000 + number, 1, 2, Some("カナリア")));
    }
    story.push(erasure(1, KeyClass::ALL));
    for is_built in [false, true] {
        assert_no_remains::<Board>(&story, is_built).await;
        assert_no_remains::<Profiles>(&story, is_built).await;
        assert_no_remains::<Thanks>(&story, is_built).await;
    }
}
