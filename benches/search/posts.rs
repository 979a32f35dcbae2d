//! The posts of a large community, in a log.

use std::path::Path;

use meguri_benches::Numbers;
use meguri_events::{
    Category, Event, MemberId, MemberProfile, MemberRegistered, Modes, NeedId, NeedPosted, OfferId,
    OfferPosted, Place, PostOutline, PostText, Prefecture,
};
use meguri_log::{Append, Cause, Log, NewEvent, NewSection, Position};
use serde::Deserialize;
use uuid::Uuid;

const MEMBERS: usize = 2_000;

#[derive(Deserialize)]
struct Texts {
    #[serde(default)]
    need: Vec<Written>,
    #[serde(default)]
    offer: Vec<Written>,
}

#[derive(Deserialize)]
pub(crate) struct Written {
    category: String,
    title: String,
    description: String,
    tags: Vec<String>,
}

/// What the demo's members write.
pub(crate) fn texts() -> Vec<Written> {
    let needs: Texts = toml::from_str(include_str!("../../src/demo/texts/needs.toml")).unwrap();
    let offers: Texts = toml::from_str(include_str!("../../src/demo/texts/offers.toml")).unwrap();
    needs.need.into_iter().chain(offers.offer).collect()
}

fn member(number: usize) -> MemberId {
    MemberId::new(Uuid::from_u128(0xa000_0000 + number as u128))
}

/// A post of one demo's title, another's words, in a place of its own.
pub(crate) fn post(texts: &[Written], numbers: &mut Numbers, number: usize) -> (String, Event) {
    let (one, other) = (
        &texts[numbers.below(texts.len())],
        &texts[numbers.below(texts.len())],
    );
    let prefecture = Prefecture::from_code(u8::try_from(numbers.below(47) + 1).unwrap()).unwrap();
    let online = numbers.below(3) == 0;
    let city = format!("{}市", prefecture.ja());
    let outline = PostOutline {
        category: one.category.parse().unwrap_or(Category::Other),
        prefecture: Some(prefecture),
        modes: Modes {
            online,
            offline: !online || numbers.below(2) == 0,
        },
        no_return_needed: numbers.below(2) == 0,
    };
    let text = PostText {
        title: one.title.clone(),
        description: format!("{}{}", one.description, other.description).replace("{city}", &city),
        tags: one.tags.clone(),
        city: Some(city),
        wished_return: None,
        place: Some(place(numbers)),
    };
    let by = member(numbers.below(MEMBERS));
    let id = Uuid::now_v7();
    if number.is_multiple_of(2) {
        let need = NeedId::new(id);
        let text = text.into();
        let posted = NeedPosted {
            need,
            by,
            outline,
            text,
        };
        (need.stream(), posted.into())
    } else {
        let offer = OfferId::new(id);
        let text = text.into();
        let posted = OfferPosted {
            offer,
            by,
            outline,
            text,
        };
        (offer.stream(), posted.into())
    }
}

/// Somewhere in the south or the middle of Japan.
fn place(numbers: &mut Numbers) -> Place {
    let mut hundredths = |from: f64| {
        let steps = u32::try_from(numbers.below(1_000)).unwrap();
        from + f64::from(steps) / 100.0
    };
    Place {
        lat: hundredths(31.0),
        lon: hundredths(130.0),
    }
}

fn registered(number: usize) -> (String, Event) {
    let name = format!("member{number}");
    let profile = MemberProfile {
        user_name: name.clone(),
        nickname: name.clone(),
    };
    let event = MemberRegistered {
        member: member(number),
        prefecture: None,
        profile: profile.into(),
        mail: format!("{name}@example.org").into(),
    };
    (member(number).stream(), event.into())
}

fn new_event(stream: &str, event: &Event) -> NewEvent {
    let encoded = event.encode().unwrap();
    let sealed = encoded.sections.into_iter().map(|section| NewSection {
        section: section.name.into(),
        subject: section.subject,
        class: section.class.into(),
        plaintext: section.plaintext,
    });
    NewEvent {
        id: Uuid::now_v7(),
        stream: stream.parse().unwrap(),
        event_type: encoded.event_type.into(),
        schema: encoded.schema,
        data: encoded.data,
        sealed: sealed.collect(),
    }
}

/// Appends them at once.
pub(crate) async fn append(log: &Log, events: &[(String, Event)]) -> Position {
    let append = Append {
        cause: Cause {
            actor: "member-bench".to_owned(),
            ..Cause::default()
        },
        events: events
            .iter()
            .map(|(stream, event)| new_event(stream, event))
            .collect(),
        ..Append::default()
    };
    log.append(append).await.unwrap().position
}

/// Fills the log of a folder.
pub(crate) async fn fill(folder: &Path, posts: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let (log, texts, mut numbers) = (crate::open_log(folder).await, texts(), Numbers::new(7));
    let members: Vec<_> = (0..MEMBERS).map(registered).collect();
    for members in members.chunks(100) {
        append(&log, members).await;
    }
    for start in (0..posts).step_by(200) {
        let some = start..(start + 200).min(posts);
        let some: Vec<_> = some
            .map(|number| post(&texts, &mut numbers, number))
            .collect();
        append(&log, &some).await;
    }
    println!("{posts} posts, position {}", log.known_head());
    log.close().await;
}
