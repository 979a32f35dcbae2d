//! A small log in memory, and bundles made of it.

use hmac::{Hmac, KeyInit, Mac};
use meguri_evidence::{Disclosed, Evidence, Exported, Files, Kept, Proven};
use meguri_proofs::{Builder, Checkpoint, Hash, Note, Plan, SignerKey, Tree, leaf};
use sha2::{Digest, Sha256};

/// The stream that bundles are about.
pub(crate) const EXCHANGE: &str = "exchange-1";

/// A section as it was sealed.
struct Section {
    name: &'static str,
    plaintext: Vec<u8>,
    salt: [u8; 32],
}

/// An event as a log stores it.
pub(crate) struct Stored {
    stream: &'static str,
    header: String,
    pub(crate) blind: [u8; 32],
    sections: Vec<Section>,
    redacted: bool,
}

/// A log and the key that signs it.
pub(crate) struct Scene {
    pub(crate) key: SignerKey,
    pub(crate) events: Vec<Stored>,
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(message).finalize().into_bytes().into()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

pub(crate) fn signer(seed: u8) -> SignerKey {
    SignerKey::from_seed("log.example.org".parse().unwrap(), &[seed; 32])
}

impl Scene {
    /// A log in which somebody wrote, two helped each other, and others did something else.
    pub(crate) fn new() -> Self {
        let mut scene = Self {
            key: signer(1),
            events: Vec::new(),
        };
        scene.add("member-1", r#"{"member":"member-1"}"#, &[]);
        scene.add(
            "need-1",
            r#"{"need":"need-1","by":"member-1"}"#,
            &[("text", r#"{"t":"草むしり"}"#)],
        );
        scene.add("exchange-2", r#"{"exchange":"exchange-2"}"#, &[]);
        let words = [
            ("title", r#"{"title":"草むしり"}"#),
            ("message", r#"{"message":"行けます"}"#),
        ];
        scene.add(
            EXCHANGE,
            r#"{"exchange":"exchange-1","need":"need-1","by":"member-2"}"#,
            &words,
        );
        scene.add("exchange-2", r#"{"exchange":"exchange-2"}"#, &[]);
        scene.add(
            EXCHANGE,
            r#"{"exchange":"exchange-1"}"#,
            &[("text", r#"{"text":"助かります"}"#)],
        );
        scene.add(EXCHANGE, r#"{"exchange":"exchange-1"}"#, &[]);
        scene.add("member-1", r#"{"member":"member-1"}"#, &[]);
        scene
    }

    /// Appends an event of member 2.
    pub(crate) fn add(
        &mut self,
        stream: &'static str,
        data: &str,
        sealed: &[(&'static str, &str)],
    ) {
        let number = self.events.len() + 1;
        let version = self.events.iter().filter(|it| it.stream == stream).count() + 1;
        let filled = |what: &str| -> [u8; 32] { Sha256::digest(format!("{what}{number}")).into() };
        let sections: Vec<Section> = sealed
            .iter()
            .map(|(name, plaintext)| Section {
                name,
                plaintext: plaintext.as_bytes().to_vec(),
                salt: filled(name),
            })
            .collect();
        let listed = sections.iter().map(|it| {
            let commitment = base64(&hmac(&it.salt, &it.plaintext));
            format!(
                r#"{{"section":"{}","key":"member-2/message/1","commitment":"{commitment}"}}"#,
                it.name
            )
        });
        let listed = listed.collect::<Vec<_>>().join(",");
        let sealed = if listed.is_empty() {
            listed
        } else {
            format!(r#","sealed":[{listed}]"#)
        };
        let event_type = if data.contains("\"order\"") {
            "EventRedacted"
        } else {
            "Happened"
        };
        let header = format!(
            "{{\"id\":\"id-{number}\",\"stream\":\"{stream}\",\"version\":{version},\
             \"type\":\"{event_type}\",\"schema\":1,\
             \"at\":\"2026-11-21T07:02:{number:02}.000000Z\",\
             \"actor\":\"member-2\",\"causation\":\"id-0\",\"data\":{data}{sealed}}}"
        );
        let (blind, redacted) = (filled("blind"), false);
        self.events.push(Stored {
            stream,
            header,
            blind,
            sections,
            redacted,
        });
    }

    /// Empties the header of the event at a position, as a court may order.
    pub(crate) fn redact(&mut self, position: usize) {
        self.events[position - 1].redacted = true;
    }

    /// Redacts the event at a position of this stream and version, and says so in a stream.
    pub(crate) fn redact_as_ordered(&mut self, position: usize, version: u64, told: &'static str) {
        let entry = self.entry(position - 1);
        let digits = |text: String, byte: &u8| format!("{text}{byte:02x}");
        let entry = entry.iter().fold(String::new(), digits);
        let stream = self.events[position - 1].stream;
        let data = format!(
            r#"{{"position":{position},"stream":"{stream}","version":{version},"entry":"{entry}",
                "event_type":"Happened","order":"2026-wa-1234"}}"#
        );
        self.add(told, &data, &[]);
        self.redact(position);
    }

    fn entry(&self, index: usize) -> [u8; 33] {
        let event = &self.events[index];
        let mut entry = [1; 33];
        entry[1..].copy_from_slice(&hmac(&event.blind, event.header.as_bytes()));
        entry
    }

    fn leaves(&self) -> Vec<Hash> {
        (0..self.events.len())
            .map(|index| leaf(&self.entry(index)))
            .collect()
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut builder = Builder::default();
        for index in 0..self.events.len() {
            builder.push(&self.entry(index)).unwrap();
        }
        builder.tree()
    }

    /// The checkpoint of all events, signed by the log.
    pub(crate) fn checkpoint(&self) -> String {
        signed(self.tree(), &self.key)
    }

    /// The event at an index as it goes into a bundle, with all sections or none.
    fn proven(&self, index: usize, disclose: bool) -> Proven {
        let leaves = self.leaves();
        let plan = Plan::inclusion(index as u64, leaves.len() as u64).unwrap();
        let event = &self.events[index];
        let disclosed = event
            .sections
            .iter()
            .filter(|_| disclose)
            .map(|it| Disclosed {
                section: it.name.to_owned(),
                plaintext: it.plaintext.clone(),
                salt: it.salt,
            });
        let kept = if event.redacted {
            Kept::Redacted {
                entry: self.entry(index),
            }
        } else {
            let disclosed = disclosed.collect();
            Kept::Whole {
                header: event.header.clone(),
                blind: event.blind,
                disclosed,
            }
        };
        let proof = plan.proof(|_| Some(&leaves)).unwrap();
        Proven {
            position: index as u64 + 1,
            kept,
            proof,
        }
    }

    /// What is left of the tree over the first events.
    pub(crate) fn frontier(&self, size: usize) -> Vec<u8> {
        let (leaves, mut subtrees, mut begin) = (self.leaves(), Vec::new(), 0);
        for bit in (0..usize::BITS).rev().filter(|bit| size >> bit & 1 == 1) {
            let end = begin + (1 << bit);
            subtrees.extend(meguri_proofs::root(&leaves[begin..end]));
            begin = end;
        }
        [(size as u64).to_be_bytes().as_slice(), &subtrees].concat()
    }

    /// The event at an index as it is exported, with a proof of its own or not.
    pub(crate) fn line(&self, index: usize, has_proof: bool) -> String {
        let event = &self.events[index];
        let proof = self.proven(index, false).proof;
        let whole = (event.header.as_str(), &event.blind);
        Exported {
            position: index as u64 + 1,
            whole: (!event.redacted).then_some(whole),
            entry: &self.entry(index),
            proof: has_proof.then_some(&proof),
        }
        .line()
    }

    /// The evidence of a stream and of those that it names.
    pub(crate) fn evidence_of(&self, streams: &[&str], disclose: bool) -> Evidence {
        let events = self.events.iter().enumerate();
        let events = events.filter(|(_, event)| streams.contains(&event.stream));
        Evidence {
            about: streams[0].to_owned(),
            events: events
                .map(|(index, _)| self.proven(index, disclose))
                .collect(),
            erasures: Vec::new(),
            erased: Vec::new(),
            checkpoint: self.checkpoint(),
            key: self.key.verifier(),
        }
    }

    /// The evidence of the exchange, everything disclosed.
    pub(crate) fn evidence(&self) -> Evidence {
        self.evidence_of(&[EXCHANGE, "need-1"], true)
    }

    /// The same with the events at these positions as erasures.
    pub(crate) fn with_erasures(&self, positions: &[usize]) -> Evidence {
        let mut evidence = self.evidence_of(&[EXCHANGE, "need-1"], false);
        evidence.erasures = positions
            .iter()
            .map(|it| self.proven(it - 1, false))
            .collect();
        evidence
    }

    /// The bundle of the exchange.
    pub(crate) fn files(&self) -> Files {
        self.evidence().files().unwrap()
    }
}

pub(crate) fn signed(tree: Tree, key: &SignerKey) -> String {
    let text = Checkpoint::new("log.example.org", tree)
        .unwrap()
        .to_string();
    Note::sign(text, key).unwrap().to_string()
}

/// Puts other bytes in the place of a file.
pub(crate) fn put(files: &mut Files, name: &str, bytes: impl Into<Vec<u8>>) {
    files.remove(name);
    files.add(name.to_owned(), bytes.into()).unwrap();
}

/// Lists all files anew, as who tampers with them would.
pub(crate) fn list_anew(files: &mut Files) {
    files.remove("SHA256SUMS");
    let sums = files.iter().map(|(name, bytes)| {
        let digest = Sha256::digest(bytes);
        let digits = digest
            .iter()
            .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
        format!("{digits}  {name}\n")
    });
    let sums: String = sums.collect();
    put(files, "SHA256SUMS", sums);
}

/// Gives the files of one event to another position.
pub(crate) fn move_event(files: &mut Files, from: u64, to: u64) {
    let prefix = format!("events/{from}.");
    let names = files.iter().map(|(name, _)| name.to_owned());
    let names: Vec<String> = names.filter(|name| name.starts_with(&prefix)).collect();
    for name in names {
        let bytes = files.remove(&name).unwrap();
        put(
            files,
            &name.replace(&prefix, &format!("events/{to}.")),
            bytes,
        );
    }
}

/// Takes all files of an event out.
pub(crate) fn drop_event(files: &mut Files, position: u64) {
    let prefix = format!("events/{position}.");
    let names = files.iter().map(|(name, _)| name.to_owned());
    let names: Vec<String> = names.filter(|name| name.starts_with(&prefix)).collect();
    for name in names {
        files.remove(&name);
    }
}
