// Checks a published log and proofs of it with golang.org/x/mod/sumdb, of which not a line is ours.
//
//	verify DIR KEY
//
// DIR holds what `meguri audit publish` writes, and two files of proofs: `inclusion` with lines
// `<index> <hash>,<hash>,…` and `consistency` with lines `<older size> <hash>,<hash>,…`, both
// against the tree of the checkpoint. Exit code 0: all of it holds.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8
const width = 1 << height

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func expect(holds bool, what string, args ...any) {
	if !holds {
		check(fmt.Errorf(what, args...))
	}
}

// files reads tiles as C2SP tlog-tiles names them.
type files struct{ dir string }

func (f files) Height() int                      { return height }
func (f files) SaveTiles([]tlog.Tile, [][]byte)  {}
func (f files) read(path string) ([]byte, error) { return os.ReadFile(filepath.Join(f.dir, path)) }
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := f.read("tile/" + strconv.Itoa(tile.L) + "/" + number(tile.N, tile.W))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// number is the path of a tile's number: `x001/x234/067`, and `.p/<width>` where it is partial.
func number(n int64, w int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if w < width {
		path += fmt.Sprintf(".p/%d", w)
	}
	return path
}

func hash(text string) tlog.Hash {
	bytes, err := base64.StdEncoding.DecodeString(text)
	check(err)
	expect(len(bytes) == tlog.HashSize, "a hash of %d bytes", len(bytes))
	return tlog.Hash(*(*[tlog.HashSize]byte)(bytes))
}

func hashes(text string) []tlog.Hash {
	var all []tlog.Hash
	for _, one := range strings.Split(text, ",") {
		if one != "" {
			all = append(all, hash(one))
		}
	}
	return all
}

// tree opens the checkpoint with the key, which says how many entries there are, and the root.
func tree(f files, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	check(err)
	signed, err := f.read("checkpoint")
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	expect(lines[0] == verifier.Name(), "the checkpoint is of %q", lines[0])
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	return tlog.Tree{N: size, Hash: hash(lines[2])}
}

// entries are all entries of the log, from their bundles.
func entries(f files, size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n*width < size; n++ {
		w := width
		if size-n*width < width {
			w = int(size - n*width)
		}
		bundle, err := f.read("tile/entries/" + number(n, w))
		check(err)
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			expect(len(bundle) >= 2+length, "bundle %d is cut short", n)
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
		expect(int64(len(all)) == n*width+int64(w), "bundle %d has other entries", n)
	}
	return all
}

func lines(path string, each func(fields []string)) int {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	count, scanner := 0, bufio.NewScanner(file)
	for scanner.Scan() {
		each(append(strings.Fields(scanner.Text()), ""))
		count++
	}
	check(scanner.Err())
	return count
}

func main() {
	expect(len(os.Args) == 3, "usage: verify DIR KEY")
	f := files{os.Args[1]}
	tree := tree(f, os.Args[2])
	reader := tlog.TileHashReader(tree, f)
	entries := entries(f, tree.N)
	tiles := tlog.NewTiles(height, 0, tree.N)
	for _, tile := range tiles {
		var indexes []int64
		for i := 0; i < tile.W; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(height*tile.L, tile.N*width+int64(i)))
		}
		// The reader checks every hash that it hands out against the root.
		found, err := reader.ReadHashes(indexes)
		check(err)
		for i, hash := range found {
			at := tile.N*width + int64(i)
			same := tile.L > 0 || hash == tlog.RecordHash(entries[at])
			expect(same, "entry %d is not the one of its tile", at)
		}
	}
	inclusion := lines(filepath.Join(f.dir, "inclusion"), func(fields []string) {
		index, err := strconv.ParseInt(fields[0], 10, 64)
		check(err)
		leaf := tlog.RecordHash(entries[index])
		check(tlog.CheckRecord(hashes(fields[1]), tree.N, tree.Hash, index, leaf))
	})
	consistency := lines(filepath.Join(f.dir, "consistency"), func(fields []string) {
		older, err := strconv.ParseInt(fields[0], 10, 64)
		check(err)
		root, err := tlog.TreeHash(older, reader)
		check(err)
		check(tlog.CheckTree(hashes(fields[1]), tree.N, tree.Hash, older, root))
	})
	fmt.Printf("%d entries, %d tiles, %d inclusion and %d consistency proofs hold\n",
		tree.N, len(tiles), inclusion, consistency)
}
