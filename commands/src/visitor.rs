//! From where somebody asks who has not proven yet who they are.

use meguri_log::{TokenId, Vault};
use uuid::Uuid;

use crate::attempts::Familiar;
use crate::fair_queue::Who;
use crate::{ClientAddress, CommandError, Commands};

/// Days for which a device is known after a log-in.
const DEVICE_DAYS: u32 = 365;
/// Characters of a device's day, its name, and the proof that this server has named it so.
const DEVICE_PARTS: [usize; 3] = [8, 32, 64];

/// From where somebody asks, and on what device. The default is somebody in this process.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    address: ClientAddress,
    device: Option<String>,
    token: Option<TokenId>,
}

impl Visitor {
    /// Somebody at this address, with what an earlier log-in has told their device to say.
    pub fn new(address: ClientAddress, device: Option<String>) -> Self {
        Self {
            address,
            device,
            token: None,
        }
    }

    /// Somebody who gives a password beside a valid token of the account.
    #[must_use]
    pub fn with_token(self, token: &str) -> Self {
        let token = Some(TokenId::of(token));
        Self { token, ..self }
    }

    /// The place as limits know it.
    pub(crate) fn place(&self) -> String {
        self.address.to_string()
    }

    /// Whose turn it is where nothing more is known.
    pub(crate) fn who(&self) -> Who {
        match self.address.ip() {
            Some(_) => Who::Stranger(self.place()),
            None => Who::Process,
        }
    }

    /// The place where the number of accounts is limited; none for this machine.
    pub(crate) fn far_place(&self) -> Option<String> {
        let far = self.address.ip().is_some() && !self.address.is_this_machine();
        far.then(|| self.place())
    }

    /// The place as the vault remembers it; none for somebody in this process.
    fn hashed_place(&self, vault: &Vault) -> Option<[u8; 32]> {
        self.address.ip()?;
        Some(vault.pepper_hmac("place", &self.place()))
    }
}

impl Commands {
    /// What the visitor's device and place have to do with an account.
    pub(crate) async fn familiar(&self, subject: &str) -> Result<Familiar, CommandError> {
        let (visitor, vault) = (self.visitor(), self.log().vault());
        if let Some(token) = visitor.token {
            return Ok(Familiar::Device(token.to_string()));
        }
        let device = visitor.device.as_deref();
        if let Some(name) = device.and_then(|device| self.named_device(subject, device)) {
            return Ok(Familiar::Device(name));
        }
        match visitor.hashed_place(vault) {
            Some(place) if vault.knows_place(subject, &place).await? => Ok(Familiar::Place),
            Some(_) | None => Ok(Familiar::No),
        }
    }

    /// Remembers that an account was used from the visitor's place.
    pub(crate) async fn remember_place(&self, subject: &str) -> Result<(), CommandError> {
        let vault = self.log().vault();
        match self.visitor().hashed_place(vault) {
            Some(place) => Ok(vault.note_place(subject, &place).await?),
            None => Ok(()),
        }
    }

    /// What the device of somebody who has just logged in is to say when it logs in again. Nothing
    /// is kept of it, and it opens nothing: it is let through while others guess.
    pub(crate) fn name_device(&self, subject: &str) -> String {
        let (today, name) = (self.today(), Uuid::new_v4().simple());
        let named = format!("{today:08x}{name}");
        named.clone() + &self.device_proof(subject, &named)
    }

    /// The name of a device that this server has told this account of, not too long ago.
    fn named_device(&self, subject: &str, device: &str) -> Option<String> {
        if device.len() != DEVICE_PARTS.iter().sum::<usize>() || !device.is_ascii() {
            return None;
        }
        let (named, proof) = device.split_at(DEVICE_PARTS[0] + DEVICE_PARTS[1]);
        let day = u32::from_str_radix(&named[..DEVICE_PARTS[0]], 16).ok()?;
        let is_recent = self.today().checked_sub(day)? <= DEVICE_DAYS;
        // A keyed hash that is compared with one that was made here: by hashes of both, so that
        // the time tells nothing of how much of it was right.
        let same = self.blinded(proof) == self.blinded(&self.device_proof(subject, named));
        (is_recent && same).then(|| named.to_owned())
    }

    fn device_proof(&self, subject: &str, named: &str) -> String {
        let vault = self.log().vault();
        hex::encode(vault.pepper_hmac("device", &format!("{subject} {named}")))
    }

    fn blinded(&self, proof: &str) -> [u8; 32] {
        self.log().vault().pepper_hmac("device proof", proof)
    }

    /// Days since 1970.
    fn today(&self) -> u32 {
        let days = self.log().clock().now().micros() / (24 * 3_600 * 1_000_000);
        u32::try_from(days).unwrap_or_default()
    }
}
