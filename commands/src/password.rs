//! Passwords: hashed with argon2id off the async threads, a few at once, and never shown.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Deserializer};
use tokio::sync::{OnceCell, Semaphore};
use zeroize::Zeroizing;

use crate::error::{Refusal, RefusalKind};
use crate::{CommandError, PasswordCost};

/// Fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 200;
/// Passwords that wait to be hashed, at most; more are answered "busy".
const WAITING_MAX: usize = 64;

/// A password as it was typed. Neither printed nor serialised, and wiped from memory.
#[derive(Clone)]
pub struct Password(Arc<Zeroizing<String>>);

impl Password {
    /// What was typed, whatever it is.
    pub fn new(typed: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(typed.into())))
    }

    /// Refuses what is too short or too long for a new password.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let chars = self.0.chars().take(PASSWORD_CHARS_MAX + 1).count();
        let (code, ja, en) = if chars < PASSWORD_CHARS_MIN {
            (
                "password-too-short",
                format!("パスワードは{PASSWORD_CHARS_MIN}文字以上で入力してください。"),
                format!("a password has at least {PASSWORD_CHARS_MIN} characters"),
            )
        } else if chars > PASSWORD_CHARS_MAX {
            (
                "password-too-long",
                format!("パスワードは{PASSWORD_CHARS_MAX}文字以内で入力してください。"),
                format!("a password has at most {PASSWORD_CHARS_MAX} characters"),
            )
        } else {
            return Ok(());
        };
        Err(Refusal {
            code,
            ja: ja.into(),
            en: en.into(),
            kind: RefusalKind::Rule,
        })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    cost: PasswordCost,
    waiting: Semaphore,
    hashing: Semaphore,
    decoy: OnceCell<String>,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost, at_once: usize) -> Self {
        let (waiting, hashing) = (Semaphore::new(WAITING_MAX), Semaphore::new(at_once.max(1)));
        Self {
            cost,
            waiting,
            hashing,
            decoy: OnceCell::new(),
        }
    }

    /// The hash of a password, as a PHC string.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, CommandError> {
        let (cost, password) = (self.cost, password.clone());
        self.off_thread(move || {
            let hash = argon2id(cost)?
                .hash_password(password.0.as_bytes())
                .map_err(broken)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether it is the password of this hash. Without a hash it is not, and takes as long to
    /// say so: nobody learns by the time which user names exist.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, CommandError> {
        // Asked for in either case, for the first time makes it.
        let nobodys = Password::new("decoy");
        let decoy = self.decoy.get_or_try_init(|| self.hash(&nobodys)).await?;
        let known = hash.is_some();
        let (hash, password) = (hash.unwrap_or_else(|| decoy.clone()), password.clone());
        let same = self
            .off_thread(move || {
                let hash = PasswordHash::new(&hash).map_err(broken)?;
                // Cost and algorithm are those of the hash.
                Ok(Argon2::default()
                    .verify_password(password.0.as_bytes(), &hash)
                    .is_ok())
            })
            .await?;
        Ok(known && same)
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
    ) -> Result<T, CommandError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| CommandError::Busy)?;
        let _hashing = self
            .hashing
            .acquire()
            .await
            .map_err(|_| CommandError::Busy)?;
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }
}

fn argon2id(cost: PasswordCost) -> Result<Argon2<'static>, CommandError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn broken(error: impl fmt::Display) -> CommandError {
    CommandError::Broken(format!("passwords: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(
            PasswordCost {
                memory_kib: 64,
                passes: 1,
            },
            2,
        )
    }

    #[tokio::test]
    async fn only_the_right_password_is_verified_and_nobody_has_the_decoy() {
        let passwords = passwords();
        let right = Password::new("巡り巡って恩返し");
        let hash = passwords.hash(&right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(passwords.verify(&right, Some(hash.clone())).await.unwrap());
        assert!(
            !passwords
                .verify(&Password::new("wrong one"), Some(hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(&Password::new("decoy"), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn the_same_password_never_hashes_alike() {
        let passwords = passwords();
        let password = Password::new("password");
        let (one, two) = (
            passwords.hash(&password).await.unwrap(),
            passwords.hash(&password).await.unwrap(),
        );
        assert_ne!(one, two);
    }

    #[test]
    fn a_password_has_8_to_200_characters_and_is_never_shown() {
        let refused = |chars| {
            Password::new("鍵".repeat(chars))
                .check()
                .err()
                .map(|it| it.code)
        };
        assert_eq!(refused(7), Some("password-too-short"));
        assert_eq!(refused(8), None);
        assert_eq!(refused(200), None);
        assert_eq!(refused(201), Some("password-too-long"));
        assert_eq!(format!("{:?}", Password::new("secret")), "Password(…)");
    }
}
