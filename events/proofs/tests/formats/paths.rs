//! Every tile has one path, and no other text is read as one.

use meguri_proofs::{Bundle, Published, Tile};

/// What looks like the path of a tile.
const NOT_PATHS: &[&str] = &[
    "",
    "tile",
    "tile/0",
    "tile/0/",
    "tile/entries/",
    "/tile/0/000",
    "tile/0/000/",
    "tile//000",
    "tile/0//000",
    // Levels.
    "tile/00/000",
    "tile/+0/000",
    "tile/-1/000",
    "tile/8/000",
    "tile/63/000",
    "tile/256/000",
    "tile/x/000",
    "tile/Entries/000",
    "tiles/0/000",
    "tile/data/000",
    // Groups of digits.
    "tile/0/0",
    "tile/0/67",
    "tile/0/0067",
    "tile/0/+67",
    "tile/0/x067",
    "tile/0/x000/067",
    "tile/0/001/067",
    "tile/0/x001/67",
    "tile/0/x001/0067",
    "tile/0/x1/067",
    "tile/0/x01/067",
    "tile/0/x0001/067",
    "tile/0/X001/067",
    "tile/0/xx001/067",
    "tile/0/x001/x067",
    "tile/0/x001x067",
    "tile/0/x001/x234/x067",
    "tile/0/x001//067",
    "tile/0/x001/067 ",
    "tile/0/ 067",
    "tile/0/1067",
    "tile/0/x001/06７",
    // Widths.
    "tile/0/067.p",
    "tile/0/067.p/",
    "tile/0/067.p/0",
    "tile/0/067.p/00",
    "tile/0/067.p/01",
    "tile/0/067.p/+1",
    "tile/0/067.p/-1",
    "tile/0/067.p/256",
    "tile/0/067.p/257",
    "tile/0/067.p/65537",
    "tile/0/067.p/1/",
    "tile/0/067.p/1.p/1",
    "tile/0/067.P/1",
    "tile/0/067p/1",
    "tile/0/x001.p/1/067",
    "tile/entries/067.p/256",
    // Beyond every tree.
    "tile/7/001",
    "tile/7/000",
    "tile/0/x072/x057/x594/x037/x927/936",
    "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
    "tile/0/../000",
];

fn tile(level: u8, index: u64, width: u16) -> Published {
    Published::Tile(Tile::new(level, index, width).unwrap())
}

fn bundle(index: u64, width: u16) -> Published {
    Published::Bundle(Bundle::new(index, width).unwrap())
}

#[test]
fn paths_are_those_of_the_standard() {
    for (published, path) in [
        (tile(0, 0, 256), "tile/0/000"),
        (tile(0, 0, 1), "tile/0/000.p/1"),
        (tile(0, 999, 256), "tile/0/999"),
        (tile(0, 1000, 256), "tile/0/x001/000"),
        (tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (tile(2, 1_234_067, 8), "tile/2/x001/x234/067.p/8"),
        (tile(0, 1_000_000, 255), "tile/0/x001/x000/000.p/255"),
        (tile(7, 0, 255), "tile/7/000.p/255"),
        (bundle(0, 256), "tile/entries/000"),
        (bundle(1_234_067, 112), "tile/entries/x001/x234/067.p/112"),
        (
            bundle(u64::MAX / 256, 255),
            "tile/entries/x072/x057/x594/x037/x927/935.p/255",
        ),
    ] {
        assert_eq!(published.to_string(), path);
        assert_eq!(path.parse(), Ok(published));
    }
}

#[test]
fn a_path_that_is_written_in_any_other_way_is_refused() {
    for path in NOT_PATHS {
        assert!(path.parse::<Published>().is_err(), "{path:?}");
    }
}

#[test]
fn a_path_with_any_one_character_changed_names_another_tile_or_none() {
    let path = "tile/2/x001/x234/067.p/118";
    let original: Published = path.parse().unwrap();
    for at in 0..path.len() {
        for other in (0..=0x7f).map(char::from) {
            let mut changed = path.to_owned();
            changed.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
            if let Ok(read) = changed.parse::<Published>() {
                assert_eq!(read.to_string(), changed);
                assert_eq!(read == original, changed == path, "{changed}");
            }
        }
        let mut shorter = path.to_owned();
        shorter.remove(at);
        let read = shorter.parse::<Published>();
        assert!(read.is_err() || read != Ok(original), "{shorter}");
    }
}

#[test]
fn every_published_file_is_found_again_by_its_path() {
    for size in [1, 255, 256, 257, 70_000, 256_000, 300_000_000] {
        for tile in Tile::of(size).take(3).chain(Tile::edge(size)) {
            assert_eq!(tile.to_string().parse(), Ok(Published::Tile(tile)));
        }
        for bundle in Bundle::added(0, size).take(3).chain(Bundle::edge(size)) {
            assert_eq!(bundle.to_string().parse(), Ok(Published::Bundle(bundle)));
        }
    }
}
