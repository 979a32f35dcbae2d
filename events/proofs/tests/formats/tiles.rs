//! Which tiles a tree has, and which are new in a larger one.

use std::collections::BTreeSet;

use meguri_proofs::{BadTile, Bundle, Tile, leaf};

use crate::entries::entries;

fn shapes(tiles: impl Iterator<Item = Tile>) -> Vec<(u8, u64, u16)> {
    tiles
        .map(|tile| (tile.level(), tile.index(), tile.width()))
        .collect()
}

#[test]
fn a_tree_of_seventy_thousand_has_the_tiles_that_the_standard_counts() {
    let shapes = shapes(Tile::of(70_000));
    let of = |level, full: bool| {
        let of_level = shapes.iter().filter(move |shape| shape.0 == level);
        of_level.filter(move |shape| (shape.2 == 256) == full)
    };
    assert_eq!(of(0, true).count(), 273);
    assert_eq!(of(0, false).collect::<Vec<_>>(), [&(0, 273, 112)]);
    assert_eq!(of(1, true).collect::<Vec<_>>(), [&(1, 0, 256)]);
    assert_eq!(of(1, false).collect::<Vec<_>>(), [&(1, 1, 17)]);
    assert_eq!(of(2, false).collect::<Vec<_>>(), [&(2, 0, 1)]);
    assert_eq!(shapes.len(), 273 + 1 + 1 + 1 + 1);
}

#[test]
fn small_trees_have_the_tiles_that_the_standard_tells() {
    assert_eq!(shapes(Tile::of(0)), []);
    assert_eq!(shapes(Tile::of(1)), [(0, 0, 1)]);
    assert_eq!(shapes(Tile::of(255)), [(0, 0, 255)]);
    assert_eq!(shapes(Tile::of(256)), [(0, 0, 256), (1, 0, 1)]);
    assert_eq!(shapes(Tile::of(257)), [(0, 0, 256), (0, 1, 1), (1, 0, 1)]);
    assert_eq!(shapes(Tile::of(512)), [(0, 0, 256), (0, 1, 256), (1, 0, 2)]);
}

#[test]
fn the_new_tiles_are_those_that_the_smaller_tree_has_not() {
    let sizes = [
        0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 70_000,
    ];
    for from in sizes {
        for to in sizes {
            let had: BTreeSet<_> = Tile::of(from).collect();
            let has = if to >= from {
                Tile::of(to).collect()
            } else {
                vec![]
            };
            let expected: Vec<_> = has.into_iter().filter(|tile| !had.contains(tile)).collect();
            assert_eq!(
                Tile::added(from, to).collect::<Vec<_>>(),
                expected,
                "{from} {to}"
            );
            let bundles = Bundle::added(from, to).map(Bundle::tile);
            let of_entries = expected.into_iter().filter(|tile| tile.level() == 0);
            assert!(bundles.eq(of_entries), "{from} {to}");
        }
    }
}

#[test]
fn the_edge_of_a_tree_is_its_partial_tiles() {
    for size in [0, 1, 255, 256, 257, 65_536, 65_537, 70_000] {
        let partial: Vec<_> = Tile::of(size).filter(|tile| tile.is_partial()).collect();
        assert_eq!(Tile::edge(size).collect::<Vec<_>>(), partial, "{size}");
        let bundle = partial.iter().find_map(|tile| tile.bundle());
        assert_eq!(Bundle::edge(size), bundle, "{size}");
    }
}

#[test]
fn the_largest_tree_has_tiles_and_nothing_lies_beyond_it() {
    assert_eq!(
        shapes(Tile::edge(u64::MAX)),
        (0..8)
            .map(|level| (level, (u64::MAX >> (8 * level)) / 256, 255))
            .collect::<Vec<_>>()
    );
    for (level, index, width) in [
        (8, 0, 1),
        (255, 0, 1),
        (0, 0, 0),
        (0, 0, 257),
        (7, 0, 256),
        (7, 1, 1),
        (0, u64::MAX / 256, 256),
        (0, u64::MAX / 256 + 1, 1),
        (0, u64::MAX, 1),
    ] {
        let bad = BadTile {
            level,
            index,
            width,
        };
        assert_eq!(Tile::new(level, index, width), Err(bad));
    }
    assert_eq!(Tile::in_tree(8, 0, u64::MAX), None);
    assert_eq!(Tile::in_tree(0, u64::MAX, u64::MAX), None);
}

#[test]
fn the_bytes_of_a_tile_are_its_hashes() {
    let hashes: Vec<_> = entries(5).iter().map(|entry| leaf(entry)).collect();
    let bytes = hashes.as_flattened();
    let tile = Tile::new(0, 9, 5).unwrap();
    assert_eq!(tile.decode(bytes), Ok(hashes.as_slice()));
    for wrong in [&bytes[..159], &bytes[..128], &bytes[..0]] {
        assert!(tile.decode(wrong).is_err());
    }
    let wider = Tile::new(0, 9, 6).unwrap();
    let error = wider.decode(bytes).unwrap_err();
    assert_eq!((error.tile, error.found), (wider, 160));
}
