//! Password hashes and tokens: what proves who is asking.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Vault, VaultError, database::on};
use crate::seal;

/// Who holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// Who it is, such as `member-0192…`.
    pub subject: String,
    /// As what, such as `member` or `auditor`.
    pub role: String,
}

impl Vault {
    /// Stores the password hash (a PHC string) of this person in place of any before.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn set_password_hash(&self, subject: &str, phc: &str) -> Result<(), VaultError> {
        on!(&self.0.database, pool => {
            sqlx::query(
                "insert into vault_passwords (subject, phc) values ($1, $2) \
                 on conflict (subject) do update set phc = excluded.phc",
            )
            .bind(subject)
            .bind(phc)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// The password hash of this person, if there is one.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn password_hash(&self, subject: &str) -> Result<Option<String>, VaultError> {
        Ok(on!(&self.0.database, pool => {
            sqlx::query_scalar("select phc from vault_passwords where subject = $1")
                .bind(subject)
                .fetch_optional(pool)
                .await?
        }))
    }

    /// Makes a token of 256 random bits. Only its SHA-256 is kept, so this is the one time that it
    /// can be read.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn issue_token(&self, subject: &str, role: &str) -> Result<String, VaultError> {
        let token = URL_SAFE_NO_PAD.encode(seal::random::<32>()?);
        on!(&self.0.database, pool => {
            sqlx::query(
                "insert into vault_tokens (hash, subject, role, issued_at) values ($1, $2, $3, $4)",
            )
            .bind(hash(&token))
            .bind(subject)
            .bind(role)
            .bind(self.0.clock.now().micros())
            .execute(pool)
            .await?;
        });
        Ok(token)
    }

    /// Who holds this token; none where it was never issued or is revoked.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn token_holder(&self, token: &str) -> Result<Option<TokenHolder>, VaultError> {
        let found: Option<(String, String)> = on!(&self.0.database, pool => {
            sqlx::query_as("select subject, role from vault_tokens where hash = $1")
                .bind(hash(token))
                .fetch_optional(pool)
                .await?
        });
        Ok(found.map(|(subject, role)| TokenHolder { subject, role }))
    }

    /// Revokes a token, at once and for every process.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn revoke_token(&self, token: &str) -> Result<(), VaultError> {
        on!(&self.0.database, pool => {
            sqlx::query("delete from vault_tokens where hash = $1")
                .bind(hash(token))
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Takes all tokens and the password of a person away, at once and for every process. Done
    /// again it changes nothing.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`].
    pub async fn lock_out(&self, subject: &str) -> Result<(), VaultError> {
        on!(&self.0.database, pool => {
            sqlx::query("delete from vault_tokens where subject = $1")
                .bind(subject)
                .execute(pool)
                .await?;
            sqlx::query("delete from vault_passwords where subject = $1")
                .bind(subject)
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
