//! A builder hands over exactly what a tree of its size has, also when it goes on from before.

use meguri_proofs::{
    BadBundle, Builder, Bundle, EntryTooLong, Hash, MissingTile, ResumeError, Tile, Tree, root,
};

use crate::{
    entries::{Site, entries, entry},
    oracle,
};

#[test]
fn what_is_built_is_every_tile_and_every_bundle_of_the_tree() {
    for size in [0, 1, 255, 256, 257, 1000, 65_535, 65_536, 65_800] {
        let site = Site::of(&entries(size));
        assert!(
            site.tiles.keys().copied().eq(sorted(Tile::of(size))),
            "{size}"
        );
        assert!(
            site.bundles.keys().copied().eq(Bundle::added(0, size)),
            "{size}"
        );
        for (tile, hashes) in &site.tiles {
            assert_eq!(hashes.len(), usize::from(tile.width()));
        }
    }
}

fn sorted(tiles: impl Iterator<Item = Tile>) -> impl Iterator<Item = Tile> {
    let mut tiles: Vec<_> = tiles.collect();
    tiles.sort();
    tiles.into_iter()
}

#[test]
fn every_tile_follows_from_the_one_below_it_and_the_lowest_from_the_entries() {
    let all = entries(66_000);
    let site = Site::of(&all);
    for (bundle, bytes) in &site.bundles {
        let first = usize::try_from(bundle.index() * 256).unwrap();
        let expected = &all[first..first + usize::from(bundle.width())];
        let found = bundle.decode(bytes).unwrap();
        assert_eq!(found, expected);
        let leaves: Vec<_> = found
            .iter()
            .map(|entry| meguri_proofs::leaf(entry))
            .collect();
        assert_eq!(site.tiles[&bundle.tile()], leaves);
    }
    for (tile, hashes) in site.tiles.iter().filter(|(tile, _)| tile.level() != 0) {
        for (below, hash) in (tile.index() * 256..).zip(hashes) {
            let below = Tile::new(tile.level() - 1, below, 256).unwrap();
            assert_eq!(root(&site.tiles[&below]), *hash);
        }
    }
    let first_of_level_two = site.tiles[&Tile::new(2, 0, 1).unwrap()][0];
    assert_eq!(first_of_level_two, oracle::mth(&all[..65_536]));
}

#[test]
fn the_root_is_told_by_the_partial_tiles_alone() {
    for size in [0, 1, 2, 3, 255, 256, 257, 1000, 65_536, 65_537, 65_800] {
        let site = Site::of(&entries(size));
        let edge: Vec<_> = Tile::edge(size).collect();
        let only_edge = |tile| edge.contains(&tile).then(|| site.tile(tile)).flatten();
        assert_eq!(Tree::from_tiles(size, only_edge), Ok(site.tree()), "{size}");
        for missing in &edge {
            let others = |tile| (tile != *missing).then(|| site.tile(tile)).flatten();
            assert_eq!(Tree::from_tiles(size, others), Err(MissingTile(*missing)));
        }
    }
}

#[test]
fn a_builder_goes_on_from_what_was_written_as_if_it_had_never_stopped() {
    let all = entries(1100);
    for stop in [0_u64, 1, 2, 255, 256, 257, 511, 512, 1000, 1024] {
        let (before, after) = all.split_at(usize::try_from(stop).unwrap());
        let mut site = Site::of(before);
        let bundle = Bundle::edge(stop).map(|bundle| site.bundles.remove(&bundle).unwrap());
        let edge: Vec<_> = Tile::edge(stop).collect();
        let mut builder =
            Builder::resume(stop, &bundle.unwrap_or_default(), |tile| site.tile(tile)).unwrap();
        assert_eq!(builder.tree(), site.tree());
        for tile in edge {
            site.tiles.remove(&tile);
        }
        for entry in after {
            site.publish(builder.push(entry).unwrap());
        }
        site.publish(builder.edge());
        site.tree = Some(builder.tree());
        assert_eq!(site, Site::of(&all), "{stop}");
    }
}

#[test]
fn a_builder_goes_on_from_a_wider_tile_that_has_replaced_a_partial_one() {
    let small = Site::of(&entries(700));
    let large = Site::of(&entries(66_000));
    let bundle = &small.bundles[&Bundle::edge(700).unwrap()];
    let full = |tile: Tile| -> Option<&[Hash]> {
        large.tile(Tile::new(tile.level(), tile.index(), 256).unwrap())
    };
    let builder = Builder::resume(700, bundle, full).unwrap();
    assert_eq!(builder.tree(), small.tree());
}

#[test]
fn a_builder_does_not_go_on_without_all_that_it_needs() {
    let site = Site::of(&entries(700));
    let bundle = &site.bundles[&Bundle::edge(700).unwrap()];
    let [partial] = [Tile::new(1, 0, 2).unwrap()];
    assert_eq!(
        Builder::resume(700, bundle, |_| None),
        Err(ResumeError::Tile(MissingTile(partial)))
    );
    let shorter = site.tile(partial).unwrap().split_first().unwrap().1;
    assert_eq!(
        Builder::resume(700, bundle, |_| Some(shorter)),
        Err(ResumeError::Tile(MissingTile(partial)))
    );
    assert_eq!(
        Builder::resume(701, bundle, |tile| site.tile(tile)),
        Err(ResumeError::Bundle(BadBundle::Short { entry: 188 }))
    );
    assert_eq!(
        Builder::resume(512, bundle, |tile| site.tile(tile)),
        Err(ResumeError::Bundle(BadBundle::Long { bytes: 188 * 35 }))
    );
}

#[test]
fn an_entry_that_is_too_long_leaves_the_builder_as_it_was() {
    let mut builder = Builder::default();
    builder.push(&entry(0)).unwrap();
    let before = builder.clone();
    assert_eq!(
        builder.push(&vec![0; 65_536]),
        Err(EntryTooLong { bytes: 65_536 })
    );
    assert_eq!(builder, before);
}

#[test]
fn a_piece_is_a_file_with_its_path_and_bytes() {
    let mut builder = Builder::default();
    let pieces = entries(256)
        .iter()
        .flat_map(|entry| builder.push(entry).unwrap())
        .collect::<Vec<_>>();
    let files: Vec<_> = pieces
        .iter()
        .map(|piece| (piece.path(), piece.bytes().len()))
        .collect();
    assert_eq!(
        files,
        [
            ("tile/entries/000".to_owned(), 256 * 35),
            ("tile/0/000".to_owned(), 256 * 32)
        ]
    );
    let edge: Vec<_> = builder
        .edge()
        .iter()
        .map(|piece| (piece.path(), piece.bytes().len()))
        .collect();
    assert_eq!(edge, [("tile/1/000.p/1".to_owned(), 32)]);
}
