#!/usr/bin/env python3
"""Checks a bundle of evidence: python3 verify.py [BUNDLE] --key KEY [--of STREAM]

証拠バンドルを確かめます。Python の標準ライブラリと openssl コマンドだけで動きます。
Needs Python's standard library and the openssl command, and nothing else.

BUNDLE   a zip or a folder; without it, the folder that this file is in
--key    the log's verifier key, or a file with it, from elsewhere than the bundle
--of     the stream that the bundle is to be about

Exit codes: 0 sound, 1 findings, 2 cannot tell.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile

BYTES_MAX = 256 << 20
FILES_MAX = 200_000
ALWAYS = ["README.en.md", "README.ja.md", "checkpoint", "key", "verify.py"]
SUMS = "SHA256SUMS"
# DER of an Ed25519 public key (RFC 8410) up to its 32 bytes.
DER = bytes.fromhex("302a300506032b6570032100")

SAYS = {
    "duplicate-file": (
        "同じ名前のファイルが二つあります。読む人によって中身が変わります。",
        "A name stands for two files: readers may see different things."),
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
        self.findings, self.unknown = [], []
        self.streams, self.redacted, self.log = [], [], None
        self.disclosed = self.closed = self.erased = 0

    def find(self, code, at):
        if (code, at) not in self.findings:
            self.findings.append((code, at))

    def doubt(self, code, at):
        self.unknown.append((code, at))

    def end(self):
        """Prints everything and returns the exit code."""
        def show(found):
            for code, at in found:
                print("%s: %s\n  %s\n  %s" % (code, shown(at), *SAYS[code]))
        if self.findings:
            show(self.findings)
            count = len(self.findings)
            print("判定: 指摘 %d 件\nverdict: %d findings" % (count, count))
            return 1
        for stream, last in self.streams:
            print(shown(stream))
            print("  バージョン %d まで欠けなし。それより後の出来事は否定できません。" % last)
            print("  Complete to version %d; later events cannot be excluded." % last)
        if self.streams:
            counts = (self.disclosed, self.closed, self.erased)
            print("封印された部分: 開示 %d、非開示 %d、消去済み %d" % counts)
            print("Sealed sections: %d disclosed, %d closed, %d erased" % counts)
        for position, told_at, order in self.redacted:
            one = (position, told_at, shown(order))
            print("抹消: 位置 %d（位置 %d の記録、命令 %s）。"
                  "何かがそこに記録されていたことは証明されています。" % one)
            print("Redacted: position %d, as position %d says, order %s; that something was "
                  "recorded there is proven" % one)
        if self.log:
            log = (shown(self.log[0]), self.log[1])
            print("チェックポイント: %s、%d 件" % log)
            print("Checkpoint: %s, %d events" % log)
        show(self.unknown)
        if self.unknown:
            print("判定: 判断できません\nverdict: cannot tell")
            return 2
        print("判定: 正しい\nverdict: sound")
        return 0


def in_bytes(name):
    """The order of names is that of their bytes."""
    return name.encode("utf-8", "surrogateescape")


def shown(name):
    """A name that cannot do anything to a terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "?", name)


# --- the files -----------------------------------------------------------------------------------

def read_zip(path):
    """The files of a zip, in memory: its names are never used as paths."""
    files, left, seen = {}, BYTES_MAX, set()
    with zipfile.ZipFile(path) as bundle:
        for info in bundle.infolist():
            name = info.orig_filename
            if name in seen:
                return None
            seen.add(name)
            if name in ("events/", "erasures/"):
                continue
            with bundle.open(info) as packed:
                files[name] = packed.read(left + 1)
            left -= len(files[name])
            if left < 0 or len(files) > FILES_MAX:
                raise Unreadable("too large")
    return files


def read_folder(path):
    """The files of an unpacked bundle."""
    files, left = {}, BYTES_MAX
    for folder, _, names in os.walk(path):
        for name in names:
            whole = os.path.join(folder, name)
            with open(whole, "rb") as file:
                bytes_ = file.read(left + 1)
            files[os.path.relpath(whole, path).replace(os.sep, "/")] = bytes_
            left -= len(bytes_)
            if left < 0 or len(files) > FILES_MAX:
                raise Unreadable("too large")
    return files


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
        for line in text[:-1].split("\n"):
            digest, name = line.split("  ", 1)
            if not re.fullmatch("[0-9a-f]{64}", digest) or not name:
                raise ValueError
            listed.append((digest, name))
    except ValueError:
        return report.find("bad-sums", SUMS)
    for digest, name in listed:
        if name not in files:
            report.find("missing-file", name)
        elif hashlib.sha256(files[name]).hexdigest() != digest:
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


def parse_key(text):
    """Name, id and public key of `name+<hex id>+<base64(0x01 ‖ key)>`."""
    name, key_id, key = text.split("+", 2)
    key = from_base64(key.encode())
    if not name or re.search(r"[\s\x00-\x1f+]", name) or len(key) != 33 or key[0] != 1:
        raise ValueError
    digest = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if digest.hex() != key_id:
        raise ValueError
    return name, digest, key[1:]


def signed(key, text, signature):
    """Does openssl say that this key has signed this text?"""
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
            run = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        except OSError as error:
            raise Unreadable("openssl: %s" % error) from error
    return run.returncode == 0


def check_checkpoint(files, key, report):
    """Size and root of the tree that the checkpoint speaks of."""
    note = files.get("checkpoint")
    if note is None:
        return None
    try:
        text, signatures = note.decode().rsplit("\n\n", 1)
        text += "\n"
        if re.search(r"[\x00-\x09\x0b-\x1f]", text) or not signatures.endswith("\n"):
            raise ValueError
        lines = []
        for line in signatures[:-1].split("\n"):
            found = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)", line)
            lines.append((found[1], from_base64(found[2].encode())))
        origin, size, root = text.split("\n")[:3]
        root = from_base64(root.encode())
        if not origin or not re.fullmatch("0|[1-9][0-9]*", size) or len(root) != 32:
            raise ValueError
    except (ValueError, TypeError):
        report.find("bad-checkpoint", "checkpoint")
        return None
    if key:
        name, key_id, public = key
        named = [it[4:] for by, it in lines if by == name and it[:4] == key_id]
        if not named or not all(signed(public, text.encode(), it) for it in named):
            report.find("bad-signature", "checkpoint")
        elif origin != name:
            report.find("other-log", "checkpoint")
    report.log = (origin, int(size))
    return int(size), root


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

def parse_header(text):
    """What a header says; ValueError where it is none."""
    header = json.loads(text.decode())
    if not isinstance(header, dict) or not isinstance(header.get("data"), dict):
        raise ValueError
    for name in ("id", "stream", "at", "actor"):
        if not isinstance(header.get(name), str):
            raise ValueError
    if type(header.get("version")) is not int or header["version"] < 0:
        raise ValueError
    header.setdefault("sealed", [])
    for listed in header["sealed"]:
        if not all(isinstance(listed[it], str) for it in ("section", "key", "commitment")):
            raise ValueError
    return header


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
                proof = [from_line(line, 32) for line in text.splitlines(True)]
                if len(proof) > 64:
                    raise ValueError
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
    except (ValueError, KeyError, TypeError, RecursionError):
        report.find("bad-header", name)
        return False, set()
    return header, read_sections(name, header, parts, required, report)


def read_sections(name, header, parts, required, report):
    """The sections that are disclosed; each is what was committed to, or that is found."""
    sections = {part[:-5] for part in parts if part[-5:] in (".json", ".salt")}
    for section in sorted(sections):
        plaintext, salt = required(section + ".json"), required(section + ".salt")
        listed = [it for it in header["sealed"] if it["section"] == section]
        if not listed:
            report.find("unknown-section", "%s.%s" % (name, section))
        elif plaintext is not None and salt is not None:
            try:
                made = hmac.new(from_line(salt, 32), plaintext, hashlib.sha256).digest()
            except ValueError:
                report.find("malformed", "%s.%s.salt" % (name, section))
                continue
            if base64.b64encode(made).decode() != listed[0]["commitment"]:
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

def texts(value):
    """All texts among the values, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def speaks_of(header, name):
    return name in (header["actor"], header.get("acting_for")) or name in texts(header["data"])


def erases(header, key):
    """Does it say that this key was destroyed: by its id, or by its subject and `<class>/<m>`?"""
    parts, found = key.rsplit("/", 2), set(texts(header["data"]))
    if len(parts) != 3 or not re.fullmatch("[1-9][0-9]*", parts[2], re.ASCII):
        return False
    subject, class_, number = parts
    up_to = (re.fullmatch(re.escape(class_) + "/([1-9][0-9]*)", it, re.ASCII) for it in found)
    covered = any(it and int(it[1]) >= int(number) for it in up_to)
    return key in found or subject in found and covered


def redaction(header):
    """What it says of a redacted event of its stream; None where it is no such event."""
    data = header["data"]
    if header.get("type") != "EventRedacted":
        return None
    for name in ("position", "version"):
        if type(data.get(name)) is not int or not 0 <= data[name] < 1 << 64:
            return None
    if not all(isinstance(data.get(it), str) for it in ("stream", "entry", "order")):
        return None
    own = data["stream"] == header["stream"] and data["version"] < header["version"]
    return data if own else None


def check_redactions(events, seen, report):
    """The redacted events of which a later one of their stream tells: position to what it says,
    and where that stands."""
    explained = {}
    for folder, position, header, entry in events:
        if header is not None:
            continue
        for _, told_at, teller, _ in seen:
            said = redaction(teller)
            if (said and told_at > position and said["position"] == position
                    and entry is not None and said["entry"] == entry.hex()
                    and folder == "events"):
                report.redacted.append((position, told_at, said["order"]))
                explained[position] = (said["stream"], said["version"], told_at)
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
            gone = [it for it in untold if before < it < position]
            if not gone:
                break
            untold.remove(gone[0])
            expected += 1
        if version != expected:
            report.find("version-gap", "events/%d" % position)
        last[stream] = (version, position)
    return {stream: version for stream, (version, _) in last.items()}


def check_relation(events, of, report):
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
        own = [it[2] for it in whole if it[2]["stream"] == subject]
        causes = {header.get("causation") for header in own}
        report.streams.append((subject, streams.pop(subject)))
        for stream in sorted(streams):
            led = any(it[2]["stream"] == stream and it[2]["id"] in causes for it in whole)
            if not led and not any(speaks_of(header, stream) for header in own):
                report.find("unrelated-event", stream)
            report.streams.append((stream, streams[stream]))
    used = {told_at for _, _, told_at in explained.values()}
    for _, position, header, disclosed in whole:
        for listed in header["sealed"]:
            erasing = [it for it in erasures if it[1] > position and erases(it[2], listed["key"])]
            if listed["section"] in disclosed:
                report.disclosed += 1
            elif erasing:
                used.add(erasing[0][1])
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
        with open(text, encoding="utf-8") as file:
            text = file.read()
    text = text.strip()
    try:
        return text, parse_key(text)
    except (ValueError, binascii.Error) as error:
        raise Unreadable("--key") from error


def verify(path, key_text, of):
    report = Report()
    given, key = given_key(key_text)
    files = read_folder(path) if os.path.isdir(path) else read_zip(path)
    if files is None:
        report.find("duplicate-file", "zip")
        return report
    check_names(files, report)
    check_sums(files, report)
    if "key" in files:
        own = files["key"].decode("utf-8", "replace")
        try:
            if not own.endswith("\n"):
                raise ValueError
            own_key = parse_key(own[:-1])
            if given is not None and own[:-1] != given:
                report.find("other-key", "key")
            key = key or own_key
        except ValueError:
            report.find("bad-key", "key")
    tree = check_checkpoint(files, key, report)
    check_relation(read_events(files, tree, report), of, report)
    if given is None:
        report.doubt("no-key", "key")
    return report


def main():
    sys.stdout.reconfigure(encoding="utf-8")
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
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
