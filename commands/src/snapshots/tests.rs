//! Snapshots are as good as all events of a stream, whatever happens to either.
#![allow(clippy::unwrap_used, reason = "tests")]
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use meguri_domain::{Exchange, Member};
use meguri_events::{Category, ExchangeId, KeyClass, MemberId, Mode, NeedId, PostId};
use meguri_log::{Kek, Location, LogOptions, SystemClock};
use tempfile::TempDir;

use super::*;
use crate::handle::stream;
use crate::snapshot::{FOLDS, Kept as _};
use crate::{
    Caller, Cancellation, CommandSettings, NewExchange, NewMember, NewMessage, NewNickname,
    NewPost, NewTerms, PostChanges, redact,
};

const EVERY: u64 = 10;
/// Words of members: only the log may hold them, sealed.
const NAMES: [&str; 2] = ["すずらん", "ひまわり"];

/// A process that takes snapshots.
struct World {
    commands: Commands,
    dir: TempDir,
}

impl World {
    async fn on_sqlite() -> Self {
        let dir = TempDir::new().unwrap();
        let [log, vault] = ["log", "vault"].map(|name| dir.path().join(name));
        Self::at(Location::Sqlite { log, vault }, dir).await
    }

    async fn on_postgres() -> Self {
        let cluster = meguri_postgres_cluster::shared().unwrap();
        let [log, vault] = [(); 2].map(|()| cluster.create_database().unwrap());
        Self::at(Location::Postgres { log, vault }, TempDir::new().unwrap()).await
    }

    async fn at(location: Location, dir: TempDir) -> Self {
        let mut options = LogOptions::new(location, Kek::File(dir.path().join("kek")));
        options.clock = Arc::new(SystemClock);
        let log = Log::open(&options).await.unwrap();
        let settings = CommandSettings {
            snapshots_in: Some(dir.path().to_owned()),
            snapshot_every: NonZeroU64::new(EVERY).unwrap(),
            ..CommandSettings::default()
        };
        let commands = Commands::new(log, settings);
        Self { commands, dir }
    }

    fn log(&self) -> &Log {
        self.commands.log()
    }

    /// The same after a start: nothing is in memory.
    fn started_again(&self) -> Commands {
        Commands::new(self.log().clone(), self.commands.settings().clone())
    }

    /// Takes all snapshots that are due, and answers of what.
    async fn take(&self) -> Vec<(StreamName, State)> {
        let (snapshots, mut taken) = (self.commands.snapshots(), vec![]);
        while let Some((stream, kind)) = snapshots.next_due() {
            let took = snapshots.take(self.log(), &stream, kind.clone());
            took.await.unwrap();
            taken.push((stream, kind));
        }
        taken
    }

    fn files(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.dir.path().join("snapshots")).unwrap();
        let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    /// Where a stream is begun to be read after a start.
    async fn begin(&self, name: &StreamName, kind: &State) -> Snapshot {
        let absent = Snapshot::before_the_first(kind);
        let commands = self.started_again();
        let begun = commands.snapshots().begin(self.log(), name, absent);
        begun.await.unwrap()
    }

    /// The state of a stream after a start, and where it was begun; it is what all events say.
    async fn right(&self, name: &StreamName, kind: &State) -> (Snapshot, Version) {
        let begun = self.begin(name, kind).await;
        let (from, all) = (begun.version, Snapshot::before_the_first(kind));
        let begun = begun.read_on(self.log(), name).await.unwrap();
        let all = all.read_on(self.log(), name).await.unwrap();
        assert_eq!(begun.state, all.state, "{name} from {from}");
        let end = |it: &Snapshot| (it.version, it.position, it.frozen);
        assert_eq!(end(&begun), end(&all), "{name} from {from}");
        (begun, from)
    }

    async fn member(&self, name: &str) -> Caller {
        let new = NewMember {
            user_name: name.to_owned(),
            nickname: NAMES[0].to_owned(),
            mail: format!("{name}@example.jp"),
            prefecture: None,
        };
        let done = self.commands.register(new, None).await.unwrap();
        Caller::member(MemberId::new(done.id()))
    }

    /// The last position.
    async fn renamed(&self, member: &Caller, times: u64) -> Position {
        let mut last = Position::ZERO;
        for number in 0..times {
            let nickname = format!("{}{number}", NAMES[1]);
            let renamed = self
                .commands
                .change_nickname(member, NewNickname { nickname });
            last = renamed.await.unwrap().position;
        }
        last
    }

    async fn talked(&self, member: &Caller, exchange: ExchangeId, times: u64) -> Vec<Position> {
        let mut said = vec![];
        for number in 0..times {
            let message = NewMessage {
                text: format!("{}{number}", NAMES[1]),
                keep_negotiating: true,
                terms_version: None,
            };
            let done = self.commands.post_message(member, exchange, message);
            said.push(done.await.unwrap().position);
        }
        said
    }

    async fn need(&self, owner: &Caller) -> PostId {
        let need = NewPost {
            title: NAMES[0].to_owned(),
            description: NAMES[1].to_owned(),
            category: Category::Talk,
            tags: vec![],
            prefecture: None,
            city: None,
            online: true,
            offline: true,
            no_return_needed: true,
            wished_return: None,
            lat: None,
            lon: None,
        };
        NeedId::new(self.commands.post_need(owner, need).await.unwrap().id()).into()
    }

    async fn opened(&self, by: &Caller, post: PostId) -> ExchangeId {
        let opening = NewExchange {
            message: NAMES[0].to_owned(),
            mode: Mode::Online,
        };
        let opened = self.commands.open_exchange(by, post, opening).await;
        ExchangeId::new(opened.unwrap().id())
    }

    /// A room in which one party has said so much.
    async fn room(&self, messages: u64) -> Room {
        let (owner, other) = (self.member("aki").await, self.member("haru").await);
        let need = self.need(&owner).await;
        let exchange = self.opened(&other, need).await;
        let said = self.talked(&owner, exchange, messages).await;
        let name = stream(exchange.stream()).unwrap();
        self.take().await;
        Room {
            owner,
            exchange,
            name,
            said,
        }
    }

    /// Makes a long stream of every kind.
    async fn live(&self) {
        let (owner, other) = (self.member("owner").await, self.member("other").await);
        self.renamed(&owner, EVERY).await;
        let need = self.need(&owner).await;
        for number in 0..EVERY {
            self.change(&owner, need, number).await;
            let exchange = self.opened(&other, need).await;
            let why = Cancellation { reason: None };
            let cancelled = self.commands.cancel(&other, exchange, why);
            cancelled.await.unwrap();
            self.commands.block(&owner, "other").await.unwrap();
            self.commands.unblock(&owner, "other").await.unwrap();
            let operator = Caller::of_the_house("operator-keiko");
            let (word, reading) = ("推し活".parse().unwrap(), "おしかつ".parse().unwrap());
            let reading = number.is_multiple_of(2).then_some(reading);
            let added = self.commands.add_word(&operator, word, reading);
            added.await.unwrap();
        }
        let exchange = self.opened(&other, need).await;
        for number in 0..EVERY {
            for member in [&owner, &other] {
                let terms = NewTerms {
                    what: format!("{}{number}", NAMES[1]),
                    when: None,
                    mode: Mode::Online,
                    in_return: None,
                };
                let proposed = self.commands.propose_terms(member, exchange, terms);
                proposed.await.unwrap();
            }
            self.talked(&owner, exchange, 1).await;
        }
    }

    async fn change(&self, owner: &Caller, post: PostId, number: u64) {
        let changes = PostChanges {
            title: Some(format!("{}{number}", NAMES[1])),
            ..PostChanges::default()
        };
        let edited = self.commands.edit_post(owner, post, changes, None);
        edited.await.unwrap();
        self.commands.close_post(owner, post).await.unwrap();
        self.commands.reopen_post(owner, post).await.unwrap();
    }
}

struct Room {
    owner: Caller,
    exchange: ExchangeId,
    name: StreamName,
    said: Vec<Position>,
}

type Change = fn(&mut Stored);
/// Of a file, by what stands in another.
type Damage = fn(&PathBuf, &PathBuf);

/// The kind of a room.
const ROOM: State = State::Exchange(None);

fn kind_of(state: &State) -> String {
    let shown = format!("{state:?}");
    shown.split('(').next().unwrap_or_default().to_owned()
}

/// Each test on both backends.
macro_rules! on_both_backends {
    ($(async fn $name:ident($world:ident: &World) $body:block)*) => {
        $(async fn $name($world: &World) $body)*

        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&super::World::on_sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&super::World::on_postgres().await).await;
            })*
        }
    };
}

on_both_backends! {
    async fn a_long_stream_of_any_kind_is_read_from_its_snapshot(world: &World) {
        world.live().await;
        let taken = world.take().await;
        let kinds: BTreeSet<_> = taken.iter().map(|(_, kind)| kind_of(kind)).collect();
        let all: BTreeSet<_> = FOLDS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(kinds, all, "each kind became long");
        for (name, kind) in &taken {
            let (snapshot, from) = world.right(name, kind).await;
            assert!(from.get() >= EVERY && from <= snapshot.version, "{name} from {from}");
        }
        // The next one goes on from the last.
        world.live_on().await;
        for (name, kind) in &world.take().await {
            let (_, from) = world.right(name, kind).await;
            assert!(from.get() >= 2 * EVERY, "{name} from {from}");
        }
    }

    async fn what_lies_between_is_not_read(world: &World) {
        let room = world.room(3 * EVERY).await;
        // Whoever reads it finds something that nobody has explained.
        world.log().empty_event(room.said[5]).await.unwrap();
        let all = Snapshot::read::<Exchange>(world.log(), &room.name).await.unwrap();
        assert!(all.frozen);
        let read = world.started_again().read::<Exchange>(&room.name).await.unwrap();
        assert!(!read.frozen && read.version == all.version);
    }

    async fn no_snapshot_holds_what_somebody_typed_and_what_is_erased_is_so_in_it(world: &World) {
        let aki = world.member("aki").await;
        let (id, own) = (aki.id().unwrap(), stream(aki.id().unwrap().stream()).unwrap());
        world.renamed(&aki, 2 * EVERY).await;
        world.take().await;
        let files = world.files();
        assert!(!files.is_empty());
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            assert!(NAMES.iter().all(|name| !text.contains(name)), "{text}");
        }
        let kind = State::Member(None);
        let (known, from) = world.right(&own, &kind).await;
        let nickname = |it: &Snapshot| match Member::of(&it.state) {
            Some(Some(member)) => member.nickname().clone().into_known(),
            _ => unreachable!("a member"),
        };
        assert!(nickname(&known).is_some() && from.get() >= 2 * EVERY);
        world.commands.erase(&Caller::operator(id), &[KeyClass::Profile]).await.unwrap();
        let (erased, from) = world.right(&own, &kind).await;
        assert!(nickname(&erased).is_none() && from.get() >= 2 * EVERY);
    }

    async fn a_redaction_counts_whether_a_snapshot_holds_its_event_or_not(world: &World) {
        let room = world.room(2 * EVERY).await;
        let order = "2026-wa-1234".parse().unwrap();
        redact(world.log(), "operator-keiko", room.said[3], &order).await.unwrap();
        let (goes_on, _) = world.right(&room.name, &ROOM).await;
        assert!(!goes_on.frozen);
        world.talked(&room.owner, room.exchange, EVERY).await;
        world.take().await;
        let (_, from) = world.right(&room.name, &ROOM).await;
        assert!(from.get() >= 3 * EVERY, "a room goes on, and so do its snapshots");

        let own = stream(room.owner.id().unwrap().stream()).unwrap();
        let last = world.renamed(&room.owner, 2 * EVERY).await;
        world.take().await;
        redact(world.log(), "operator-keiko", last, &order).await.unwrap();
        let (frozen, _) = world.right(&own, &State::Member(None)).await;
        assert!(frozen.frozen);
        world.commands.snapshots().grown(&own, Version::ZERO, &frozen);
        assert!(world.take().await.is_empty(), "a frozen stream has none");
    }

    async fn a_snapshot_that_the_log_does_not_bear_out_is_thrown_away(world: &World) {
        let room = world.room(2 * EVERY).await;
        let sound = world.commands.snapshots().files.as_ref().unwrap();
        let sound = sound.read(&room.name).await.unwrap().unwrap();
        let wrong: [(&str, Change); 9] = [
            ("another event", |it| it.event = Uuid::from_u128(1)),
            ("another place", |it| it.position = Position::new(1)),
            ("a version to come", |it| it.version = Version::new(1_000)),
            ("nothing", |it| it.rests_on.clear()),
            ("out of order", |it| it.rests_on.insert(0, Version::new(9))),
            ("twice", |it| it.rests_on.push(it.rests_on[0])),
            ("before the first", |it| it.rests_on.insert(0, Version::ZERO)),
            ("far beyond", |it| it.rests_on.push(Version::new(u64::MAX))),
            ("very many", |it| it.rests_on = (1..=90).map(Version::new).collect()),
        ];
        for (what, change) in wrong {
            let mut stored = sound.clone();
            change(&mut stored);
            let commands = world.started_again();
            commands.snapshots().files.as_ref().unwrap().write(&stored).await;
            let (_, from) = world.right(&room.name, &ROOM).await;
            assert_eq!(from, Version::ZERO, "{what}");
            assert!(world.files().is_empty(), "{what}");
        }
    }

    async fn whatever_happens_to_the_files_they_grow_back(world: &World) {
        let room = world.room(2 * EVERY).await;
        let own = stream(room.owner.id().unwrap().stream()).unwrap();
        world.renamed(&room.owner, EVERY).await;
        world.take().await;
        let damages: [(&str, Damage); 6] = [
            ("emptied", |file, _| fs::write(file, "").unwrap()),
            ("removed", |file, _| fs::remove_file(file).unwrap()),
            ("swapped", |file, other| {
                fs::copy(other, file).unwrap();
            }),
            ("huge", |file, _| fs::write(file, vec![b' '; 10_000_000]).unwrap()),
            ("not text", |file, _| fs::write(file, [255, 0, 254]).unwrap()),
            ("a folder", |file, _| {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            }),
        ];
        for (what, damage) in damages {
            // Under the process that has looked at them already.
            let running = world.started_again();
            let files = world.files();
            let [one, other] = [(&files[0], &files[1]), (&files[1], &files[0])];
            damage(one.0, one.1);
            if what != "swapped" {
                damage(other.0, other.1);
            }
            for (name, kind) in [(&room.name, ROOM), (&own, State::Member(None))] {
                world.right(name, &kind).await;
                let absent = Snapshot::before_the_first(&kind);
                let begun = running.snapshots().begin(world.log(), name, absent);
                let begun = begun.await.unwrap().read_on(world.log(), name).await.unwrap();
                running.snapshots().grown(name, Version::ZERO, &begun);
                while let Some((name, kind)) = running.snapshots().next_due() {
                    running.snapshots().take(world.log(), &name, kind).await.unwrap();
                }
                let (_, from) = world.right(name, &kind).await;
                assert!(from.get() >= EVERY, "{what}: {name} from {from}");
            }
        }
    }
}

impl World {
    /// Makes them longer.
    async fn live_on(&self) {
        let room = self.room(3 * EVERY).await;
        self.renamed(&room.owner, 3 * EVERY).await;
        self.talked(&room.owner, room.exchange, EVERY).await;
    }
}

#[tokio::test]
async fn without_a_folder_everything_is_read_as_before() {
    let dir = TempDir::new().unwrap();
    let [log, vault] = ["log", "vault"].map(|name| dir.path().join(name));
    let location = Location::Sqlite { log, vault };
    let options = LogOptions::new(location, Kek::File(dir.path().join("kek")));
    let log = Log::open(&options).await.unwrap();
    // Below a file there is no folder.
    let nowhere = dir.path().join("log");
    for snapshots_in in [None, Some(nowhere)] {
        let settings = CommandSettings {
            snapshots_in,
            snapshot_every: NonZeroU64::MIN,
            ..CommandSettings::default()
        };
        let commands = Commands::new(log.clone(), settings);
        let dir = TempDir::new().unwrap();
        let world = World { commands, dir };
        let aki = world.member(&format!("aki{}", log.known_head())).await;
        world.renamed(&aki, 3).await;
        assert!(world.take().await.is_empty());
    }
}
