//! Signed notes: a text and the signatures under it (C2SP signed-note).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::key::{KeyId, KeyName, PublicKey, SignerKey, VerifierKey};

/// The longest note that is read or made, in bytes (as in Go's `note`).
pub const NOTE_BYTES_MAX: usize = 1_000_000;
/// The most signatures that a note may have (as in Go's `note`; the standard asks for at least 16).
pub const SIGNATURES_MAX: usize = 100;

/// A text with signatures under it. Nobody has said it until [`Note::verify`] tells who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// INVARIANT: ends with a newline and has no other control characters.
    text: String,
    /// INVARIANT: at least one.
    signatures: Vec<Signature>,
}

/// The bytes are not a signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than anybody reads.
    #[error("a note has at most {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// Not text, or text with control characters.
    #[error("a note is UTF-8 without control characters other than newlines")]
    NotText,
    /// The text does not end, or nothing is signed at all.
    #[error("the text of a note ends with a newline")]
    CutOff,
    /// There is no empty line with signatures behind it.
    #[error("the note has no signatures: expected an empty line and signatures behind its text")]
    Unsigned,
    /// A line behind the text is not a signature.
    #[error(transparent)]
    Signature(#[from] BadSignatureLine),
    /// More signatures than anybody reads.
    #[error("a note has at most {SIGNATURES_MAX} signatures")]
    TooManySignatures,
}

/// Nobody who is known has signed this: do not read it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A known key is said to have signed, and has not: the text or the signature was changed.
    #[error("the signature of {name}+{id} is not a signature of this text")]
    Forged {
        /// The name of the key.
        name: KeyName,
        /// Its id.
        id: KeyId,
    },
    /// All signatures are by other keys.
    #[error("none of the keys that are known here has signed this")]
    Unknown,
}

impl Note {
    /// Signs a text, which ends with a newline.
    ///
    /// # Errors
    /// [`NoteError`] where the text cannot be that of a note.
    pub fn sign(text: impl Into<String>, key: &SignerKey) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        let signatures = vec![key.sign(&text)];
        Self { text, signatures }.within_limits()
    }

    /// The same note with one more signature, which takes the place of one by the same key.
    ///
    /// It is not verified: this is how signatures of strangers are kept, too.
    ///
    /// # Errors
    /// [`NoteError`] where the note would become too long.
    pub fn with(mut self, signature: Signature) -> Result<Self, NoteError> {
        let same = |it: &&mut Signature| it.name == signature.name && it.id == signature.id;
        match self.signatures.iter_mut().find(same) {
            Some(old) => *old = signature,
            None => self.signatures.push(signature),
        }
        self.within_limits()
    }

    /// Reads a note. Nothing is verified yet.
    ///
    /// # Errors
    /// [`NoteError`] where the bytes are not a note.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, NoteError> {
        let bytes = bytes.as_ref();
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        // The text may have empty lines; the last one ends it.
        let text_ends = note.rfind("\n\n").ok_or(NoteError::Unsigned)? + 1;
        let (text, signatures) = (&note[..text_ends], &note[text_ends + 1..]);
        check_text(text)?;
        if signatures.is_empty() {
            return Err(NoteError::Unsigned);
        }
        let Some(signatures) = signatures.strip_suffix('\n') else {
            return Err(NoteError::CutOff);
        };
        let mut lines = signatures.split('\n');
        let signatures = lines.by_ref().take(SIGNATURES_MAX).map(str::parse);
        let signatures = signatures.collect::<Result<_, _>>()?;
        if lines.next().is_some() {
            return Err(NoteError::TooManySignatures);
        }
        let text = text.into();
        Ok(Self { text, signatures })
    }

    /// What is signed, with its last newline. Believe it only after [`Note::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures as they stand there, of known keys and of strangers.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Which of these keys have signed the text: at least one. Signatures by other keys are passed
    /// over, as they may come from anybody.
    ///
    /// # Errors
    /// [`VerifyError`] where none has, or where one is said to have and has not.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, VerifyError> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let named = || keys.iter().filter(|key| key.0.is_of(signature));
            if named().next().is_none() {
                continue;
            }
            let text = self.text.as_bytes();
            let signer = named().find(|key| key.0.signed(text, &signature.bytes));
            let signer = signer.ok_or_else(|| VerifyError::Forged {
                name: signature.name.clone(),
                id: signature.id,
            })?;
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
        if signers.is_empty() {
            return Err(VerifyError::Unknown);
        }
        Ok(signers)
    }

    fn within_limits(self) -> Result<Self, NoteError> {
        if self.signatures.len() > SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        if self.to_string().len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        Ok(self)
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.contains(|c| c < ' ' && c != '\n') {
        return Err(NoteError::NotText);
    }
    if text.ends_with('\n') {
        Ok(())
    } else {
        Err(NoteError::CutOff)
    }
}

/// The text, an empty line, one line for each signature.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        let mut signatures = self.signatures.iter();
        signatures.try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// A signature with the name of its supposed signer: a line under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

/// The line is not a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a signature: expected — <name> <base64 of key id and signature>")]
pub struct BadSignatureLine(String);

impl Signature {
    pub(crate) fn new(key: &PublicKey, bytes: &[u8]) -> Self {
        Self {
            name: key.name.clone(),
            id: key.id,
            bytes: bytes.to_vec(),
        }
    }

    /// The name of the key.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// What the key made of the text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// `— <name> <base64(key id ‖ signature)>`, without the newline.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.0.as_slice(), &self.bytes].concat();
        write!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

impl FromStr for Signature {
    type Err = BadSignatureLine;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        read_signature(line).ok_or_else(|| BadSignatureLine(line.into()))
    }
}

fn read_signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
    let name = name.parse().ok()?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk()?;
    if bytes.is_empty() {
        return None;
    }
    Some(Signature {
        name,
        id: KeyId(*id),
        bytes: bytes.to_vec(),
    })
}
