//! Where the hashes and the entries of a tree are published: tiles of height 8 and bundles, their
//! arithmetic and their paths (C2SP tlog-tiles).

use std::{fmt, str::FromStr};

use crate::tree::Hash;

/// How many hashes a full tile has, and how many entries a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// The height of a tile: each level has one hash for 256 of the level below.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// [`TILE_WIDTH`] among sizes.
const WIDTH: u64 = TILE_WIDTH as u64;
/// Levels 0 to 7 reach over 2^64 entries.
pub(crate) const LEVELS: u8 = 8;

/// A tile: so many consecutive hashes of one level, beginning at a multiple of 256.
///
/// Hash i of level l is that of the perfect subtree over the 256^l entries from i · 256^l. A tile
/// with fewer than 256 hashes is partial; it is the last of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    // INVARIANT: there is a tree of less than 2^64 entries that has this tile.
    level: u8,
    index: u64,
    width: u16,
}

/// No tree has this tile: levels are 0 to 7, widths 1 to 256, and trees have less than 2^64
/// entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no tree has a tile of level {level}, index {index} and width {width}")]
pub struct BadTile {
    /// The level that was asked for.
    pub level: u8,
    /// The index that was asked for.
    pub index: u64,
    /// The width that was asked for.
    pub width: u16,
}

/// The bytes are not those of the tile: fetch it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tile} cannot have {found} bytes: expected 32 for each of its hashes")]
pub struct WrongLength {
    /// Which tile they were to be.
    pub tile: Tile,
    /// How many bytes there were.
    pub found: usize,
}

impl Tile {
    /// The tile of this level, index and width (in hashes).
    ///
    /// # Errors
    /// [`BadTile`] where no tree has it.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, BadTile> {
        let bad = BadTile {
            level,
            index,
            width,
        };
        let end = index.checked_mul(WIDTH).ok_or(bad)?;
        let end = end.checked_add(u64::from(width)).ok_or(bad)?;
        let fits = level < LEVELS && (1..=TILE_WIDTH).contains(&width);
        if !fits || end > hashes_of_level(u64::MAX, level) {
            return Err(bad);
        }
        Ok(Self {
            level,
            index,
            width,
        })
    }

    /// The tile of this level and index as a tree of this size has it; `None` where it has none.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let first = index.checked_mul(WIDTH)?;
        let is_there = level < LEVELS && first < hashes_of_level(size, level);
        is_there.then(|| Self::with_hash(level, first, size))
    }

    /// The tile that has this hash of a level. INVARIANT: a tree of this size has that hash.
    pub(crate) fn with_hash(level: u8, hash: u64, size: u64) -> Self {
        let index = hash / WIDTH;
        let left = hashes_of_level(size, level) - index * WIDTH;
        Self {
            level,
            index,
            width: left.min(WIDTH) as u16,
        }
    }

    /// All tiles of a tree, from level 0 upwards and from left to right.
    pub fn of(size: u64) -> impl Iterator<Item = Self> {
        Self::added(0, size)
    }

    /// The tiles that a tree of `to` entries has and one of `from` entries has not, in the order
    /// of [`Tile::of`]. None where `to` is not larger.
    pub fn added(from: u64, to: u64) -> impl Iterator<Item = Self> {
        (0..LEVELS).flat_map(move |level| {
            let [old, new] = [from, to].map(|size| hashes_of_level(size, level));
            let first = old / WIDTH;
            let end = if new > old {
                new.div_ceil(WIDTH)
            } else {
                first
            };
            (first..end).filter_map(move |index| Self::in_tree(level, index, to))
        })
    }

    /// The partial tiles of a tree, from level 0 upwards, at most one a level: its right edge, of
    /// which the root can be told and from which building can go on.
    pub fn edge(size: u64) -> impl Iterator<Item = Self> {
        (0..LEVELS).filter_map(move |level| {
            let full = hashes_of_level(size, level) / WIDTH;
            Self::in_tree(level, full, size)
        })
    }

    /// The level: 0 for the hashes of entries.
    pub fn level(self) -> u8 {
        self.level
    }

    /// Its place within the level, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it has, 1 to 256.
    pub fn width(self) -> u16 {
        self.width
    }

    /// The entries that its hashes are of; `None` above level 0, where they are not of entries.
    pub fn bundle(self) -> Option<Bundle> {
        (self.level == 0).then_some(Bundle { tile: self })
    }

    /// Does it have less than 256 hashes?
    pub fn is_partial(self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The hashes in the bytes of this tile: 32 bytes each, one behind the other.
    ///
    /// # Errors
    /// [`WrongLength`] where they are not as many as it is wide.
    pub fn decode(self, bytes: &[u8]) -> Result<&[Hash], WrongLength> {
        let (hashes, rest) = bytes.as_chunks();
        if rest.is_empty() && hashes.len() == usize::from(self.width) {
            return Ok(hashes);
        }
        let found = bytes.len();
        Err(WrongLength { tile: self, found })
    }
}

/// How many hashes a tree of this size has on a level.
fn hashes_of_level(size: u64, level: u8) -> u64 {
    let height = u32::from(level) * TILE_HEIGHT;
    size.checked_shr(height).unwrap_or(0)
}

/// A bundle: the entries whose hashes are a tile of level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    // INVARIANT: of level 0.
    tile: Tile,
}

impl Bundle {
    /// The bundle of this index and width (in entries).
    ///
    /// # Errors
    /// [`BadTile`] where no tree has it.
    pub fn new(index: u64, width: u16) -> Result<Self, BadTile> {
        let tile = Tile::new(0, index, width)?;
        Ok(Self { tile })
    }

    /// The bundles that a tree of `to` entries has and one of `from` entries has not.
    pub fn added(from: u64, to: u64) -> impl Iterator<Item = Self> {
        Tile::added(from, to).map_while(Tile::bundle)
    }

    /// The partial bundle of a tree; `None` where all its bundles are full.
    pub fn edge(size: u64) -> Option<Self> {
        Tile::in_tree(0, size / WIDTH, size)?.bundle()
    }

    /// The tile of level 0 that has the hashes of its entries.
    pub fn tile(self) -> Tile {
        self.tile
    }

    /// Its place, from 0: its first entry is `index · 256`, counted from 0.
    pub fn index(self) -> u64 {
        self.tile.index
    }

    /// How many entries it has, 1 to 256.
    pub fn width(self) -> u16 {
        self.tile.width
    }

    /// Does it have less than 256 entries?
    pub fn is_partial(self) -> bool {
        self.tile.is_partial()
    }
}

/// One of the files that a log publishes beside its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Published {
    /// `tile/<L>/<N>[.p/<W>]`
    Tile(Tile),
    /// `tile/entries/<N>[.p/<W>]`
    Bundle(Bundle),
}

/// The text is not the path of a tile or of a bundle; answer "not found".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the path of a tile: expected tile/<level>/<index> or tile/entries/<index>, the \
     index as x001/x234/067, and .p/<width> behind it where less than 256 wide"
)]
pub struct BadPath(String);

/// The path from the log's prefix, without a slash before it: `tile/0/x001/x234/067.p/8`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_place(f, *self)
    }
}

/// The path from the log's prefix, without a slash before it: `tile/entries/x001/x234/067.p/8`.
impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_place(f, self.tile)
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile(tile) => tile.fmt(f),
            Self::Bundle(bundle) => bundle.fmt(f),
        }
    }
}

/// `<N>[.p/<W>]`, N in groups of three digits of which all but the last begin with `x`.
fn write_place(f: &mut fmt::Formatter<'_>, tile: Tile) -> fmt::Result {
    let groups = tile.index.checked_ilog(1000).unwrap_or(0);
    for group in (1..=groups).rev() {
        write!(f, "x{:03}/", tile.index / 1000_u64.pow(group) % 1000)?;
    }
    write!(f, "{:03}", tile.index % 1000)?;
    if tile.is_partial() {
        write!(f, ".p/{}", tile.width)?;
    }
    Ok(())
}

impl FromStr for Published {
    type Err = BadPath;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        // Read generously, then compare with the one right way to write it: so no two paths name
        // the same tile, and nothing that is not a path is taken for one.
        let read = read_path(path).filter(|read| read.to_string() == path);
        read.ok_or_else(|| BadPath(path.into()))
    }
}

fn read_path(path: &str) -> Option<Published> {
    let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match place.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (place, TILE_WIDTH),
    };
    let index = index.split('/').try_fold(0_u64, |index, group| {
        let group: u16 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        index.checked_mul(1000)?.checked_add(u64::from(group))
    })?;
    if level == "entries" {
        return Bundle::new(index, width).ok().map(Published::Bundle);
    }
    let tile = Tile::new(level.parse().ok()?, index, width).ok();
    tile.map(Published::Tile)
}
