//! Password hashes, and from where somebody has logged in: what proves who is asking.

use super::{Vault, VaultError, database::on};

/// Places from which a person has logged in that are remembered; the newest ones.
const PLACES_MAX: i64 = 8;

impl Vault {
    /// Stores the password hash (a PHC string) of this person in place of any before.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn set_password_hash(&self, subject: &str, phc: &str) -> Result<(), VaultError> {
        on!(&self.0.database, |connection| async {
            sqlx::query(
                "insert into vault_passwords (subject, phc) values ($1, $2) \
                 on conflict (subject) do update set phc = excluded.phc",
            )
            .bind(subject)
            .bind(phc)
            .execute(&mut *connection)
            .await?;
            Ok(())
        })
    }

    /// The password hash of this person, if there is one.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn password_hash(&self, subject: &str) -> Result<Option<String>, VaultError> {
        on!(&self.0.database, |connection| async {
            Ok(
                sqlx::query_scalar("select phc from vault_passwords where subject = $1")
                    .bind(subject)
                    .fetch_optional(&mut *connection)
                    .await?,
            )
        })
    }

    /// Remembers that this person has logged in from a place, which is named by a keyed hash.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn note_place(&self, subject: &str, place: &[u8; 32]) -> Result<(), VaultError> {
        on!(&self.0.database, |connection| async {
            sqlx::query(
                "insert into vault_places (subject, place, seen_at) values ($1, $2, $3) \
                 on conflict (subject, place) do update set seen_at = excluded.seen_at",
            )
            .bind(subject)
            .bind(&place[..])
            .bind(self.0.clock.now().micros())
            .execute(&mut *connection)
            .await?;
            sqlx::query(
                "delete from vault_places where subject = $1 and place in (select place \
                 from vault_places where subject = $1 order by seen_at desc, place \
                 limit 1000 offset $2)",
            )
            .bind(subject)
            .bind(PLACES_MAX)
            .execute(&mut *connection)
            .await?;
            Ok(())
        })
    }

    /// Whether this person has logged in from a place, not long ago.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn knows_place(&self, subject: &str, place: &[u8; 32]) -> Result<bool, VaultError> {
        let found: Option<i32> = on!(&self.0.database, |connection| async {
            Ok(
                sqlx::query_scalar("select 1 from vault_places where subject = $1 and place = $2")
                    .bind(subject)
                    .bind(&place[..])
                    .fetch_optional(&mut *connection)
                    .await?,
            )
        })?;
        Ok(found.is_some())
    }

    /// Takes all tokens and the password of a person away, at once and for every process. Done
    /// again it changes nothing.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn lock_out(&self, subject: &str) -> Result<(), VaultError> {
        on!(&self.0.database, |connection| async {
            for statement in [
                "delete from vault_tokens where subject = $1",
                "delete from vault_passwords where subject = $1",
                "delete from vault_places where subject = $1",
            ] {
                let delete = sqlx::query(statement).bind(subject);
                delete.execute(&mut *connection).await?;
            }
            Ok(())
        })?;
        self.0.tokens.told_of_revocation();
        Ok(())
    }
}
