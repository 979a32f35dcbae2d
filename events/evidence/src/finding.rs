//! What is found wrong, in codes that never change and in words for people; `verify.py` says the
//! same.

use std::collections::HashSet;
use std::fmt;

/// The most findings that are printed; all are counted.
const PRINTED_MAX: usize = 1_000;

/// Declares the codes with what they say in Japanese and English.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $ja:literal, $en:literal; )+) => {
        /// What is wrong, or cannot be told. The codes are part of the format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $( $(#[doc = $doc])+ $name, )+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$name ),+];

            /// The code itself, such as `not-included`.
            pub const fn code(self) -> &'static str {
                match self { $( Self::$name => $code, )+ }
            }

            /// What it means, in Japanese.
            pub const fn japanese(self) -> &'static str {
                match self { $( Self::$name => $ja, )+ }
            }

            /// What it means, in English.
            pub const fn english(self) -> &'static str {
                match self { $( Self::$name => $en, )+ }
            }
        }
    };
}

codes! {
    /// The zip is not the one that its files make.
    NotCanonical = "not-canonical",
        "バンドルの zip が決まった形と一字一句同じではありません。読む人によって中身が変わります。",
        "The zip is not byte for byte what its files make: readers may see different things.";
    /// Something in a folder is no file: a link, a pipe, a device, or a folder that no bundle has.
    NotAFile = "not-a-file",
        "普通のファイルではありません（リンク、パイプ、デバイスなど）。開かずに置きました。",
        "This is no plain file, but a link, a pipe, a device or the like: it was not opened.";
    /// A file is not there.
    MissingFile = "missing-file",
        "あるはずのファイルがありません。",
        "A file that should be there is missing.";
    /// A file does not belong.
    ExtraFile = "extra-file",
        "バンドルに属さないファイルです。",
        "This file is no part of the bundle.";
    /// `SHA256SUMS` is not a list of sums.
    BadSums = "bad-sums",
        "SHA256SUMS を読み取れません。",
        "SHA256SUMS cannot be read.";
    /// A file is not the one that was listed.
    SumDiffers = "sum-differs",
        "ファイルの中身が SHA256SUMS と違います。",
        "The file is not the one that SHA256SUMS lists.";
    /// `key` is no verifier key.
    BadKey = "bad-key",
        "検証鍵として読み取れません。",
        "This is not a verifier key.";
    /// The bundle comes with another key than the one that was given.
    OtherKey = "other-key",
        "バンドルの鍵は、指定された検証鍵と違います。",
        "The key in the bundle is not the one that was given.";
    /// The checkpoint is not one.
    BadCheckpoint = "bad-checkpoint",
        "チェックポイントとして読み取れません。",
        "This is not a checkpoint.";
    /// The checkpoint is one of another log.
    OtherLog = "other-log",
        "別の記録のチェックポイントです。",
        "This is the checkpoint of another log.";
    /// The key did not sign the checkpoint.
    BadSignature = "bad-signature",
        "チェックポイントに、この鍵による正しい署名がありません。",
        "The key has not signed this checkpoint.";
    /// There is no event.
    NoEvents = "no-events",
        "出来事が一つもありません。",
        "There is no event in it.";
    /// A header cannot be read.
    BadHeader = "bad-header",
        "出来事の記録として読み取れません。",
        "This is not the header of an event.";
    /// A file has not the form that it should have.
    Malformed = "malformed",
        "ファイルの形式が正しくありません。",
        "The file does not have the form that it should have.";
    /// The event is said to stand behind the end of the tree.
    AfterCheckpoint = "after-checkpoint",
        "チェックポイントより後の位置です。署名された記録には含まれません。",
        "This position is behind the checkpoint: it is not in what was signed.";
    /// The proof does not lead from the event to the signed root.
    NotIncluded = "not-included",
        "署名された記録のこの位置に、この出来事はありません。中身か位置か記録が変えられています。",
        "What was signed does not have this event at this place: it, its place or the log was \
         changed.";
    /// An event of a stream is missing, or stands twice or in another place.
    VersionGap = "version-gap",
        "出来事が抜けているか、順序が違います。バージョンが続いていません。",
        "Events are missing or out of order: the version does not follow the one before.";
    /// Time goes back.
    TimeOrder = "time-order",
        "前の出来事より古い時刻になっています。",
        "The time is before that of an earlier event.";
    /// A section is disclosed that the event has not.
    UnknownSection = "unknown-section",
        "この出来事に、その封印された部分はありません。",
        "The event has no such sealed section.";
    /// The plaintext is not what was committed to.
    PlaintextDiffers = "plaintext-differs",
        "開示された文は、記録されたときのものと違います。",
        "The disclosed text is not the one that was recorded.";
    /// An event has nothing to do with what the bundle is about.
    UnrelatedEvent = "unrelated-event",
        "このバンドルの対象と関わりのない出来事です。",
        "This has nothing to do with what the bundle is about.";
    /// The bundle is about another stream.
    OtherStream = "other-stream",
        "このバンドルの対象は、求められたものと違います。",
        "The bundle is about something else than what was asked for.";
    /// A published tile does not follow from the published entries.
    TileDiffers = "tile-differs",
        "公開されたタイルが、公開された項目から計算したものと違います。",
        "The published tile is not the one that the published entries lead to.";
    /// Events of an exported log are missing, or do not stand in their order.
    PositionGap = "position-gap",
        "出来事が抜けているか、順序が違います。位置が続いていません。",
        "Events are missing or out of order: the position does not follow the one before.";
    /// The entries do not lead to the signed root.
    RootDiffers = "root-differs",
        "公開された項目全体が、署名されたルートに一致しません。",
        "The published entries do not lead to the root that was signed.";
    /// No key was given.
    NoKey = "no-key",
        "それ自体としては矛盾がありません。しかし、自分の鍵で確かめたものは何の証明にもなりません。\
         別の経路で得た検証鍵を --key で渡してください。",
        "It is consistent in itself. But what is checked by its own key proves nothing: give the \
         verifier key, from elsewhere, with --key.";
    /// An event was redacted, so that it cannot be told whose it was.
    Redacted = "redacted",
        "この出来事は抹消されています。何かがここに記録されていたことだけが分かります。",
        "This event was redacted: only that something was recorded here can be told.";
    /// The input cannot be looked at.
    Unreadable = "unreadable",
        "読み取れないので、何も判断できません。",
        "It cannot be read, so nothing can be told.";
}

/// One thing that is wrong, or cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What.
    pub code: Code,
    /// Where: a file, an event as `events/<position>`, or a stream.
    pub at: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, at } = self;
        writeln!(f, "{}: {}", code.code(), shown(at))?;
        writeln!(f, "  {}\n  {}", code.japanese(), code.english())
    }
}

/// What came of checking something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be: exit code 0.
    Sound,
    /// Something is wrong: exit code 1.
    Findings,
    /// Nothing is wrong, and that proves nothing: exit code 2.
    CannotTell,
}

impl Verdict {
    /// The exit code of a program that says so.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Sound => 0,
            Self::Findings => 1,
            Self::CannotTell => 2,
        }
    }
}

/// What something proves, where nothing is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The streams with their last versions; the one that the bundle is about comes first.
    pub streams: Vec<(String, u64)>,
    /// Sections that are disclosed and are what was recorded.
    pub disclosed: u64,
    /// Sections that are closed.
    pub closed: u64,
    /// Closed sections whose key was destroyed, as an erasure in the bundle says.
    pub erased: u64,
    /// Redacted events: where each stands, where the event that tells of it, and because of which
    /// order.
    pub redacted: Vec<(u64, u64, String)>,
    /// The log's name and how many events its checkpoint covers.
    pub log: Option<(String, u64)>,
}

/// All that checking something has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, each once, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// Why nothing can be told, though nothing is wrong.
    pub unknown: Vec<Finding>,
    /// What it proves.
    pub told: Told,
    /// The findings again, to tell quickly which there are.
    known: HashSet<Finding>,
}

impl Report {
    /// The report on what cannot even be read.
    pub fn unreadable(what: impl Into<String>) -> Self {
        let unknown = vec![Finding {
            code: Code::Unreadable,
            at: what.into(),
        }];
        Self {
            unknown,
            ..Self::default()
        }
    }

    /// The report on what is wrong as a whole, so that nothing in it is looked at.
    pub fn finding(code: Code, at: impl Into<String>) -> Self {
        let mut report = Self::default();
        report.find(code, at);
        report
    }

    /// Adds what is wrong, once.
    pub fn find(&mut self, code: Code, at: impl Into<String>) {
        let finding = Finding {
            code,
            at: at.into(),
        };
        if self.known.insert(finding.clone()) {
            self.findings.push(finding);
        }
    }

    /// Adds why nothing can be told.
    pub(crate) fn doubt(&mut self, code: Code, at: impl Into<String>) {
        self.unknown.push(Finding {
            code,
            at: at.into(),
        });
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if !self.findings.is_empty() {
            Verdict::Findings
        } else if self.unknown.is_empty() {
            Verdict::Sound
        } else {
            Verdict::CannotTell
        }
    }
}

/// What is printed, by this and by `verify.py`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.findings.is_empty() {
            let printed = self.findings.iter().take(PRINTED_MAX);
            printed.into_iter().try_for_each(|finding| finding.fmt(f))?;
            let count = self.findings.len();
            if let Some(more) = count.checked_sub(PRINTED_MAX).filter(|more| *more > 0) {
                writeln!(f, "ほか {more} 件\nand {more} more")?;
            }
            return writeln!(f, "判定: 指摘 {count} 件\nverdict: {count} findings");
        }
        self.told.fmt(f)?;
        self.unknown.iter().try_for_each(|unknown| unknown.fmt(f))?;
        f.write_str(match self.verdict() {
            Verdict::CannotTell => "判定: 判断できません\nverdict: cannot tell\n",
            Verdict::Sound | Verdict::Findings => "判定: 正しい\nverdict: sound\n",
        })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (stream, last) in &self.streams {
            writeln!(f, "{}", shown(stream))?;
            writeln!(
                f,
                "  バージョン {last} まで欠けなし。それより後の出来事は否定できません。"
            )?;
            writeln!(
                f,
                "  Complete to version {last}; later events cannot be excluded."
            )?;
        }
        let Self {
            disclosed,
            closed,
            erased,
            ..
        } = self;
        if !self.streams.is_empty() {
            writeln!(
                f,
                "封印された部分: 開示 {disclosed}、非開示 {closed}、消去済み {erased}"
            )?;
            writeln!(
                f,
                "Sealed sections: {disclosed} disclosed, {closed} closed, {erased} erased"
            )?;
        }
        for (position, told_at, order) in &self.redacted {
            let order = shown(order);
            writeln!(
                f,
                "抹消: 位置 {position}（位置 {told_at} の記録、命令 {order}）。\
                 何かがそこに記録されていたことは証明されています。"
            )?;
            writeln!(
                f,
                "Redacted: position {position}, as position {told_at} says, order {order}; that \
                 something was recorded there is proven"
            )?;
        }
        if let Some((origin, size)) = &self.log {
            let origin = shown(origin);
            writeln!(f, "チェックポイント: {origin}、{size} 件")?;
            writeln!(f, "Checkpoint: {origin}, {size} events")?;
        }
        Ok(())
    }
}

/// A name that cannot do anything to a terminal.
fn shown(name: &str) -> String {
    name.replace(
        |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER,
        "?",
    )
}
