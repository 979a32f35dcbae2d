//! The one verdict of all fault tests: nothing lost, nothing doubled, views equal a rebuild.

use super::load::{Load, Promise};
use super::log::Log;
use super::picture;
use crate::support::api::Member;
use crate::support::chance::Chance;
use crate::support::server::{Installation, Server};
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// How an exchange reads when nothing goes wrong; every other has to read the same.
#[derive(Debug)]
pub(crate) struct Undisturbed {
    need: Vec<String>,
    exchange: Vec<String>,
    /// Events that were there before the first exchange.
    before: usize,
    /// Events of one exchange, of its Need, and of whatever else comes with it.
    events: usize,
}

/// A community on which load can be put: its members, its auditor, an undisturbed exchange.
#[derive(Debug)]
pub(crate) struct Community {
    pub(crate) members: Vec<Member>,
    pub(crate) auditor: String,
    undisturbed: Undisturbed,
}

impl Community {
    /// Registers members and an auditor, and lets one exchange per client happen in peace.
    pub(crate) async fn found(
        installation: &Installation,
        server: &Server,
        chance: &mut Chance,
    ) -> (Self, Load) {
        let api = server.api();
        let mut members = Vec::new();
        for (user_name, nickname) in [
            ("hanako", "はなこ"),
            ("taro", "たろう"),
            ("yuki", "ゆき"),
            ("ken", "けん"),
        ] {
            members.push(api.register(user_name, nickname).await);
        }
        let auditor = installation.auditor("faults");
        let before = Log::read(api, &auditor).await.0.len();
        let load = Load::new(&members, chance);
        let running = load.start(api);
        running.progress(1).await;
        let load = running.finish().await;
        let undisturbed = Undisturbed::from(&Log::read(api, &auditor).await, before);
        (
            Self {
                members,
                auditor,
                undisturbed,
            },
            load.resume(),
        )
    }

    /// Judges what the load has left behind. The server is stopped for the rebuild.
    pub(crate) async fn judge(&self, installation: &Installation, server: Server, load: &Load) {
        let log = Log::read(server.api(), &self.auditor).await;
        assert_every_promise_is_kept(load, &log);
        self.assert_nothing_is_lost_or_doubled(load, &log);

        let exchanges = log.streams("exchange");
        let rooms: Vec<_> = exchanges
            .keys()
            .filter_map(|stream| stream.strip_prefix("exchange-"))
            .collect();
        let before = picture::take(server.api(), &self.members, &rooms, log.head()).await;
        for member in &self.members {
            let profile = &before[&format!("{0} /api/members/{0}", member.user_name)];
            let thanks = profile["thanks_received"].as_u64();
            assert_eq!(
                thanks,
                Some(load.thanks_to(member)),
                "thanks of {}",
                member.user_name
            );
        }

        server.terminate().await;
        installation.run(&["views", "rebuild", "all"]);
        let server = installation.serve().await;
        let after = picture::take(server.api(), &self.members, &rooms, log.head()).await;
        for (asked, answer) in &before {
            assert_eq!(Some(answer), after.get(asked), "{asked} after a rebuild");
        }
        assert_eq!(
            before.len(),
            after.len(),
            "pages of the views after a rebuild"
        );
        assert_eq!(
            Log::read(server.api(), &self.auditor).await.head(),
            log.head()
        );
    }

    fn assert_nothing_is_lost_or_doubled(&self, load: &Load, log: &Log) {
        let stories = usize::try_from(load.stories()).unwrap();
        let Undisturbed {
            need,
            exchange,
            before,
            events,
        } = &self.undisturbed;
        for (category, expected) in [("need", need), ("exchange", exchange)] {
            let streams = log.streams(category);
            assert_eq!(
                streams.len(),
                stories,
                "one {category} for each that was promised"
            );
            for (stream, types) in &streams {
                assert_eq!(types, expected, "{stream} reads as if nothing had happened");
            }
        }
        let wanted = before + stories * events;
        assert_eq!(
            log.0.len(),
            wanted,
            "no event but those that somebody has asked for"
        );
        self.assert_thanks_are_counted(load, log);
    }

    fn assert_thanks_are_counted(&self, load: &Load, log: &Log) {
        let mut thanks: HashMap<&str, u64> = HashMap::new();
        for entry in log
            .0
            .iter()
            .filter(|entry| entry.header.kind == "ThanksSent")
        {
            let to = entry.header.data["to"].as_str().unwrap();
            *thanks
                .entry(to.strip_prefix("member-").unwrap_or(to))
                .or_default() += 1;
        }
        for member in &self.members {
            let counted = thanks.get(member.id.as_str()).copied().unwrap_or_default();
            assert_eq!(
                counted,
                load.thanks_to(member),
                "ThanksSent to {}",
                member.user_name
            );
        }
    }
}

impl Undisturbed {
    fn from(log: &Log, before: usize) -> Self {
        let [need, exchange] = ["need", "exchange"].map(|category| {
            let mut all = log.streams(category).into_values();
            let first = all
                .next()
                .unwrap_or_else(|| panic!("there is no {category}"));
            assert!(
                all.all(|other| other == first),
                "undisturbed, every {category} is the same"
            );
            first.into_iter().map(str::to_owned).collect::<Vec<_>>()
        });
        let stories = log.streams("exchange").len();
        let events = (log.0.len() - before) / stories;
        assert_eq!(
            log.0.len(),
            before + stories * events,
            "undisturbed, all are alike"
        );
        Self {
            need,
            exchange,
            before,
            events,
        }
    }
}

/// What each acknowledged command was told is in the log, and was told to no other.
fn assert_every_promise_is_kept(load: &Load, log: &Log) {
    let recorded: HashMap<_, _> = log.0.iter().map(|entry| (entry.place(), entry)).collect();
    let mut kept: HashMap<(&str, u64), &str> = HashMap::new();
    for Promise {
        key,
        accepted: told,
    } in load.promises()
    {
        let entry = recorded.get(&(told.id.as_str(), told.version));
        let entry = entry.unwrap_or_else(|| panic!("{key} is lost: it was told {told:?}"));
        // The answer's position is that of the last event of the command, in whichever stream.
        let events = entry.position..=log.head();
        assert!(
            events.contains(&told.position),
            "{key} was told {told:?}, but {entry:?}"
        );
        let other = kept.insert((&told.id, told.version), key);
        assert_eq!(
            other, None,
            "{key} was told what another was told: {told:?}"
        );
    }
    let acknowledged = load.progress.acknowledged.load(Ordering::Relaxed);
    assert_eq!(
        kept.len() as u64,
        acknowledged,
        "every acknowledged command is looked at"
    );
}
