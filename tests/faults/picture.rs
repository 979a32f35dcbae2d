//! Everything the views answer, to be compared with what they answer after a rebuild.

use crate::support::api::{Api, Member};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many exchanges are looked at closely.
const ROOMS: usize = 24;

/// Answers by what was asked for, and by whom.
pub(crate) type Picture = BTreeMap<String, Value>;

/// Asks every view for all it has (of rooms and histories, for a sample), as of this position.
pub(crate) async fn take(api: &Api, members: &[Member], rooms: &[&str], at: u64) -> Picture {
    let mut picture = Picture::new();
    let camera = Camera { api, at };
    camera.all_pages(&mut picture, "/api/board", None).await;
    for member in members {
        let profile = format!("/api/members/{}", member.user_name);
        camera.one(&mut picture, &profile, Some(member)).await;
        camera
            .all_pages(&mut picture, &format!("{profile}/thanks"), Some(member))
            .await;
        camera
            .all_pages(&mut picture, "/api/exchanges", Some(member))
            .await;
    }
    let every = (rooms.len() / ROOMS).max(1);
    for room in rooms.iter().step_by(every) {
        let party = party_of(&picture, room, members);
        let path = format!("/api/exchanges/{room}");
        camera.one(&mut picture, &path, Some(party)).await;
        camera
            .one(&mut picture, &format!("{path}/history"), Some(party))
            .await;
    }
    picture
}

/// Those of the members who have this exchange on their own list.
fn party_of<'a>(picture: &Picture, room: &str, members: &'a [Member]) -> &'a Member {
    let lists = |member: &&Member| {
        let of = format!("{} /api/exchanges", member.user_name);
        let mut pages = picture.iter().filter(|(asked, _)| asked.starts_with(&of));
        pages.any(|(_, page)| page.to_string().contains(room))
    };
    members
        .iter()
        .find(lists)
        .unwrap_or_else(|| panic!("nobody lists exchange {room}"))
}

struct Camera<'a> {
    api: &'a Api,
    at: u64,
}

impl Camera<'_> {
    async fn one(&self, picture: &mut Picture, path: &str, member: Option<&Member>) -> Value {
        let with = if path.contains('?') { '&' } else { '?' };
        let asked = format!("{path}{with}min_position={}", self.at);
        let answer = self
            .api
            .get(&asked, member.map(|member| member.token.as_str()))
            .await;
        let who = member.map_or("nobody", |member| member.user_name.as_str());
        picture.insert(format!("{who} {path}"), answer.clone());
        answer
    }

    async fn all_pages(&self, picture: &mut Picture, path: &str, member: Option<&Member>) {
        let mut page = format!("{path}?limit=100");
        loop {
            let answer = self.one(picture, &page, member).await;
            assert!(answer["items"].is_array(), "{page} is no list: {answer}");
            match answer["next"].as_str() {
                Some(next) => page = format!("{path}?limit=100&cursor={next}"),
                None => return,
            }
        }
    }
}
