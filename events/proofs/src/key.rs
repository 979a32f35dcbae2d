//! Signers: names, key ids, and Ed25519 keys with their texts (C2SP signed-note).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::note::Signature;

/// The name of a key, by custom an address without its scheme: `log.example.org`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// The text cannot be the name of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a key: it may not be empty, nor have spaces, controls or a plus")]
pub struct BadKeyName(String);

impl FromStr for KeyName {
    type Err = BadKeyName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let refused = |c: char| c == '+' || c < ' ' || c.is_whitespace();
        if name.is_empty() || name.contains(refused) {
            return Err(BadKeyName(name.into()));
        }
        Ok(Self(name.into()))
    }
}

impl KeyName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells the keys of one name apart: the beginning of a hash of name, purpose and public key.
/// It protects against mistakes only; anyone can make another key with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

/// Eight hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// The text is not a key of the kind that is needed here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It is not built as a key is.
    #[error("this is not a key: expected {expected}")]
    Form {
        /// How it is built.
        expected: &'static str,
    },
    /// Its name cannot be one.
    #[error(transparent)]
    Name(#[from] BadKeyName),
    /// It signs something else: a log's checkpoints are signed by kind 1, and witnesses cosign by
    /// kind 4.
    #[error("this key is of kind {found:#04x}, and one of kind {expected:#04x} is needed here")]
    Kind {
        /// The kind that is needed.
        expected: u8,
        /// The kind that it is.
        found: u8,
    },
    /// Its id is not that of its name and key: something in it was mistyped.
    #[error("the id of this key is {expected}, and it says {found:?}: was it copied as a whole?")]
    Id {
        /// What its name and key lead to.
        expected: KeyId,
        /// What it says.
        found: String,
    },
    /// The bytes are no public key of Ed25519, or one under which anybody can sign.
    #[error("this is not a sound Ed25519 public key")]
    Unsound,
}

/// What a key signs; the byte that goes into its id and before it in its text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A note, as it is.
    Note = 0x01,
    /// A checkpoint and the time at which it was seen (C2SP tlog-cosignature).
    Cosignature = 0x04,
}

/// A signer, as everyone knows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) name: KeyName,
    pub(crate) id: KeyId,
    kind: Kind,
    key: VerifyingKey,
}

impl PublicKey {
    pub(crate) fn new(name: KeyName, kind: Kind, key: VerifyingKey) -> Self {
        let hash = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', kind as u8])
            .chain_update(key.as_bytes())
            .finalize();
        let id = KeyId([hash[0], hash[1], hash[2], hash[3]]);
        Self {
            name,
            id,
            kind,
            key,
        }
    }

    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, BadKey> {
        let expected = "<name>+<8 hexadecimal digits>+<base64 of a byte and 32 bytes>";
        let form = BadKey::Form { expected };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(form);
        };
        let name: KeyName = name.parse()?;
        let key = key_bytes(key, kind).map_err(|wrong| wrong.unwrap_or(form))?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| BadKey::Unsound)?;
        if key.is_weak() {
            return Err(BadKey::Unsound);
        }
        let key = Self::new(name, kind, key);
        key.is_called(id)?;
        Ok(key)
    }

    /// Refuses every text but the one way to write its id.
    fn is_called(&self, id: &str) -> Result<(), BadKey> {
        let (expected, found) = (self.id, id);
        if expected.to_string() == found {
            return Ok(());
        }
        let found = found.into();
        Err(BadKey::Id { expected, found })
    }

    /// Is the signature said to be by this key?
    pub(crate) fn is_of(&self, signature: &Signature) -> bool {
        (&self.name, self.id) == (signature.name(), signature.key_id())
    }

    /// Is it the same key, by whatever name?
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// Did this key sign the message? Strict: of each signature there is one form only.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind as u8], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

/// The 32 bytes behind the byte that says what the key is for; the error is `None` where the text
/// is not built so.
fn key_bytes(text: &str, kind: Kind) -> Result<Zeroizing<[u8; 32]>, Option<BadKey>> {
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| None)?);
    let (&found, key) = bytes.split_first().ok_or(None)?;
    let expected = kind as u8;
    if found != expected {
        return Err(Some(BadKey::Kind { expected, found }));
    }
    let key = key.try_into().map_err(|_| None)?;
    Ok(Zeroizing::new(key))
}

/// The key by which anyone verifies what a log signed. Written
/// `<name>+<key id>+<base64(0x01 ‖ public key)>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey(pub(crate) PublicKey);

impl VerifierKey {
    /// Whose key it is.
    pub fn name(&self) -> &KeyName {
        &self.0.name
    }

    /// The id that its signatures carry.
    pub fn id(&self) -> KeyId {
        self.0.id
    }
}

impl FromStr for VerifierKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PublicKey::parse(text, Kind::Note).map(Self)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// The key by which a log signs. Its memory is wiped when it is dropped.
pub struct SignerKey {
    public: PublicKey,
    secret: SigningKey,
}

/// What stands before a secret key, so that nobody takes it for the public one.
const SECRET: &str = "PRIVATE+KEY+";

impl SignerKey {
    /// The key made of 32 random bytes.
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let public = PublicKey::new(name, Kind::Note, secret.verifying_key());
        Self { public, secret }
    }

    /// Reads what [`SignerKey::to_secret_text`] writes.
    ///
    /// # Errors
    /// [`BadKey`], which does not repeat what is secret.
    pub fn from_secret_text(text: &str) -> Result<Self, BadKey> {
        let expected = "PRIVATE+KEY+<name>+<8 hexadecimal digits>+<base64 of a byte and 32 bytes>";
        let form = BadKey::Form { expected };
        let mut parts = text.strip_prefix(SECRET).unwrap_or_default().splitn(3, '+');
        let (Some(name), Some(id), Some(seed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(form);
        };
        let seed = key_bytes(seed, Kind::Note).map_err(|wrong| wrong.unwrap_or(form))?;
        let key = Self::from_seed(name.parse()?, &seed);
        key.public.is_called(id)?;
        Ok(key)
    }

    /// The key as it is kept, in the form of Go's `note`:
    /// `PRIVATE+KEY+<name>+<key id>+<base64(0x01 ‖ seed)>`. Whoever reads it can sign.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([Kind::Note as u8; 33]);
        bytes[1..].copy_from_slice(self.secret.as_bytes());
        let seed = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
        let Self { public, .. } = self;
        Zeroizing::new(format!("{SECRET}{}+{}+{}", public.name, public.id, *seed))
    }

    /// The key by which others verify.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey(self.public.clone())
    }

    /// Signs the text of a note; whether it can be one, [`Note`](crate::Note) decides.
    pub(crate) fn sign(&self, text: &str) -> Signature {
        let bytes = self.secret.sign(text.as_bytes()).to_bytes();
        Signature::new(&self.public, &bytes)
    }

    /// The same secret for another purpose, under another id.
    pub(crate) fn of_kind(self, kind: Kind) -> (PublicKey, SigningKey) {
        let Self { public, secret } = self;
        (
            PublicKey::new(public.name, kind, secret.verifying_key()),
            secret,
        )
    }
}

/// The name and the id, not the secret.
impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}+{})", self.public.name, self.public.id)
    }
}
