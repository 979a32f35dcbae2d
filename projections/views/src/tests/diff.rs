//! Two versions of a view are compared as of where the older one stands, whatever their shapes.

use std::path::Path;

use meguri_events::Event;
use meguri_log::{Log, Position};
use serde_json::{Value, json};

use super::{run::LONG, verify::by_hand};
use meguri_engine::{
    AnyRows, Decoded, Diff, FoldError, InspectError, RowDiff, Rows, TableDiff, View, ViewSet,
    ViewSettings, Views, folding::view::AnyView,
};

use crate::{
    catalog::Catalog,
    column::table,
    testing::{
        log, of,
        story::{left, nickname_changed, registered},
    },
};

/// The first release: an entry for every event.
pub(super) mod first {
    use super::*;

    table! {
        /// An event.
        pub struct Entry in "entry"
        by {
            /// Where it stands.
            position: u64,
        }
        with {
            /// Its type.
            kind: String,
            /// Told by this release only.
            version: u64,
        }
    }

    #[derive(Default)]
    pub(in crate::tests) struct Journal {
        entries: Rows<Entry>,
    }

    impl View for Journal {
        type Fact = Event;
        const NAME: &'static str = "journal";
        const VERSION: u32 = 1;
        const SCHEMA: &'static str = "
            create table entry (position integer primary key, kind text not null,
                version integer not null) strict;
            create table dropped (a integer primary key) strict;
            create table rekeyed (a integer primary key, b integer) strict;";
        const WANTS: &'static [&'static str] = super::WANTS;

        fn keys(&mut self, _: &Event) {}

        fn fold(&mut self, _: &Event, event: &Decoded) -> Result<(), FoldError> {
            self.entries.put(Entry {
                position: event.position.get(),
                kind: event.kind.name().to_owned(),
                version: event.version.get(),
            });
            Ok(())
        }

        fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
            vec![&mut self.entries]
        }
    }
}

/// The second release: shouts names, says nothing of those who leave, and twice that others came.
pub(super) mod second {
    use super::*;

    table! {
        /// An event.
        pub struct Entry in "entry"
        by {
            /// Where it stands.
            position: u64,
        }
        with {
            /// Its type.
            kind: String,
            /// Who did it.
            actor: Option<String>,
        }
    }

    #[derive(Default)]
    pub(in crate::tests) struct Journal {
        entries: Rows<Entry>,
    }

    impl View for Journal {
        type Fact = Event;
        const NAME: &'static str = "journal";
        const VERSION: u32 = 2;
        const SCHEMA: &'static str = "
            create table entry (position integer primary key, kind text not null, actor text)
                strict;
            create table rekeyed (a integer, b integer primary key) strict;
            create table added (a integer primary key) strict;";
        const WANTS: &'static [&'static str] = super::WANTS;

        fn keys(&mut self, _: &Event) {}

        fn fold(&mut self, _: &Event, event: &Decoded) -> Result<(), FoldError> {
            let position = event.position.get();
            let (positions, kind) = match event.kind.name() {
                "NicknameChanged" => (vec![position], "NICKNAMECHANGED"),
                "MemberLeft" => (vec![], ""),
                other => (vec![position, position + 1_000], other),
            };
            for position in positions {
                self.entries.put(Entry {
                    position,
                    kind: kind.to_owned(),
                    actor: Some(event.actor.as_ref().to_owned()),
                });
            }
            Ok(())
        }

        fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
            vec![&mut self.entries]
        }
    }
}

const WANTS: &[&str] = &["MemberRegistered", "MemberLeft", "NicknameChanged"];

pub(super) async fn journal<V: View<Fact = Event>>(log: &Log, folder: &Path) -> Views {
    let settings = ViewSettings {
        views: ViewSet::of(&Catalog).and::<V>(),
        ..crate::settings()
    };
    let views = Views::open(log.clone(), folder.join("views"), settings)
        .await
        .unwrap();
    views
        .wait_for("journal", log.known_head(), LONG)
        .await
        .unwrap();
    views
}

fn row(key: u64, here: Option<Value>, there: Option<Value>) -> RowDiff {
    let fields = |row: Value| {
        let row: Vec<(String, Value)> = serde_json::from_value(row).unwrap();
        row
    };
    RowDiff {
        table: "entry".to_owned(),
        key: format!("[{key}]"),
        here: here.map(fields),
        there: there.map(fields),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// How the entries of an arrival, another name and a farewell differ.
pub(super) fn entries_differ() -> TableDiff {
    let actor = json!(["actor", "member-tester"]);
    let shouted = json!([["position", 2], ["kind", "NICKNAMECHANGED"], actor]);
    let said = json!([["position", 2], ["kind", "NicknameChanged"], ["version", 2]]);
    let added = json!([["position", 1_001], ["kind", "MemberRegistered"], actor]);
    let dropped = json!([["position", 3], ["kind", "MemberLeft"], ["version", 3]]);
    TableDiff::Compared {
        table: "entry".to_owned(),
        equal: 1,
        changed: 1,
        only_here: 1,
        only_there: 1,
        columns_only_here: names(&["actor"]),
        columns_only_there: names(&["version"]),
        samples: vec![
            row(2, Some(shouted), Some(said)),
            row(1_001, Some(added), None),
            row(3, None, Some(dropped)),
        ],
    }
}

#[tokio::test]
async fn versions_of_other_shapes_are_compared_in_what_both_have() {
    log::on_both(async |log, folder| {
        let events = [
            registered(1, "hanako"),
            nickname_changed(1, "はな"),
            left(1),
        ];
        let stood = log::append(&log, &events).await;
        journal::<first::Journal>(&log, folder).await.close().await;
        log::append(&log, &[registered(2, "taro")]).await;
        let views = journal::<second::Journal>(&log, folder).await;
        let diff = views.diff("journal", None).await.unwrap();
        assert!(!diff.is_equal());
        let folder = |view: &dyn AnyView| format!("{}-{}", view.version(), view.fingerprint());
        let table = |name: &str| name.to_owned();
        let expected = Diff {
            view: "journal".to_owned(),
            position: stood,
            here: folder(&*of::<second::Journal>()),
            there: folder(&*of::<first::Journal>()),
            tables: vec![
                TableDiff::OnlyHere {
                    table: table("added"),
                    rows: 0,
                },
                entries_differ(),
                TableDiff::OtherKey {
                    table: table("rekeyed"),
                    here: names(&["b"]),
                    there: names(&["a"]),
                },
                TableDiff::OnlyThere {
                    table: table("dropped"),
                    rows: 0,
                },
            ],
        };
        assert_eq!(diff, expected);
    })
    .await;
}

#[tokio::test]
async fn a_view_that_was_only_rebuilt_is_equal_to_what_it_was_also_where_it_has_gone_on() {
    log::on_both(async |log, folder| {
        let stood = log::append(&log, &[registered(1, "hanako")]).await;
        let views = journal::<first::Journal>(&log, folder).await;
        let none = views.diff("journal", None).await;
        assert!(
            matches!(none, Err(InspectError::NoPrevious("journal"))),
            "{none:?}"
        );
        let mut steps = views.rebuild("journal").await.unwrap();
        while steps.recv().await.is_some() {}
        let position = log::append(&log, &[nickname_changed(1, "はな")]).await;
        views.wait_for("journal", position, LONG).await.unwrap();
        let diff = views.diff("journal", None).await.unwrap();
        assert!(diff.is_equal(), "{diff:?}");
        assert_eq!((diff.position, diff.there + ".2"), (stood, diff.here));
    })
    .await;
}

#[tokio::test]
async fn of_many_differences_a_few_are_shown_and_all_are_counted() {
    log::on_both(async |log, folder| {
        let events: Vec<_> = (0..20).map(|number| registered(number, "m")).collect();
        log::append(&log, &events).await;
        let views = journal::<first::Journal>(&log, folder).await;
        by_hand(
            &views,
            "journal",
            "update entry set kind = 'X'; delete from entry where position > 15",
        )
        .await;
        let mut steps = views.rebuild("journal").await.unwrap();
        while steps.recv().await.is_some() {}
        let tables = views.diff("journal", None).await.unwrap().tables;
        let entry = tables.iter().find(|table| table.differing() > 0).unwrap();
        let TableDiff::Compared {
            equal,
            changed,
            only_here,
            only_there,
            samples,
            ..
        } = entry
        else {
            panic!("{entry:?}")
        };
        assert_eq!((*equal, *changed, *only_here, *only_there), (0, 15, 5, 0));
        let keys: Vec<_> = samples.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["[1]", "[2]", "[3]", "[16]", "[17]", "[18]"]);
        let from = [("kind", &json!("MemberRegistered"), &json!("X"))];
        assert_eq!(samples[0].changes(), from);
    })
    .await;
}

#[tokio::test]
async fn a_version_of_another_log_is_not_compared() {
    log::on_both(async |log, folder| {
        log::append(&log, &[registered(1, "hanako"), left(1)]).await;
        journal::<first::Journal>(&log, folder).await.close().await;
        let home = folder.join("other");
        std::fs::create_dir(&home).unwrap();
        let other = log::sqlite(&home).await;
        log::append(&other, &[registered(2, "taro"), left(2)]).await;
        let views = journal::<second::Journal>(&other, folder).await;
        let refused = views.diff("journal", None).await.unwrap_err().to_string();
        let reason = format!(
            "up to position {} it has consumed the tree",
            Position::new(2)
        );
        assert!(refused.contains(&reason), "{refused}");
    })
    .await;
}
