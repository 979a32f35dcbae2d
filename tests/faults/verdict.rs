//! The one verdict of all fault tests: nothing lost, nothing doubled, views equal a rebuild.

use super::load::Load;
use super::log::Log;
use super::picture;
use crate::support::api::Member;
use crate::support::chance::Chance;
use crate::support::server::{Installation, Server};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

/// How an exchange reads when nothing goes wrong; every other has to read the same.
#[derive(Debug)]
pub(crate) struct Undisturbed {
    need: Vec<String>,
    exchange: Vec<String>,
    /// Events of members and the like, of which the load makes none.
    others: usize,
}

/// A community on which load can be put: its members, its auditor, an undisturbed exchange.
#[derive(Debug)]
pub(crate) struct Community {
    pub(crate) members: Vec<Member>,
    auditor: String,
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
        let load = Load::new(&members, chance);
        let running = load.start(api);
        running.progress(1).await;
        let load = running.finish().await;
        let undisturbed = Undisturbed::from(&Log::read(api, &auditor).await);
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
            others,
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
        let of_stories = stories * (need.len() + exchange.len());
        assert_eq!(
            log.0.len(),
            of_stories + others,
            "events that nobody has asked for"
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
    fn from(log: &Log) -> Self {
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
        let others = log.0.len() - stories * (need.len() + exchange.len());
        Self {
            need,
            exchange,
            others,
        }
    }
}

/// Each acknowledged command is in the log at the position it was told, and has it for itself.
fn assert_every_promise_is_kept(load: &Load, log: &Log) {
    let mut kept: BTreeMap<u64, &str> = BTreeMap::new();
    for promise in load.promises() {
        let (key, told) = (&promise.key, &promise.accepted);
        let index = usize::try_from(told.position).unwrap() - 1;
        let entry = log
            .0
            .get(index)
            .unwrap_or_else(|| panic!("{key} is lost: {told:?}"));
        let header = &entry.header;
        assert!(
            header.stream.ends_with(&told.id),
            "{key}: {told:?}, but {header:?}"
        );
        assert_eq!(
            header.version, told.version,
            "{key}: {told:?}, but {header:?}"
        );
        let other = kept.insert(told.position, key);
        assert_eq!(
            other, None,
            "two commands were told position {}",
            told.position
        );
    }
    let acknowledged = load.progress.acknowledged.load(Ordering::Relaxed);
    assert_eq!(
        kept.len() as u64,
        acknowledged,
        "every acknowledged command is looked at"
    );
}
