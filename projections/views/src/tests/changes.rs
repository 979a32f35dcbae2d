//! A new version of a view tells what it has changed against the one whose place it takes.

use std::path::Path;

use meguri_log::{Log, Position};

use super::{
    diff::{entries_differ, first, journal, second},
    run::LONG,
};
use meguri_engine::{Diff, TableDiff, ViewSet, ViewSettings, Views};

use crate::{
    catalog::Catalog,
    testing::{
        log,
        story::{left, nickname_changed, registered},
    },
};

/// The same without the rows: those are not told to everyone.
fn counts(diff: TableDiff) -> TableDiff {
    match diff {
        TableDiff::Compared {
            table,
            equal,
            changed,
            only_here,
            only_there,
            columns_only_here,
            columns_only_there,
            samples: _,
        } => TableDiff::Compared {
            table,
            equal,
            changed,
            only_here,
            only_there,
            columns_only_here,
            columns_only_there,
            samples: vec![],
        },
        other @ (TableDiff::OtherKey { .. }
        | TableDiff::OnlyHere { .. }
        | TableDiff::OnlyThere { .. }) => other,
    }
}

fn changes(views: &Views) -> Option<Diff> {
    views.status().pop().unwrap().changes
}

async fn an_arrival_another_name_and_a_farewell(log: &Log) -> Position {
    let events = [
        registered(1, "hanako"),
        nickname_changed(1, "はな"),
        left(1),
    ];
    log::append(log, &events).await
}

async fn rebuilt(views: &Views) {
    let mut steps = views.rebuild("journal").await.unwrap();
    while steps.recv().await.is_some() {}
}

#[tokio::test]
async fn a_version_tells_what_it_changed_as_of_where_the_one_before_it_stood() {
    log::on_both(async |log, folder| {
        let stood = an_arrival_another_name_and_a_farewell(&log).await;
        let views = journal::<first::Journal>(&log, folder).await;
        assert_eq!(changes(&views), None, "there was none before it");
        views.close().await;
        log::append(&log, &[registered(2, "taro")]).await;
        let views = journal::<second::Journal>(&log, folder).await;
        let told = changes(&views).unwrap();
        assert_eq!(told.position, stood);
        assert!(told.here.starts_with("2-") && told.there.starts_with("1-"));
        assert!(told.tables.contains(&counts(entries_differ())), "{told:?}");
        views.close().await;

        let views = journal::<second::Journal>(&log, folder).await;
        assert_eq!(changes(&views), Some(told), "also after another start");
        rebuilt(&views).await;
        assert_eq!(changes(&views), None, "built anew it is the same version");
    })
    .await;
}

async fn keep_registering(log: &Log) {
    for number in 100.. {
        log::append(log, &[registered(number, "member")]).await;
    }
}

async fn prepared_beside_one_that_goes_on(log: &Log, folder: &Path) -> Position {
    let settings = ViewSettings {
        views: ViewSet::of(&Catalog).and::<second::Journal>(),
        ..crate::settings()
    };
    let begun = log.known_head();
    let dir = folder.join("views");
    let prepared = tokio::select! {
        prepared = Views::prepare(log, &dir, &settings) => prepared.unwrap(),
        () = keep_registering(log) => unreachable!(),
    };
    assert_eq!(prepared.names(), ["journal"]);
    prepared.release().await;
    begun
}

#[tokio::test]
async fn a_version_built_beside_one_that_goes_on_is_compared_with_it_at_one_position() {
    log::on_both(async |log, folder| {
        an_arrival_another_name_and_a_farewell(&log).await;
        let before = journal::<first::Journal>(&log, folder).await;
        let begun = prepared_beside_one_that_goes_on(&log, folder).await;
        before
            .wait_for("journal", log.known_head(), LONG)
            .await
            .unwrap();
        before.close().await;
        let views = journal::<second::Journal>(&log, folder).await;
        let told = changes(&views).unwrap();
        assert!(told.position >= begun && told.position <= log.known_head());
        let entry = told.tables.iter().find(|table| table.equal() > 0).unwrap();
        let members = told.position.get() - begun.get();
        assert_eq!(entry.equal(), 1 + members);
        // The name, the farewell, and a row that this version adds for every member.
        assert_eq!(entry.differing(), 3 + members);
    })
    .await;
}
