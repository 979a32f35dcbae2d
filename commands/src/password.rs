//! Passwords: hashed with argon2id off the async threads, a few at once in turn, and never shown.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use meguri_domain::{NotOpaque, opaque_string};
use serde::{Deserialize, Deserializer};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::error::{Refusal, RefusalKind};
use crate::fair_queue::{FairQueue, Who};
use crate::{CommandError, PasswordCost};

/// Fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 200;

/// A password. Neither printed nor serialised, and wiped from memory.
#[derive(Clone)]
pub struct Password(Arc<Typed>);

struct Typed {
    raw: Zeroizing<String>,
    /// The form in which it is hashed, the same from every keyboard (RFC 8265); none where it
    /// holds what no new password may.
    form: Option<Zeroizing<String>>,
}

impl Password {
    /// What was typed, whatever it is.
    pub fn new(typed: impl Into<String>) -> Self {
        let raw = Zeroizing::new(typed.into());
        let form = opaque_string(&raw).ok().map(Zeroizing::new);
        Self(Arc::new(Typed { raw, form }))
    }

    /// What a hash is made of.
    fn form(&self) -> &str {
        self.0.form.as_ref().unwrap_or(&self.0.raw)
    }

    /// What a hash may have been made of: before passwords had one form, of what was typed.
    fn forms(&self) -> impl Iterator<Item = &str> {
        let raw = self.0.raw.as_str();
        [self.form(), raw]
            .into_iter()
            .take(if self.form() == raw { 1 } else { 2 })
    }

    /// Refuses what is too short or too long for a new password, or holds what PRECIS forbids.
    pub fn check(&self) -> Result<(), Refusal> {
        let chars = self.form().chars().take(PASSWORD_CHARS_MAX + 1).count();
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
        } else if self.0.form.is_none() {
            (
                "password-characters",
                "パスワードに使えない文字（表示されない文字や制御文字など）が含まれています。"
                    .to_owned(),
                NotOpaque.to_string(),
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
    queue: Arc<FairQueue>,
    decoy: OnceCell<String>,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost, at_once: usize) -> Self {
        Self {
            cost,
            queue: FairQueue::new(at_once),
            decoy: OnceCell::new(),
        }
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// [`CommandError::Busy`] where too many wait, as [`Passwords::verify`].
    pub(crate) async fn hash(&self, who: Who, password: &Password) -> Result<String, CommandError> {
        let (cost, password) = (self.cost, password.clone());
        self.in_turn(who, move || {
            let hash = argon2id(cost)?
                .hash_password(password.form().as_bytes())
                .map_err(broken)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether it is the password of this hash. Without a hash it is not, and takes as long to
    /// say so: nobody learns by the time which user names exist.
    pub(crate) async fn verify(
        &self,
        who: Who,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, CommandError> {
        // Asked for in either case, for the first time makes it.
        let nobodys = Password::new("decoy");
        let decoy = self
            .decoy
            .get_or_try_init(|| self.hash(who.clone(), &nobodys));
        let decoy = decoy.await?;
        let known = hash.is_some();
        let (hash, password) = (hash.unwrap_or_else(|| decoy.clone()), password.clone());
        let same = self
            .in_turn(who, move || {
                let hash = PasswordHash::new(&hash).map_err(broken)?;
                // Cost and algorithm are those of the hash.
                let argon2 = Argon2::default();
                let is_it = |form: &str| argon2.verify_password(form.as_bytes(), &hash).is_ok();
                Ok(password.forms().any(is_it))
            })
            .await?;
        Ok(known && same)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        who: Who,
        work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
    ) -> Result<T, CommandError> {
        let turn = self.queue.turn(who).await.map_err(|_| CommandError::Busy)?;
        // The turn lasts as long as the work, also where nobody waits for its result any more.
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
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

    fn anybody() -> Who {
        Who::Stranger("-".to_owned())
    }

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
        let hash = passwords.hash(anybody(), &right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert!(
            passwords
                .verify(anybody(), &right, Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(anybody(), &Password::new("wrong one"), Some(hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(anybody(), &Password::new("decoy"), None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn a_password_is_the_same_from_every_keyboard() {
        let passwords = passwords();
        for (typed, elsewhere) in [
            ("が行か\u{3099}行の鍵を", "か\u{3099}行が行の鍵を"),
            ("合言葉\u{3000}は ひみつ", "合言葉 は\u{3000}ひみつ"),
            ("pass\u{a0}word é", "pass word e\u{301}"),
        ] {
            let hash = passwords
                .hash(anybody(), &Password::new(typed))
                .await
                .unwrap();
            let elsewhere = Password::new(elsewhere);
            assert!(
                passwords
                    .verify(anybody(), &elsewhere, Some(hash))
                    .await
                    .unwrap(),
                "{typed}"
            );
        }
        let hash = passwords
            .hash(anybody(), &Password::new("ＰＡＳＳ　ｗｏｒｄ"))
            .await
            .unwrap();
        let narrow = Password::new("PASS word");
        assert!(
            !passwords
                .verify(anybody(), &narrow, Some(hash))
                .await
                .unwrap(),
            "width counts"
        );
    }

    #[tokio::test]
    async fn a_password_that_was_hashed_as_it_was_typed_goes_on_working() {
        let passwords = passwords();
        for typed in [
            "か\u{3099}行の合言葉です",
            "合言葉\u{3000}ひみつ👩\u{200d}🔧",
            "bell\u{7}bell",
        ] {
            let hash = argon2id(passwords.cost).unwrap();
            let hash = hash.hash_password(typed.as_bytes()).unwrap().to_string();
            assert!(
                passwords
                    .verify(anybody(), &Password::new(typed), Some(hash))
                    .await
                    .unwrap(),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_new_password_holds_nothing_that_shows_nothing() {
        for typed in [
            "パスワード\u{200b}です",
            "password\u{7}",
            "👩\u{200d}🔧👩\u{200d}🔧👩\u{200d}🔧",
            "\u{e000}private",
        ] {
            let refused = Password::new(typed).check().err().map(|it| it.code);
            assert_eq!(refused, Some("password-characters"), "{typed}");
        }
        for typed in ["correct horse", "巡り・巡って・恩返し", "🐒🐵🙈🙉🙊🐒🐵🙈"]
        {
            assert_eq!(Password::new(typed).check(), Ok(()), "{typed}");
        }
    }

    #[tokio::test]
    async fn the_same_password_never_hashes_alike() {
        let passwords = passwords();
        let password = Password::new("password");
        let (one, two) = (
            passwords.hash(anybody(), &password).await.unwrap(),
            passwords.hash(anybody(), &password).await.unwrap(),
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
