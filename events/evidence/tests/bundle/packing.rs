//! The zip of a bundle: the same bytes for the same evidence, and nothing to fear in one.

use std::io::{Cursor, Write};

use meguri_evidence::{BUNDLE_BYTES_MAX, Expected, Files, verify};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::both::python;
use crate::scene::Scene;

#[test]
fn the_same_evidence_is_the_same_bytes() {
    let zips = [Scene::new(), Scene::new()].map(|scene| scene.files().to_zip().unwrap());
    assert_eq!(zips[0], zips[1]);
    let names: Vec<String> = Scene::new()
        .files()
        .iter()
        .map(|it| it.0.to_owned())
        .collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn a_bundle_that_was_packed_again_by_others_is_read_as_well() {
    let scene = Scene::new();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.add_directory("events/", options).unwrap();
    for (name, bytes) in scene.files().iter() {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    let packed = zip.finish().unwrap().into_inner();
    let files = Files::from_zip(&packed).unwrap();
    assert_eq!(files, scene.files());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packed.zip");
    std::fs::write(&path, packed).unwrap();
    let key = scene.key.verifier();
    let (code, said) = python(&path, &["--key", &key.to_string()]);
    let report = verify(
        &files,
        Expected {
            key: Some(&key),
            stream: None,
        },
    );
    assert_eq!((code, said), (0, report.to_string()));
}

#[test]
fn a_name_that_stands_for_two_files_is_found() {
    let scene = Scene::new();
    let mut files = scene.files();
    files.add("twice".to_owned(), b"one".to_vec()).unwrap();
    files.add("twicf".to_owned(), b"two".to_vec()).unwrap();
    let zip = files.to_zip().unwrap();
    // The names differ in their last letter; now they do not any more.
    let zip: Vec<u8> = replace(&zip, *b"twicf", *b"twice");
    let report = verify(&Files::from_zip(&zip).unwrap(), Expected::default());
    assert_eq!(report.findings.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twice.zip");
    std::fs::write(&path, zip).unwrap();
    assert_eq!(python(&path, &[]), (1, report.to_string()));
}

fn replace(bytes: &[u8], from: [u8; 5], to: [u8; 5]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(5).position(|part| part == from) {
        bytes[at..at + 5].copy_from_slice(&to);
    }
    bytes
}

#[test]
fn a_zip_that_would_become_anything_is_not_read() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("README.ja.md", options).unwrap();
    let block = vec![0; 1 << 20];
    for _ in 0..=BUNDLE_BYTES_MAX >> 20 {
        zip.write_all(&block).unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    assert!(zip.len() < 4 << 20, "it is small: {}", zip.len());
    assert!(Files::from_zip(&zip).is_err());
}
