//! Cosignatures: what witnesses say of a log, each at its time (C2SP tlog-cosignature, Ed25519).

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signer, SigningKey};

use crate::{
    checkpoint::Checkpoint,
    key::{BadKey, KeyId, KeyName, Kind, PublicKey, SignerKey},
    note::Signature,
};

/// The key by which anyone verifies what a witness signed. Written
/// `<name>+<key id>+<base64(0x04 ‖ public key)>`.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey(PublicKey);

/// The key by which a witness signs. Its memory is wiped when it is dropped.
pub struct Cosigner {
    public: PublicKey,
    secret: SigningKey,
}

/// The witness has not signed this checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// The signature is by another key.
    #[error("this is a signature of {name}+{id}, not of the witness that is asked for")]
    Stranger {
        /// The name of the key.
        name: KeyName,
        /// Its id.
        id: KeyId,
    },
    /// It is said to be by this witness, and is not: checkpoint, time or signature were changed.
    #[error("the cosignature of {name}+{id} is not one of this checkpoint")]
    Forged {
        /// The name of the key.
        name: KeyName,
        /// Its id.
        id: KeyId,
    },
    /// No witness can have signed at such a time.
    #[error("{0} seconds after 1970 is later than a cosignature can tell")]
    Time(u64),
}

impl Cosigner {
    /// A witness with this key. Use the key for nothing else: a cosignature does not say whose name
    /// it is under, and a witness that signs notes could be made to sign what looks like one.
    pub fn new(key: SignerKey) -> Self {
        let (public, secret) = key.of_kind(Kind::Cosignature);
        Self { public, secret }
    }

    /// The key by which others verify.
    pub fn verifier(&self) -> WitnessKey {
        WitnessKey(self.public.clone())
    }

    /// Says that at this time, in seconds since 1970, this was the largest tree of the log that the
    /// witness has seen, and that it is consistent with all those before.
    ///
    /// Whoever calls this has verified that.
    ///
    /// # Errors
    /// [`CosignatureError::Time`] where it cannot be told.
    pub fn sign(&self, checkpoint: &Checkpoint, time: u64) -> Result<Signature, CosignatureError> {
        let message = message(checkpoint, time)?;
        let signature = self.secret.sign(message.as_bytes()).to_bytes();
        let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
        Ok(Signature::new(&self.public, &bytes))
    }
}

impl WitnessKey {
    /// Whose key it is.
    pub fn name(&self) -> &KeyName {
        &self.0.name
    }

    /// The id that its signatures carry.
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// Whether it is the same key, whatever it is called: it counts once.
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.0.is_same_as(&other.0)
    }

    /// When this witness signed the checkpoint, in seconds since 1970. Whether that is too long
    /// ago, or yet to come, is for the caller to judge.
    ///
    /// # Errors
    /// [`CosignatureError`] where it did not.
    pub fn verify(
        &self,
        checkpoint: &Checkpoint,
        signature: &Signature,
    ) -> Result<u64, CosignatureError> {
        let (name, id) = (signature.name().clone(), signature.key_id());
        if !self.0.is_of(signature) {
            return Err(CosignatureError::Stranger { name, id });
        }
        let forged = CosignatureError::Forged { name, id };
        let Some((time, bytes)) = signature.bytes().split_first_chunk() else {
            return Err(forged);
        };
        let time = u64::from_be_bytes(*time);
        if self.0.signed(message(checkpoint, time)?.as_bytes(), bytes) {
            Ok(time)
        } else {
            Err(forged)
        }
    }
}

/// Which of these witnesses have signed the checkpoint, and when: enough of them are a quorum. Each
/// key counts once, also under several names. Signatures by others are passed over.
///
/// # Errors
/// [`CosignatureError`] where one of them is said to have signed and has not.
pub fn cosigners<'k>(
    checkpoint: &Checkpoint,
    signatures: &[Signature],
    witnesses: &'k [WitnessKey],
) -> Result<Vec<(&'k WitnessKey, u64)>, CosignatureError> {
    let mut found: Vec<(&WitnessKey, u64)> = Vec::new();
    for witness in witnesses {
        for signature in signatures.iter().filter(|it| witness.0.is_of(it)) {
            let time = witness.verify(checkpoint, signature)?;
            if !found.iter().any(|(known, _)| known.is_same_key(witness)) {
                found.push((witness, time));
            }
        }
    }
    Ok(found)
}

/// What a witness signs: the checkpoint behind a line that says what this is and one with the time.
fn message(checkpoint: &Checkpoint, time: u64) -> Result<String, CosignatureError> {
    if i64::try_from(time).is_err() {
        return Err(CosignatureError::Time(time));
    }
    Ok(format!("cosignature/v1\ntime {time}\n{checkpoint}"))
}

impl FromStr for WitnessKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PublicKey::parse(text, Kind::Cosignature).map(Self)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

/// The name and the id, not the secret.
impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({}+{})", self.public.name, self.public.id)
    }
}
