//! Backups in a bucket: whole or none, whatever the object store does meanwhile, and a checkpoint
//! there that no restored backup brings back.

use std::fs;
use std::time::{Duration, Instant};

use meguri_postgres_cluster::shared;
use serde_json::Value;

use super::backup::{restored, state, with_keys_of};
use super::proofs::{checkpoint, verifier};
use crate::support::bucket::Bucket;
use crate::support::server::{Installation, Server};

/// How often something is looked at: for 60 s.
const LOOKS_MAX: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
/// Long beyond what a store that does not answer is waited for: four times two seconds.
const TOO_LONG: Duration = Duration::from_mins(1);

/// An installation with one member, which knows how to reach the bucket.
async fn installation(bucket: &Bucket) -> Installation {
    let mut installation = Installation::on_sqlite();
    installation.set(&bucket.variables());
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    checkpoint(server.api(), &verifier(&installation), 3).await;
    server.terminate().await;
    installation
}

/// The names of the backups under a prefix that have a manifest.
fn whole(bucket: &Bucket, prefix: &str) -> Vec<String> {
    let names = bucket.names().into_iter();
    names
        .filter_map(|name| {
            let name = name.strip_prefix(prefix)?.strip_prefix('/')?;
            Some(name.strip_suffix("/manifest.json")?.to_owned())
        })
        .collect()
}

/// What a command that has to fail says; it says it in one sentence, and soon.
fn refused(installation: &Installation, arguments: &[&str]) -> String {
    let begun = Instant::now();
    let output = installation.end_of(arguments);
    assert!(begun.elapsed() < TOO_LONG, "it is bounded");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.starts_with("meguri: "), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "one sentence: {said}");
    said
}

/// A new place with the keys of another one, which knows the bucket.
fn elsewhere(bucket: &Bucket, of: &Installation) -> Installation {
    let mut new = with_keys_of(of);
    new.set(&bucket.variables());
    new
}

#[tokio::test]
async fn a_backup_in_a_bucket_is_restored_on_another_machine() {
    let bucket = Bucket::new();
    let installation = installation(&bucket).await;
    let to = Bucket::at("backups/one");
    let said = installation.run(&["backup", &to]);
    let [name] = &whole(&bucket, "backups/one")[..] else {
        panic!("{said}");
    };
    assert!(said.starts_with(&format!("{to}/{name}\n")), "{said}");
    assert!(
        !installation
            .data()
            .join("backup.outbox")
            .join(name)
            .exists()
    );
    for from in [&to, &format!("{to}/{name}"), &format!("{to}/")] {
        let new = elsewhere(&bucket, &installation);
        let (went_well, said) = restored(&new, from, &[]);
        assert!(went_well, "{said}");
        assert!(said.contains("nothing that does not fit"), "{said}");
        let server = new.serve().await;
        let hanako = server.api().get("/api/members/hanako", None).await;
        assert_eq!(hanako["nickname"], "はなこ");
        state(&server, "refusing").await;
        server.terminate().await;
    }
    // The folder holds byte for byte what the bucket does.
    let folder = installation.folder().join("as a folder");
    let copy = folder.join(name);
    fs::create_dir_all(&copy).unwrap();
    for object in bucket.names() {
        if let Some(file) = object.strip_prefix(&format!("backups/one/{name}/")) {
            fs::write(copy.join(file), bucket.read(&object).unwrap()).unwrap();
        }
    }
    let new = elsewhere(&bucket, &installation);
    let (went_well, said) = restored(&new, folder.to_str().unwrap(), &["--check"]);
    assert!(went_well, "{said}");
}

#[tokio::test]
async fn a_backup_whose_objects_are_not_as_they_were_sent_is_refused() {
    let bucket = Bucket::new();
    let installation = installation(&bucket).await;
    let to = Bucket::at("b");
    installation.run(&["backup", &to]);
    for object in bucket.names() {
        let sound = bucket.read(&object).unwrap();
        let mut flipped = sound.to_vec();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        let cut = sound.slice(..middle);
        let mut damages = vec![Some(cut), None];
        if !object.ends_with("manifest.json") {
            damages.push(Some(flipped.into()));
        }
        for damage in damages {
            match damage.clone() {
                Some(bytes) => bucket.write(&object, bytes),
                None => bucket.remove(&object),
            }
            let new = elsewhere(&bucket, &installation);
            let (went_well, said) = restored(&new, &to, &[]);
            assert!(!went_well, "{object} {damage:?}: {said}");
            assert!(!new.data().join("log.db").exists(), "{object}");
            bucket.write(&object, sound.clone());
        }
    }
    let (went_well, said) = restored(&elsewhere(&bucket, &installation), &to, &[]);
    assert!(went_well, "{said}");
}

#[tokio::test]
async fn a_bucket_that_is_gone_in_the_middle_has_no_half_backup() {
    let bucket = Bucket::new();
    let installation = installation(&bucket).await;
    let to = Bucket::at("b");
    installation.run(&["backup", &to]);
    let before = whole(&bucket, "b");
    // Whatever is sent before it goes: something, most, all but the manifest.
    for writes in 0..5 {
        bucket.gone_after(writes);
        let said = refused(&installation, &["backup", &to]);
        bucket.back();
        assert!(said.contains(&to), "{said}");
        assert_eq!(whole(&bucket, "b"), before, "gone after {writes} writes");
        let (went_well, said) = restored(&elsewhere(&bucket, &installation), &to, &["--check"]);
        assert!(went_well && said.contains(&before[0]), "{said}");
    }
    let left = installation.data().join("backup.outbox");
    let left = fs::read_dir(left)
        .unwrap()
        .filter(|it| it.as_ref().unwrap().path().is_dir());
    assert_eq!(left.count(), 0, "nothing is left here");
    installation.run(&["backup", &to]);
    assert_eq!(whole(&bucket, "b").len(), 2);
}

#[tokio::test]
async fn a_large_log_goes_up_in_pieces_and_none_of_them_is_left_behind() {
    let bucket = Bucket::new();
    let mut installation = Installation::on_sqlite();
    installation.set(&bucket.variables());
    // More than one piece of eight megabytes.
    installation.run(&["demo", "--members", "2500"]);
    let to = Bucket::at("b");
    bucket.full_after(1);
    let said = refused(&installation, &["backup", &to]);
    assert!(said.contains("XMinioStorageFull"), "{said}");
    bucket.back();
    assert_eq!(
        (bucket.pieces(), bucket.names().len()),
        (0, 0),
        "nothing is left there"
    );
    installation.run(&["backup", &to]);
    let [name] = &whole(&bucket, "b")[..] else {
        panic!("one");
    };
    let log = bucket.read(&format!("b/{name}/log.db")).unwrap();
    assert!(log.len() > 8 << 20, "{} bytes", log.len());
    let (went_well, said) = restored(&elsewhere(&bucket, &installation), &to, &["--check"]);
    assert!(went_well, "{said}");
    assert_eq!(bucket.pieces(), 0);
}

#[tokio::test]
async fn what_keeps_a_bucket_from_being_used_is_said_in_one_sentence() {
    let bucket = Bucket::new();
    let mut installation = installation(&bucket).await;
    let to = Bucket::at("b");
    bucket.slow(Duration::from_mins(10));
    let said = refused(&installation, &["backup", &to]);
    assert!(said.contains("does not answer"), "{said}");
    bucket.back();
    let said = refused(&installation, &["backup", "s3://not-there/b"]);
    assert!(said.contains("no such bucket"), "{said}");
    let said = refused(&installation, &["restore", &to]);
    assert!(said.contains("no whole backup"), "{said}");
    for (variable, value) in [
        ("AWS_SECRET_ACCESS_KEY", "another"),
        ("AWS_ACCESS_KEY_ID", "x"),
    ] {
        installation.set(&[(variable, value.to_owned())]);
        for arguments in [["backup", &to], ["restore", &to]] {
            let said = refused(&installation, &arguments);
            assert!(said.contains("refuses these credentials"), "{said}");
            assert!(said.contains("AWS_ACCESS_KEY_ID"), "{said}");
        }
    }
    installation.set(&[
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
    ]);
    let said = refused(&installation, &["backup", &to]);
    assert!(said.contains("nobody says as whom"), "{said}");
    installation.set(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned())]);
    installation.set(&[("AWS_ACCESS_KEY_ID", "x".to_owned())]);
    installation.set(&[("AWS_SECRET_ACCESS_KEY", "x".to_owned())]);
    let said = refused(&installation, &["backup", &to]);
    assert!(said.contains("does not answer"), "{said}");
    assert_eq!(bucket.names(), Vec::<String>::new());
}

#[tokio::test]
async fn only_whole_older_backups_of_this_log_are_removed() {
    let bucket = Bucket::new();
    let (one, other) = (installation(&bucket).await, installation(&bucket).await);
    let to = Bucket::at("b");
    for _ in 0..2 {
        other.run(&["backup", &to]);
    }
    let of_other = whole(&bucket, "b");
    bucket.write(
        "b/20000101T000000.000000Z/log.db",
        "begun, and not long ago",
    );
    bucket.write("b/notes", "of somebody");
    bucket.write("b/20000102T000000.000000Z/manifest.json", "{}");
    let mut last = String::new();
    for _ in 0..3 {
        let said = one.run(&["backup", &to, "--keep", "1"]);
        last = said
            .lines()
            .next()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
    }
    let mut expected = of_other;
    expected.extend(["20000102T000000.000000Z".to_owned(), last]);
    expected.sort();
    assert_eq!(whole(&bucket, "b"), expected);
    assert!(bucket.read("b/notes").is_some());
    // And in a folder.
    let folder = one.folder().join("backups");
    let folder = folder.to_str().unwrap();
    for _ in 0..2 {
        other.run(&["backup", folder]);
    }
    for _ in 0..2 {
        one.run(&["backup", folder, "--keep", "1"]);
    }
    let kept = fs::read_dir(folder).unwrap();
    let kept = kept.filter(|it| it.as_ref().unwrap().path().is_dir());
    assert_eq!(kept.count(), 3, "two of the other log, and one of this one");
}

/// An installation whose server makes backups there.
async fn scheduled(bucket: &Bucket, prefix: &str) -> (Installation, Server) {
    let mut installation = Installation::on_sqlite();
    installation.set(&bucket.variables());
    let to = Bucket::at(prefix);
    let settings = format!("backup_to = \"{to}\"\nbackup_every = \"10s\"\nbackup_keep = 2\n");
    fs::write(installation.folder().join("meguri.toml"), settings).unwrap();
    let server = installation.serve().await;
    (installation, server)
}

async fn backup_status(server: &Server, until: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..LOOKS_MAX {
        let status = server.api().get("/api/status", None).await;
        if until(&status["backup"]) {
            return status["backup"].clone();
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("the backups do not become as expected");
}

#[tokio::test]
async fn the_server_makes_backups_in_a_bucket_says_when_it_cannot_and_goes_on() {
    let bucket = Bucket::new();
    let (installation, server) = scheduled(&bucket, "b").await;
    server.api().register("hanako", "はなこ").await;
    let key = verifier(&installation);
    checkpoint(server.api(), &key, 3).await;
    assert!(bucket.read("b/checkpoint").is_some());
    backup_status(&server, |backup| backup["position"].as_u64() >= Some(3)).await;
    bucket.gone_after(0);
    backup_status(&server, |backup| backup["failing"] == true).await;
    // Nothing is signed that nobody keeps; members notice nothing.
    server.api().register("taro", "たろう").await;
    state(&server, "failing").await;
    assert!(server.api().is_ready().await);
    bucket.back();
    checkpoint(server.api(), &key, 6).await;
    backup_status(&server, |backup| {
        backup["failing"] == false && backup["position"].as_u64() >= Some(6)
    })
    .await;
    for _ in 0..LOOKS_MAX {
        if whole(&bucket, "b").len() <= 2 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert!(whole(&bucket, "b").len() <= 2, "as many as are kept");
    // A server that is told to end does not wait for a store that does not answer.
    bucket.slow(Duration::from_mins(10));
    let begun = Instant::now();
    server.terminate().await;
    assert!(begun.elapsed() < TOO_LONG);
    bucket.back();
    let (went_well, said) = restored(&elsewhere(&bucket, &installation), Bucket::at("b"), &[]);
    assert!(went_well, "{said}");
}

#[tokio::test]
async fn copies_that_share_a_bucket_never_sign_two_trees_of_one_size() {
    for keeps_conditions in [true, false] {
        let bucket = Bucket::new();
        if !keeps_conditions {
            bucket.ignore_conditions();
        }
        let (installation, server) = scheduled(&bucket, "b").await;
        server.api().register("hanako", "はなこ").await;
        let key = verifier(&installation);
        let last = checkpoint(server.api(), &key, 3).await;
        server.terminate().await;
        let mut copy = installation.copy();
        copy.set(&bucket.variables());
        let settings = fs::read(installation.folder().join("meguri.toml")).unwrap();
        fs::write(copy.folder().join("meguri.toml"), settings).unwrap();
        let first = installation.serve().await;
        first.api().register("taro", "たろう").await;
        checkpoint(first.api(), &key, last.size + 3).await;
        // The copy is behind what the bucket knows, and somebody gives their word all the same.
        let second = copy
            .serve_with(&[
                "serve",
                "--nothing-later-was-published",
                "--listen",
                "127.0.0.1:0",
            ])
            .await;
        state(&second, "refusing").await;
        second.api().register("jiro", "じろう").await;
        second.api().register("saburo", "さぶろう").await;
        second.terminate().await;
        // It has grown past it meanwhile, and is another log.
        let second = copy
            .serve_with(&[
                "serve",
                "--nothing-later-was-published",
                "--listen",
                "127.0.0.1:0",
            ])
            .await;
        state(&second, "refusing").await;
        first.api().register("shiro", "しろう").await;
        checkpoint(first.api(), &key, last.size + 6).await;
        state(&first, "publishing").await;
    }
}

#[tokio::test]
async fn a_moved_log_goes_on_by_itself_where_the_bucket_tells_what_was_signed_last() {
    for keeps_conditions in [true, false] {
        let bucket = Bucket::new();
        if !keeps_conditions {
            bucket.ignore_conditions();
        }
        let (installation, server) = scheduled(&bucket, "b").await;
        server.api().register("hanako", "はなこ").await;
        let key = verifier(&installation);
        checkpoint(server.api(), &key, 3).await;
        server.terminate().await;
        let mut moved = installation.copy();
        moved.set(&bucket.variables());
        let settings = fs::read(installation.folder().join("meguri.toml")).unwrap();
        fs::write(moved.folder().join("meguri.toml"), settings).unwrap();
        let server = moved.serve().await;
        // A store that keeps no conditions does not tell two copies that sign at once.
        let expected = if keeps_conditions {
            "publishing"
        } else {
            "refusing"
        };
        state(&server, expected).await;
        server.terminate().await;
    }
}

#[tokio::test]
async fn databases_in_postgresql_are_checked_against_a_manifest_in_a_bucket() {
    let bucket = Bucket::new();
    let database = || shared().unwrap().create_database().unwrap();
    let mut installation = Installation::on_databases(database);
    installation.set(&bucket.variables());
    let server = installation.serve().await;
    server.api().register("hanako", "はなこ").await;
    checkpoint(server.api(), &verifier(&installation), 3).await;
    server.terminate().await;
    let to = Bucket::at("b");
    let said = installation.run(&["backup", &to]);
    assert!(said.contains("| aws s3 cp - s3://"), "{said}");
    let (went_well, said) = restored(&installation, &to, &[]);
    assert!(
        went_well && said.contains("nothing that does not fit"),
        "{said}"
    );
    let mut other = Installation::on_databases(database);
    other.set(&bucket.variables());
    let server = other.serve().await;
    server.api().register("jiro", "だれか").await;
    server.terminate().await;
    let (went_well, said) = restored(&other, &to, &[]);
    assert!(!went_well && said.contains("the manifest says"), "{said}");
}
