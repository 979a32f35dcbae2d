//! A view goes from one node to another as a file, and serves there only if the log says the same.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use meguri_events::Event;
use meguri_log::{Log, Position};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::run::{LONG, assert_like_a_fresh_build, open, rows};
use meguri_engine::{
    AnyRows, Decoded, ExportError, FoldError, ImportError, RebuildStep, View, ViewCopy, ViewSet,
    ViewSettings, ViewState, Views,
};

use crate::{
    catalog::Catalog,
    profiles::Profiles,
    testing::{
        log,
        story::{nickname_changed, random_story, registered},
    },
};

/// Imports a file and answers its last step.
async fn import(views: &Views, path: &Path) -> Result<(ViewCopy, RebuildStep), ImportError> {
    let (steps, mut told) = mpsc::channel(64);
    let snapshot = views.import(path, Some(steps)).await?;
    let mut last = None;
    while let Some(step) = told.recv().await {
        last = Some(step);
    }
    Ok((snapshot, last.unwrap()))
}

/// A log with a story, and its views.
async fn story(folder: &Path, log: &Log) -> Views {
    let mut story = random_story(1, 12);
    story.push(registered(9, "kyuko"));
    let position = log::append(log, &story).await;
    let views = open(log, &folder.join("views")).await;
    views.wait_for_all(position, LONG).await.unwrap();
    views
}

async fn from_node_to_node(log: Log, folder: &Path) {
    let here = story(folder, &log).await;
    let path = folder.join("profiles.view");
    let exported = here.export("profiles", &path).await.unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.len(), exported.bytes);
    assert_eq!(exported.position, log.known_head());
    assert_eq!(
        exported.content,
        here.prove("profiles").await.unwrap().content
    );
    let beside = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(
        !beside
            .into_iter()
            .any(|name| name.to_str().unwrap().starts_with("profiles.view-"))
    );

    log::append(&log, &[nickname_changed(9, "きゅうこ")]).await;
    let there = open(&log, &folder.join("there")).await;
    there.wait_for_all(log.known_head(), LONG).await.unwrap();
    let (imported, last) = import(&there, &path).await.unwrap();
    assert_eq!(imported, exported);
    let RebuildStep::Switched { position, content } = last else {
        panic!("it did not switch: {last:?}")
    };
    assert_eq!(position, log.known_head(), "it was brought up to date");
    assert_eq!(content, there.prove("profiles").await.unwrap().content);
    assert_ne!(content, exported.content);
    assert_eq!(there.prove("profiles").await.unwrap().mismatch, None);
    log::append(&log, &[registered(10, "juko")]).await;
    assert_like_a_fresh_build(&there, &log).await;
    there.close().await;

    // It stays, also across a start; the file that was brought is as it was.
    let there = open(&log, &folder.join("there")).await;
    assert_eq!(there.status()[1].state, ViewState::Live);
    assert_like_a_fresh_build(&there, &log).await;
    assert_eq!(fs::metadata(&path).unwrap().len(), exported.bytes);
}

#[tokio::test]
async fn a_view_goes_from_node_to_node_as_a_file_on_sqlite() {
    let folder = TempDir::new().unwrap();
    from_node_to_node(log::sqlite(folder.path()).await, folder.path()).await;
}

#[tokio::test]
async fn a_view_goes_from_node_to_node_as_a_file_on_postgres() {
    let folder = TempDir::new().unwrap();
    let log = log::postgres(folder.path(), log::databases().await).await;
    from_node_to_node(log, folder.path()).await;
}

#[tokio::test]
async fn an_export_writes_over_nothing_and_leaves_nothing_where_it_fails() {
    let folder = TempDir::new().unwrap();
    let log = log::sqlite(folder.path()).await;
    let views = story(folder.path(), &log).await;
    let taken = folder.path().join("letters");
    fs::write(&taken, "dear taro").unwrap();
    let refused = views.export("board", &taken).await;
    assert!(matches!(refused, Err(ExportError::Exists(path)) if path == taken));
    assert_eq!(fs::read_to_string(&taken).unwrap(), "dear taro");
    let nowhere = views
        .export("board", &folder.path().join("no/such/folder"))
        .await;
    assert!(matches!(nowhere, Err(ExportError::Write { .. })));
    let unknown = views.export("nothing", &folder.path().join("new")).await;
    assert!(matches!(unknown, Err(ExportError::View(_))));
    assert!(!folder.path().join("new").exists());

    // The live file cannot be read any more: a part of a copy is none.
    let live = super::run::live_folder(&views, &folder.path().join("views"), "board");
    fs::write(live.join("view.db"), "not a database ".repeat(999)).unwrap();
    let path = folder.path().join("new");
    let copied = views.export("board", &path).await;
    assert!(matches!(copied, Err(ExportError::Copy(_))), "{copied:?}");
    assert!(!path.exists());
}

/// Changes an exported file with SQL, as somebody might by hand.
async fn alter(path: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let changed = sqlx::raw_sql(statement).execute(&mut file).await.unwrap();
    assert!(changed.rows_affected() <= 1);
    file.close().await.unwrap();
}

/// Exports profiles, lets something happen to the file, and has it imported: it must be refused,
/// in these words, and what serves must stay.
async fn refused(views: &Views, folder: &Path, happens: impl AsyncFnOnce(&Path), words: &str) {
    let path = folder.join("profiles.view");
    views.export("profiles", &path).await.unwrap();
    happens(&path).await;
    let (before, there) = (rows(views, "profiles").await, folder.join("views/profiles"));
    let folders = fs::read_dir(&there).unwrap().count();
    let refused = import(views, &path).await.unwrap_err().to_string();
    assert!(refused.contains(words), "{words:?} is not in {refused:?}");
    assert_eq!(rows(views, "profiles").await, before);
    assert_eq!(
        fs::read_dir(&there).unwrap().count(),
        folders,
        "nothing stays of it"
    );
    fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_file_that_was_changed_is_refused() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let log = log::sqlite(folder).await;
    let views = story(folder, &log).await;
    let flipped = async |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let name = "kyukoさん".as_bytes();
        let place = bytes
            .windows(name.len())
            .position(|part| part == name)
            .unwrap();
        bytes[place] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    refused(&views, folder, flipped, "table member has").await;
    let row = async |path: &Path| {
        alter(
            path,
            "update member set thanks_received = 9 where user_name = 'kyuko'",
        )
        .await;
    };
    refused(&views, folder, row, "table member has").await;
    let trigger = async |path: &Path| {
        let trigger = "create trigger praise after insert on member begin
            update member set thanks_received = 9 where id = new.id; end";
        alter(path, trigger).await;
    };
    refused(&views, folder, trigger, "not those of the view").await;
    let index = async |path: &Path| alter(path, "drop index member_by_user_name").await;
    refused(&views, folder, index, "not those of the view").await;
    let position = async |path: &Path| {
        alter(path, "update certificate set position = position - 1").await;
    };
    refused(&views, folder, position, "its tree's is").await;
    let cut = async |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    refused(&views, folder, cut, "malformed").await;
    let noise = async |path: &Path| fs::write(path, "dear taro, ".repeat(999)).unwrap();
    refused(&views, folder, noise, "file is not a database").await;
}

#[tokio::test]
async fn a_byte_of_an_index_is_found_out_too() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let log = log::sqlite(folder).await;
    let views = story(folder, &log).await;
    let flipped = async |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        // In the index the name is followed by the row's number, in the table by the nickname.
        let found = |place: &usize| {
            bytes[*place..].starts_with(b"kyuko")
                && !bytes[*place..].starts_with("kyukok".as_bytes())
        };
        let places: Vec<usize> = (0..bytes.len()).filter(found).collect();
        let place = places
            .into_iter()
            .find(|place| !bytes[*place..].starts_with("kyukoさん".as_bytes()));
        bytes[place.unwrap()] = b'a';
        fs::write(path, bytes).unwrap();
    };
    refused(&views, folder, flipped, "index member_by_user_name").await;
}

#[tokio::test]
async fn a_file_of_another_log_is_refused_and_so_is_one_that_is_ahead() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let log = log::sqlite(folder).await;
    let views = story(folder, &log).await;
    let path = folder.join("profiles.view");
    views.export("profiles", &path).await.unwrap();

    let elsewhere = TempDir::new().unwrap();
    let other = log::sqlite(elsewhere.path()).await;
    log::append(&other, &[registered(9, "kyuko")]).await;
    let there = open(&other, &elsewhere.path().join("views")).await;
    let ahead = import(&there, &path).await.unwrap_err();
    let words = format!(
        "it has consumed {} events, and the log has 1",
        log.known_head()
    );
    assert!(ahead.to_string().contains(&words), "{ahead}");

    let like_here = random_story(1, 12);
    log::append(&other, &like_here).await;
    let of_another = import(&there, &path).await.unwrap_err().to_string();
    let words = format!(
        "up to position {} it has consumed the tree ",
        log.known_head()
    );
    assert!(of_another.contains(&words), "{of_another}");
    assert_like_a_fresh_build(&there, &other).await;
}

#[tokio::test]
async fn a_file_of_another_release_or_of_no_view_here_is_refused() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let log = log::sqlite(folder).await;
    let views = story(folder, &log).await;
    let path = folder.join("profiles.view");
    let exported = views.export("profiles", &path).await.unwrap();
    let open = async |name: &str, views: ViewSet| {
        let settings = ViewSettings {
            views,
            ..crate::settings()
        };
        let dir = folder.join(name);
        Views::open(log.clone(), dir, settings).await.unwrap()
    };
    let later = open("later", crate::all().revised("profiles")).await;
    let refused = import(&later, &path).await.unwrap_err().to_string();
    let (theirs, ours) = (&exported.fingerprint, &later.status()[1].fingerprint);
    let words = format!("its fingerprint is {theirs}, here it is {ours}");
    assert!(refused.contains(&words), "{refused}");
    let others = open("others", crate::all().only(&["board"])).await;
    let unknown = import(&others, &path).await.unwrap_err();
    assert!(matches!(unknown, ImportError::UnknownView(name) if name == "profiles"));
    let nothing = import(&views, &folder.join("nothing")).await.unwrap_err();
    assert!(matches!(nothing, ImportError::Read { .. }), "{nothing}");
}

#[tokio::test]
async fn a_file_from_before_what_was_erased_does_not_bring_it_back() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let log = log::sqlite(folder).await;
    let head = log::append(&log, &[registered(1, "aki")]).await;
    let views = super::run::open(&log, &folder.join("views")).await;
    views.wait_for_all(head, LONG).await.unwrap();
    let path = folder.join("profiles.view");
    views.export("profiles", &path).await.unwrap();
    let handle = views.handle("profiles").unwrap();
    handle.erased(head);
    assert!(
        import(&views, &path).await.is_ok(),
        "it has seen the erasure"
    );
    handle.erased(head.next());
    let refused = import(&views, &path).await.unwrap_err();
    assert!(
        matches!(refused, ImportError::BeforeErasure { position, .. } if position == head),
        "{refused}"
    );
}

/// Whether profiles are folded so slowly that a first build takes seconds.
static SLOW: AtomicBool = AtomicBool::new(false);

#[derive(Default)]
struct SlowProfiles(Profiles);

impl View for SlowProfiles {
    type Fact = Event;
    const NAME: &'static str = Profiles::NAME;
    const VERSION: u32 = Profiles::VERSION;
    const SCHEMA: &'static str = Profiles::SCHEMA;
    const WANTS: &'static [&'static str] = Profiles::WANTS;

    fn keys(&mut self, fact: &Event) {
        self.0.keys(fact);
    }

    fn fold(&mut self, fact: &Event, event: &Decoded) -> Result<(), FoldError> {
        if SLOW.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.0.fold(fact, event)
    }

    fn tables(&mut self) -> Vec<&mut dyn AnyRows> {
        self.0.tables()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_new_node_a_file_takes_the_place_of_the_first_build() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let log = log::sqlite(folder).await;
    let members: Vec<Event> = (0..600)
        .map(|number| registered(number, &format!("member{number}")))
        .collect();
    let head = log::append(&log, &members).await;
    let open = async |name: &str| {
        let settings = ViewSettings {
            block_events: 200,
            views: ViewSet::of(&Catalog).and::<SlowProfiles>(),
            ..crate::settings()
        };
        let dir = folder.join(name);
        Views::open(log.clone(), dir, settings).await.unwrap()
    };
    let here = open("here").await;
    here.wait_for_all(head, LONG).await.unwrap();
    let path: PathBuf = folder.join("profiles.view");
    here.export("profiles", &path).await.unwrap();

    SLOW.store(true, Ordering::Relaxed);
    let there = open("there").await;
    assert_eq!(there.status()[0].state, ViewState::Building);
    let (_, last) = import(&there, &path).await.unwrap();
    assert!(matches!(last, RebuildStep::Switched { position, .. } if position == head));
    let status = there.status().remove(0);
    assert_eq!((status.state, status.build), (ViewState::Live, None));
    assert_eq!(
        rows(&there, "profiles").await,
        rows(&here, "profiles").await
    );
    let dir = folder.join("there/profiles");
    let folders = fs::read_dir(dir).unwrap().filter(|entry| {
        let kind = entry.as_ref().unwrap().file_type().unwrap();
        kind.is_dir()
    });
    assert_eq!(folders.count(), 1, "what was built of it is gone");
    assert_eq!(status.position, Position::new(600));
}
