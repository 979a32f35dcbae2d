#!/usr/bin/env python3
"""Checks a bundle of evidence: python3 verify.py [BUNDLE] --key KEY [--of STREAM]

証拠バンドルを確かめます。Python の標準ライブラリと openssl コマンドだけで動きます。
Needs Python's standard library and the openssl command, and nothing else.

BUNDLE   a zip as it was made, or a folder; without it, the folder that this file is in
--key    the log's verifier key, or a file with it, from elsewhere than the bundle
--of     the stream that the bundle is to be about

Exit codes: 0 sound, 1 findings, 2 cannot tell; the same where nobody reads what is printed.
"""

import argparse
import base64
import bisect
import hashlib
import hmac
import json
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
import zlib

BYTES_MAX = 256 << 20
FILES_MAX = 200_000
ERASURES_MAX = 256
TOO_LARGE = ("a bundle has at most %d bytes, %d files and %d erasures"
             % (BYTES_MAX, FILES_MAX, ERASURES_MAX))
# The most that the records at the end of a zip take.
END_BYTES = 98
HEADER_BYTES_MAX = 64 << 10
SECTIONS_MAX = 16
# Objects and arrays, one in the other.
DEPTH_MAX = 127
NUMBER_MAX = 1e300
NOTE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100
KEY_BYTES_MAX = 64 << 10
# 64 lines of 32 bytes in base64.
PROOF_BYTES_MAX = 64 * 45
PRINTED_MAX = 1_000
ALWAYS = ["README.en.md", "README.ja.md", "checkpoint", "key", "verify.py"]
SUMS = "SHA256SUMS"
FOLDERS = ("events", "erasures")
# DER of an Ed25519 public key (RFC 8410) up to its 32 bytes.
DER = bytes.fromhex("302a300506032b6570032100")

SAYS = {
    "not-canonical": (
        "バンドルの zip が決まった形と一字一句同じではありません。読む人によって中身が変わります。",
        "The zip is not byte for byte what its files make: readers may see different things."),
    "not-a-file": (
        "普通のファイルではありません（リンク、パイプ、デバイスなど）。開かずに置きました。",
        "This is no plain file, but a link, a pipe, a device or the like: it was not opened."),
    "missing-file": (
        "あるはずのファイルがありません。",
        "A file that should be there is missing."),
    "extra-file": (
        "バンドルに属さないファイルです。",
        "This file is no part of the bundle."),
    "bad-sums": (
        "SHA256SUMS を読み取れません。",
        "SHA256SUMS cannot be read."),
    "sum-differs": (
        "ファイルの中身が SHA256SUMS と違います。",
        "The file is not the one that SHA256SUMS lists."),
    "bad-key": (
        "検証鍵として読み取れません。",
        "This is not a verifier key."),
    "other-key": (
        "バンドルの鍵は、指定された検証鍵と違います。",
        "The key in the bundle is not the one that was given."),
    "bad-checkpoint": (
        "チェックポイントとして読み取れません。",
        "This is not a checkpoint."),
    "other-log": (
        "別の記録のチェックポイントです。",
        "This is the checkpoint of another log."),
    "bad-signature": (
        "チェックポイントに、この鍵による正しい署名がありません。",
        "The key has not signed this checkpoint."),
    "no-events": (
        "出来事が一つもありません。",
        "There is no event in it."),
    "bad-header": (
        "出来事の記録として読み取れません。",
        "This is not the header of an event."),
    "malformed": (
        "ファイルの形式が正しくありません。",
        "The file does not have the form that it should have."),
    "after-checkpoint": (
        "チェックポイントより後の位置です。署名された記録には含まれません。",
        "This position is behind the checkpoint: it is not in what was signed."),
    "not-included": (
        "署名された記録のこの位置に、この出来事はありません。中身か位置か記録が変えられています。",
        "What was signed does not have this event at this place: it, its place or the log was "
        "changed."),
    "version-gap": (
        "出来事が抜けているか、順序が違います。バージョンが続いていません。",
        "Events are missing or out of order: the version does not follow the one before."),
    "time-order": (
        "前の出来事より古い時刻になっています。",
        "The time is before that of an earlier event."),
    "unknown-section": (
        "この出来事に、その封印された部分はありません。",
        "The event has no such sealed section."),
    "plaintext-differs": (
        "開示された文は、記録されたときのものと違います。",
        "The disclosed text is not the one that was recorded."),
    "unrelated-event": (
        "このバンドルの対象と関わりのない出来事です。",
        "This has nothing to do with what the bundle is about."),
    "other-stream": (
        "このバンドルの対象は、求められたものと違います。",
        "The bundle is about something else than what was asked for."),
    "no-key": (
        "それ自体としては矛盾がありません。しかし、自分の鍵で確かめたものは何の証明にもなりません。"
        "別の経路で得た検証鍵を --key で渡してください。",
        "It is consistent in itself. But what is checked by its own key proves nothing: give the "
        "verifier key, from elsewhere, with --key."),
    "redacted": (
        "この出来事は抹消されています。何かがここに記録されていたことだけが分かります。",
        "This event was redacted: only that something was recorded here can be told."),
    "unreadable": (
        "読み取れないので、何も判断できません。",
        "It cannot be read, so nothing can be told."),
}


class Unreadable(Exception):
    """Nothing can be told."""


class Report:
    """What is wrong, what cannot be told, and what the bundle proves."""

    def __init__(self):
        self.findings, self.unknown = {}, []
        self.streams, self.redacted, self.log = [], [], None
        self.disclosed = self.closed = self.erased = 0

    def find(self, code, at):
        self.findings[code, at] = None

    def doubt(self, code, at):
        self.unknown.append((code, at))

    def end(self):
        """The exit code, and everything that is to be printed."""
        lines = []
        if self.findings:
            show(list(self.findings)[:PRINTED_MAX], lines)
            count = len(self.findings)
            if count > PRINTED_MAX:
                more = count - PRINTED_MAX
                lines.append("ほか %d 件\nand %d more" % (more, more))
            lines.append("判定: 指摘 %d 件\nverdict: %d findings" % (count, count))
            return 1, lines
        self.proven(lines)
        show(self.unknown, lines)
        if self.unknown:
            lines.append("判定: 判断できません\nverdict: cannot tell")
            return 2, lines
        lines.append("判定: 正しい\nverdict: sound")
        return 0, lines

    def proven(self, lines):
        for stream, last in self.streams:
            lines.append(shown(stream))
            lines.append("  バージョン %d まで欠けなし。それより後の出来事は否定できません。" % last)
            lines.append("  Complete to version %d; later events cannot be excluded." % last)
        if self.streams:
            counts = (self.disclosed, self.closed, self.erased)
            lines.append("封印された部分: 開示 %d、非開示 %d、消去済み %d" % counts)
            lines.append("Sealed sections: %d disclosed, %d closed, %d erased" % counts)
        for position, told_at, order in self.redacted:
            one = (position, told_at, shown(order))
            lines.append("抹消: 位置 %d（位置 %d の記録、命令 %s）。"
                         "何かがそこに記録されていたことは証明されています。" % one)
            lines.append("Redacted: position %d, as position %d says, order %s; that something was "
                         "recorded there is proven" % one)
        if self.log:
            log = (shown(self.log[0]), self.log[1])
            lines.append("チェックポイント: %s、%d 件" % log)
            lines.append("Checkpoint: %s, %d events" % log)


def show(found, lines):
    for code, at in found:
        lines.append("%s: %s\n  %s\n  %s" % (code, shown(at), *SAYS[code]))


def in_bytes(name):
    """The order of names is that of their bytes."""
    return name.encode("utf-8", "surrogateescape")


def shown(name):
    """A name that cannot do anything to a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "?", name)


# --- the files -----------------------------------------------------------------------------------

def taken(name, length):
    """What a file takes of a zip: its header, its line in the directory, its bytes."""
    return 76 + 2 * len(name) + length


def pack(name, content, at):
    """What stands before a file in the zip of a bundle, and its line in the directory."""
    common = struct.pack("<5H3I2H", 10, 0, 0, 0, 0x21, zlib.crc32(content), len(content),
                         len(content), len(name), 0)
    line = struct.pack("<HHHHII", 0x30a, 0, 0, 0, 0o100644 << 16, at)
    return (b"PK\3\4" + common + name,
            b"PK\1\2" + line[:2] + common + line[2:] + name)


def pack_end(directory, count, at):
    """What stands behind the last file."""
    length, end = len(directory), directory
    if count > 0xffff:
        end += struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 10, 10, 0, 0, count, count, length, at)
        end += struct.pack("<4sIQI", b"PK\6\7", 0, at + length, 1)
        count, length = 0xffff, 0xffffffff
    return end + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, length, at, 0)


def read_zip(zip_):
    """The files of a zip; None where it is not the very bytes that its files make. Readers differ
    in what they look at first, so that every other zip has other contents for each of them."""
    if not zip_.startswith(b"PK"):
        raise Unreadable("this is not a zip")
    files, directory, at, last, left = {}, [], 0, b"", BYTES_MAX - END_BYTES
    while zip_.startswith(b"PK\3\4", at):
        if len(zip_) < at + 30:
            return None
        length, named = struct.unpack_from("<IH", zip_, at + 22)
        begin = at + 30 + named
        name, content = zip_[at + 30:begin], zip_[begin:begin + length]
        if not re.fullmatch(rb"[!-~]+", name) or name <= last or len(content) != length:
            return None
        left -= taken(name, length)
        if left < 0 or len(files) >= FILES_MAX:
            raise Unreadable(TOO_LARGE)
        local, line = pack(name, content, at)
        if not zip_.startswith(local, at):
            return None
        directory.append(line)
        files[name.decode("ascii")] = content
        at, last = begin + length, name
    end = pack_end(b"".join(directory), len(files), at)
    return files if zip_[at:] == end else None


def read_file(path, limit):
    """A plain file of at most so many bytes; None where it is none, True where it is longer."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
                      | getattr(os, "O_BINARY", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        content = file.read(limit + 1)
    return content if len(content) <= limit else True


def read_folder(path, report):
    """The files of an unpacked bundle. What is no plain file is told, and not opened."""
    entries = []
    for folder in ("", "events/", "erasures/"):
        inner = os.path.join(path, folder[:-1])
        if folder and (os.path.islink(inner) or not os.path.isdir(inner)):
            continue
        with os.scandir(inner) as scanned:
            for entry in scanned:
                name = folder + entry.name
                if not (name in FOLDERS and entry.is_dir(follow_symlinks=False)):
                    entries.append((name, entry))
                if len(entries) > FILES_MAX:
                    raise Unreadable(TOO_LARGE)
    files, left = {}, BYTES_MAX - END_BYTES
    for name, entry in sorted(entries, key=lambda it: in_bytes(it[0])):
        if not entry.is_file(follow_symlinks=False):
            report.find("not-a-file", name)
            continue
        left -= taken(in_bytes(name), 0)
        content = read_file(entry.path, left) if left >= 0 else True
        if content is None:
            raise Unreadable("%s: this is no plain file" % name)
        if content is True:
            raise Unreadable(TOO_LARGE)
        left -= len(content)
        files[name] = content
    return files


def read_bundle(path, report):
    """The files of a bundle; None where its zip is no bundle's."""
    if os.path.isdir(path):
        return read_folder(path, report)
    zip_ = read_file(path, BYTES_MAX)
    if zip_ is None:
        raise Unreadable("%s: this is no plain file" % path)
    if zip_ is True:
        raise Unreadable(TOO_LARGE)
    return read_zip(zip_)


EVENT_FILE = re.compile(
    r"(events|erasures)/([1-9][0-9]*)\.(header|blind|entry|proof|[A-Za-z0-9_]+\.(?:json|salt))",
    re.ASCII)


def event_file(name):
    """Folder, position and part of an event's file; None for every other name."""
    found = EVENT_FILE.fullmatch(name)
    if not found or int(found[2]) >= 1 << 64:
        return None
    return found[1], int(found[2]), found[3]


def check_names(files, report):
    for name in sorted(files, key=in_bytes):
        if name != SUMS and name not in ALWAYS and event_file(name) is None:
            report.find("extra-file", name)
    for name in ALWAYS:
        if name not in files:
            report.find("missing-file", name)


def check_sums(files, report):
    if SUMS not in files:
        return report.find("missing-file", SUMS)
    listed = []
    try:
        text = files[SUMS].decode()
        if not text.endswith("\n"):
            raise ValueError
        lines = text[:-1].split("\n")
        if len(lines) > FILES_MAX:
            raise ValueError
        for line in lines:
            digest, name = line.split("  ", 1)
            if not re.fullmatch("[0-9a-f]{64}", digest) or not name:
                raise ValueError
            listed.append((digest, name))
    except ValueError:
        return report.find("bad-sums", SUMS)
    sums = {}
    for digest, name in listed:
        if name not in files:
            report.find("missing-file", name)
            continue
        if name not in sums:
            sums[name] = hashlib.sha256(files[name]).hexdigest()
        if sums[name] != digest:
            report.find("sum-differs", name)
    names = {name for _, name in listed}
    for name in sorted(files, key=in_bytes):
        if name != SUMS and name not in names:
            report.find("extra-file", name)
    return None


# --- keys, signatures, trees ---------------------------------------------------------------------

def from_base64(text):
    """Undoes base64; ValueError for every text but the one way to write it."""
    read = base64.b64decode(text, validate=True)
    if base64.b64encode(read) != text:
        raise ValueError
    return read


def from_line(text, length):
    """Base64 of so many bytes on a line of its own."""
    if not text.endswith(b"\n"):
        raise ValueError
    read = from_base64(text[:-1])
    if len(read) != length:
        raise ValueError
    return read


def is_key_name(name):
    return bool(name) and not re.search(r"[\s\x00-\x1f+]", name)


# The field, d of the curve, and a root of -1 (RFC 8032, section 5.1).
P = 2 ** 255 - 19
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def decompress(point):
    """The point (x, y) of the curve with this encoding, of either sign; None where there is none."""
    y = (int.from_bytes(point, "little") & (1 << 255) - 1) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    return (x, y) if x * x % P == square else None


def is_sound(point):
    """Is it a point of the curve whose order is not a small one? Openssl does not look at that."""
    found = decompress(point)
    for _ in range(3):
        if found is None:
            return False
        x, y = found
        both = D * x * x * y * y % P
        found = (2 * x * y * pow(1 + both, P - 2, P) % P,
                 (y * y + x * x) * pow(1 - both, P - 2, P) % P)
    return found is not None and found != (0, 1)


def parse_key(text):
    """Name, id and public key of `name+<hex id>+<base64(0x01 ‖ key)>`."""
    name, key_id, key = text.split("+", 2)
    key = from_base64(key.encode())
    if not is_key_name(name) or len(key) != 33 or key[0] != 1 or not is_sound(key[1:]):
        raise ValueError
    digest = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if digest.hex() != key_id:
        raise ValueError
    return name, digest, key[1:]


def signed(key, text, signature):
    """Does openssl say that this key has signed this text?"""
    if len(signature) != 64 or not is_sound(signature[:32]):
        return False
    with tempfile.TemporaryDirectory() as folder:
        def put(name, content):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        put("key", DER + key)
        put("text", text)
        put("signature", signature)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key",
                   "-rawin", "-in", "text", "-sigfile", "signature"]
        try:
            run = subprocess.run(command, cwd=folder, capture_output=True, check=False,
                                 stdin=subprocess.DEVNULL, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unreadable("openssl: %s" % error) from error
    return run.returncode == 0


def parse_note(note):
    """The text of a signed note, and its signatures: who, and the key's id with the bytes."""
    if len(note) > NOTE_BYTES_MAX:
        raise ValueError
    text, separator, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    if not separator or re.search(r"[\x00-\x09\x0b-\x1f]", text) or signatures[-1:] != "\n":
        raise ValueError
    lines = []
    for line in signatures[:-1].split("\n"):
        begin, name, signature = (line.split(" ", 2) + ["", ""])[:3]
        signature = from_base64(signature.encode())
        if begin != "—" or not is_key_name(name) or len(signature) < 5:
            raise ValueError
        lines.append((name, signature))
    if len(lines) > SIGNATURES_MAX:
        raise ValueError
    return text, lines


def parse_checkpoint(text):
    """Origin, size and root."""
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise ValueError
    origin, size, root = lines[0], lines[1], from_base64(lines[2].encode())
    if not re.fullmatch("0|[1-9][0-9]{0,19}", size, re.ASCII) or len(root) != 32:
        raise ValueError
    size = int(size)
    if size >= 1 << 64 or (size == 0) != (root == hashlib.sha256().digest()):
        raise ValueError
    return origin, size, root


def check_checkpoint(files, key, report):
    """Size and root of the tree that the checkpoint speaks of."""
    note = files.get("checkpoint")
    if note is None:
        return None
    try:
        text, lines = parse_note(note)
        origin, size, root = parse_checkpoint(text)
    except ValueError:
        report.find("bad-checkpoint", "checkpoint")
        return None
    if key:
        name, key_id, public = key
        named = [it[4:] for by, it in lines if by == name and it[:4] == key_id]
        if not named or not all(signed(public, text.encode(), it) for it in named):
            report.find("bad-signature", "checkpoint")
        elif origin != name:
            report.find("other-log", "checkpoint")
    report.log = (origin, size)
    return size, root


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def leads_to(root, entry, index, size, proof):
    """Is this entry at this index of the tree? (RFC 9162, section 2.1.3.2)"""
    hash_, place, last = hashlib.sha256(b"\x00" + entry).digest(), index, size - 1
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            hash_ = node(step, hash_)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hash_ = node(hash_, step)
        place, last = place >> 1, last >> 1
    return last == 0 and hash_ == root


# --- events --------------------------------------------------------------------------------------

def read_number(text):
    """What every reader takes a number for; ValueError where readers differ."""
    number = float(text)
    if not abs(number) < NUMBER_MAX:
        raise ValueError
    if re.fullmatch("-?[0-9]{1,20}", text) and text != "-0":
        if -1 << 63 <= int(text) < 1 << 64:
            return int(text)
    return number


def read_object(fields):
    read = dict(fields)
    if len(read) != len(fields):
        raise ValueError
    return read


def no_number(text):
    raise ValueError(text)


def read_json(text):
    """JSON that every reader sees alike: ValueError where a key comes twice or the like."""
    if len(text) > HEADER_BYTES_MAX:
        raise ValueError
    try:
        value = json.loads(text.decode(), object_pairs_hook=read_object, parse_int=read_number,
                           parse_float=read_number, parse_constant=no_number)
    except RecursionError as error:
        raise ValueError from error
    left = [(value, 1)]
    while left:
        inner, depth = left.pop()
        if isinstance(inner, str):
            inner.encode()
        elif isinstance(inner, (dict, list)):
            if depth > DEPTH_MAX:
                raise ValueError
            if isinstance(inner, dict):
                left.extend((name, depth) for name in inner)
            values = inner.values() if isinstance(inner, dict) else inner
            left.extend((one, depth + 1) for one in values)
    return value


def parse_header(text):
    """What a header says; ValueError where it is none. Its data is left out: it is read again where
    it is needed, so that a whole bundle takes little memory."""
    header = read_json(text)
    if not isinstance(header, dict) or not isinstance(header.get("data"), dict):
        raise ValueError
    for name in ("id", "stream", "at", "actor"):
        if not isinstance(header.get(name), str):
            raise ValueError
    for name in ("acting_for", "causation"):
        if not isinstance(header.get(name), (str, type(None))):
            raise ValueError
    if type(header.get("version")) is not int or header["version"] < 0:
        raise ValueError
    sealed = header.setdefault("sealed", [])
    if not isinstance(sealed, list) or len(sealed) > SECTIONS_MAX:
        raise ValueError
    for listed in sealed:
        if not isinstance(listed, dict):
            raise ValueError
        if not all(isinstance(listed.get(it), str) for it in ("section", "key", "commitment")):
            raise ValueError
    kept = {it: header.get(it) for it in ("id", "stream", "at", "version", "causation")}
    kept["sealed"] = [(it["section"], it["key"], it["commitment"]) for it in sealed]
    kept["redaction"] = redaction(header)
    return kept


def redaction(header):
    """What it says of a redacted event of its stream; None where it is no such event."""
    data = header["data"]
    if header.get("type") != "EventRedacted":
        return None
    for name in ("position", "version"):
        if type(data.get(name)) is not int or data[name] < 0:
            return None
    if not all(isinstance(data.get(it), str) for it in ("stream", "entry", "order")):
        return None
    own = data["stream"] == header["stream"] and data["version"] < header["version"]
    return tuple(data[it] for it in ("position", "entry", "order", "stream", "version")) if own \
        else None


def read_event(files, name, position, parts, tree, report):
    """The header and the disclosed sections; None and the entry where redacted, False where
    unreadable."""
    def required(part):
        found = files.get("%s.%s" % (name, part))
        if found is None:
            report.find("missing-file", "%s.%s" % (name, part))
        return found

    def place(entry):
        """Is this entry where it is said to be?"""
        proof, text = None, required("proof")
        if text is not None:
            try:
                if len(text) > PROOF_BYTES_MAX:
                    raise ValueError
                proof = [from_line(line, 32) for line in text.splitlines(True)]
            except ValueError:
                report.find("malformed", name + ".proof")
        if entry is None or proof is None or tree is None:
            return
        size, root = tree
        if position > size:
            report.find("after-checkpoint", name)
        elif not leads_to(root, entry, position - 1, size, proof):
            report.find("not-included", name)

    def read(part, length):
        text = required(part)
        try:
            return None if text is None else from_line(text, length)
        except ValueError:
            report.find("malformed", "%s.%s" % (name, part))
            return None

    if "entry" in parts and "header" not in parts:
        for part in parts:
            if part not in ("entry", "proof"):
                report.find("extra-file", "%s.%s" % (name, part))
        entry = read("entry", 33)
        place(entry)
        return None, entry
    if "entry" in parts:
        report.find("extra-file", name + ".entry")
    text, blind = required("header"), read("blind", 32)
    entry = None
    if text is not None and blind is not None:
        entry = b"\x01" + hmac.new(blind, text, hashlib.sha256).digest()
    place(entry)
    if text is None:
        return False, set()
    try:
        header = parse_header(text)
    except ValueError:
        report.find("bad-header", name)
        return False, set()
    return header, read_sections(name, header, parts, required, report)


def read_sections(name, header, parts, required, report):
    """The sections that are disclosed; each is what was committed to, or that is found."""
    sections = {part[:-5] for part in parts if part[-5:] in (".json", ".salt")}
    for section in sorted(sections):
        plaintext, salt = required(section + ".json"), required(section + ".salt")
        listed = [it for it in header["sealed"] if it[0] == section]
        if not listed:
            report.find("unknown-section", "%s.%s" % (name, section))
        elif plaintext is not None and salt is not None:
            try:
                made = hmac.new(from_line(salt, 32), plaintext, hashlib.sha256).digest()
            except ValueError:
                report.find("malformed", "%s.%s.salt" % (name, section))
                continue
            if base64.b64encode(made).decode() != listed[0][2]:
                report.find("plaintext-differs", "%s.%s.json" % (name, section))
    return sections


def read_events(files, tree, report):
    """All events as (folder, position, header, disclosed), those of events/ first."""
    places = {}
    for name in sorted(files, key=in_bytes):
        found = event_file(name)
        if found:
            places.setdefault(found[:2], []).append(found[2])
    events = []
    for folder, position in sorted(places, key=lambda it: (it[0] != "events", it[1])):
        name = "%s/%d" % (folder, position)
        parts = places[folder, position]
        header, disclosed = read_event(files, name, position, parts, tree, report)
        events.append((folder, position, header, disclosed))
    return events


# --- how they belong together --------------------------------------------------------------------

def texts(header):
    """All texts among the values of its data, however deep."""
    found, left = set(), [header["data"]]
    while left:
        value = left.pop()
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, (dict, list)):
            left.extend(value.values() if isinstance(value, dict) else value)
    return found


def names(text):
    """All that the event with this header speaks of: in its data, or as who did it or for whom."""
    header = read_json(text)
    return texts(header) | {header["actor"], header.get("acting_for")}


def number(text):
    """The number of a key: decimal, without zeros before it; None for every other text."""
    found = re.fullmatch("[1-9][0-9]{0,19}", text, re.ASCII)
    return int(text) if found and int(text) < 1 << 64 else None


def erased_keys(text):
    """What the event with this header says of destroyed keys: its texts, and of each class among
    them the last number."""
    found, last = texts(read_json(text)), {}
    for one in found:
        class_, slash, of_key = one.rpartition("/")
        if slash and number(of_key):
            last[class_] = max(number(of_key), last.get(class_, 0))
    return found, last


def erases(keys, key):
    """Does it say that this key was destroyed: by its id, or by its subject and `<class>/<m>`?"""
    found, last = keys
    parts = key.rsplit("/", 2)
    if len(parts) != 3 or number(parts[2]) is None:
        return False
    subject, class_, of_key = parts[0], parts[1], number(parts[2])
    return key in found or subject in found and last.get(class_, 0) >= of_key


def check_redactions(events, seen, report):
    """The redacted events of which a later one of their stream tells: position to what it says,
    and where that stands."""
    tellers = {}
    for _, told_at, teller, _ in seen:
        if teller["redaction"]:
            tellers.setdefault(teller["redaction"][0], []).append((told_at, teller["redaction"]))
    explained = {}
    for folder, position, header, entry in events:
        if header is not None:
            continue
        for told_at, (_, said, order, stream, version) in tellers.get(position, []):
            if (told_at > position and entry is not None and said == entry.hex()
                    and folder == "events"):
                report.redacted.append((position, told_at, order))
                explained[position] = (stream, version, told_at)
                break
        else:
            report.doubt("redacted", "%s/%d" % (folder, position))
    return explained


def check_versions(events, whole, explained, report):
    """The last version of each stream; a redacted event of which nothing is told may stand for one
    that is missing."""
    untold = sorted(it[1] for it in events
                    if it[2] is None and it[0] == "events" and it[1] not in explained)
    placed = [(it[1], it[2]["stream"], it[2]["version"]) for it in whole]
    placed += [(position, *it[:2]) for position, it in explained.items()]
    last = {}
    for position, stream, version in sorted(placed):
        known, before = last.get(stream, (0, 0))
        expected = known + 1
        while expected < version:
            gone = bisect.bisect_right(untold, before)
            if gone == len(untold) or untold[gone] >= position:
                break
            del untold[gone]
            expected += 1
        if version != expected:
            report.find("version-gap", "events/%d" % position)
        last[stream] = (version, position)
    return {stream: version for stream, (version, _) in last.items()}


def check_relation(files, events, of, report):
    """Order, what the bundle is about, what led to it, and what became of sealed sections."""
    seen = [it for it in events if it[2]]
    by_position = sorted(seen, key=lambda it: it[1])
    for (_, _, before, _), (folder, position, header, _) in zip(by_position, by_position[1:]):
        if header["at"] < before["at"]:
            report.find("time-order", "%s/%d" % (folder, position))
    whole = [it for it in seen if it[0] == "events"]
    erasures = [it for it in seen if it[0] == "erasures"]
    explained = check_redactions(events, seen, report)
    streams = check_versions(events, whole, explained, report)
    if not whole:
        report.find("no-events", "events")
    else:
        subject = whole[-1][2]["stream"]
        if of is not None and of != subject:
            report.find("other-stream", subject)
        own = [it for it in whole if it[2]["stream"] == subject]
        causes = {it[2]["causation"] for it in own}
        report.streams.append((subject, streams.pop(subject)))
        related = {it[2]["stream"] for it in whole if it[2]["id"] in causes}
        for _, position, _, _ in own:
            spoken_of = names(files["events/%d.header" % position])
            related.update(it for it in spoken_of if it in streams)
        for stream in sorted(streams):
            if stream not in related:
                report.find("unrelated-event", stream)
            report.streams.append((stream, streams[stream]))
    used = {told_at for _, _, told_at in explained.values()}
    check_sections(files, whole, erasures, used, report)


def check_sections(files, whole, erasures, used, report):
    """Counts sections by what has become of them; an erasure that covers none, and tells of no
    redaction, does not belong."""
    erasing = [(it[1], erased_keys(files["erasures/%d.header" % it[1]])) for it in erasures]
    # Where each key is said to be destroyed: the keys of a bundle are few.
    destroyed = {}
    for _, position, header, disclosed in whole:
        for section, key, _ in header["sealed"]:
            if key not in destroyed:
                destroyed[key] = [at for at, keys in erasing if erases(keys, key)]
            after = [at for at in destroyed[key] if at > position]
            if section in disclosed:
                report.disclosed += 1
            elif after:
                used.add(after[0])
                report.erased += 1
            else:
                report.closed += 1
    for _, position, _, _ in erasures:
        if position not in used:
            report.find("unrelated-event", "erasures/%d" % position)


# --- all of it -----------------------------------------------------------------------------------

def given_key(text):
    """The key of --key: the key itself, or a file with it."""
    if text is None:
        return None, None
    if os.path.exists(text):
        with open(text, "rb") as file:
            text = file.read(KEY_BYTES_MAX).decode("utf-8", "replace")
    text = text.strip()
    try:
        return text, parse_key(text)
    except ValueError as error:
        raise Unreadable("--key") from error


def own_key(files, given, report):
    """The key in the bundle, which says nothing of itself."""
    own = files["key"].decode("utf-8", "replace")
    try:
        if not own.endswith("\n"):
            raise ValueError
        key = parse_key(own[:-1])
    except ValueError:
        report.find("bad-key", "key")
        return None
    if given is not None and own[:-1] != given:
        report.find("other-key", "key")
    return key


def verify(path, key_text, of):
    report = Report()
    given, key = given_key(key_text)
    files = read_bundle(path, report)
    if files is None:
        report.find("not-canonical", "zip")
        return report
    events = {event_file(name) for name in files} - {None}
    if len({it[1] for it in events if it[0] == "erasures"}) > ERASURES_MAX:
        raise Unreadable(TOO_LARGE)
    check_names(files, report)
    check_sums(files, report)
    if "key" in files:
        own = own_key(files, given, report)
        key = key or own
    tree = check_checkpoint(files, key, report)
    check_relation(files, read_events(files, tree, report), of, report)
    if given is None:
        report.doubt("no-key", "key")
    return report


def tell(lines):
    """Prints, and lets nothing that happens to what is printed become a verdict."""
    left = "".join(line + "\n" for line in lines).encode("utf-8", "replace")
    try:
        # Not by `print`: what it could not write is written again when Python ends, which then
        # exits with a code of its own.
        while left:
            left = left[os.write(1, left):]
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("bundle", nargs="?", default=here)
    parser.add_argument("--key")
    parser.add_argument("--of")
    asked = parser.parse_args()
    try:
        report = verify(asked.bundle, asked.key, asked.of)
    except Exception as error:  # Whatever a hostile file leads to: Python would exit with 1.
        report = Report()
        report.doubt("unreadable", str(error))
    code, lines = report.end()
    tell(lines)
    return code


if __name__ == "__main__":
    sys.exit(main())
