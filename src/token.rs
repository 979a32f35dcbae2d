//! `meguri auditor` and `meguri operator`: tokens of those who are no members.

use std::fmt::Write as _;
use std::io::Write;

use meguri_log::{StoredToken, Timestamp, TokenId, Vault};

use crate::command_line::TokenCommand;
use crate::failure::{Failure, to_stdout};
use crate::period::Period;
use crate::settings::Settings;
use crate::storage;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Makes, lists or revokes tokens of this role, also beside a running server.
pub(crate) async fn run(
    settings: &Settings,
    role: &str,
    command: &TokenCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let log = match command {
        // The first auditor may be there before the first event.
        TokenCommand::Add { .. } => storage::open(settings).await?,
        TokenCommand::List | TokenCommand::Revoke { .. } => {
            storage::open_existing(settings).await?
        }
    };
    let told = answer(log.vault(), role, command, out).await;
    log.close().await;
    told
}

async fn answer(
    vault: &Vault,
    role: &str,
    command: &TokenCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let text = match command {
        TokenCommand::Add { name, expires } => return add(vault, role, name, *expires, out).await,
        TokenCommand::List => table(role, &vault.tokens_in_role(role).await?),
        TokenCommand::Revoke { which } => match revoke(vault, role, which).await? {
            0 => return Err(Failure::NoToken(which.clone())),
            1 => "1 token is revoked\n".to_owned(),
            many => format!("{many} tokens are revoked\n"),
        },
    };
    out.write_all(text.as_bytes()).map_err(to_stdout)
}

/// Makes a token and shows it; one that cannot be shown is revoked, for nobody could know it.
async fn add(
    vault: &Vault,
    role: &str,
    name: &str,
    expires: Option<Period>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let subject = subject(role, name)?;
    let token = match expires {
        Some(period) => {
            let issuing = vault.issue_token_for(&subject, role, period.duration());
            issuing.await?
        }
        None => vault.issue_token(&subject, role).await?,
    };
    let shown = writeln!(out, "{token}").and_then(|()| out.flush());
    let Err(source) = shown else {
        return Ok(());
    };
    let id = TokenId::of(&token).to_string();
    match vault.revoke_token_shown_as(&subject, &id).await {
        Ok(_) => Err(Failure::SecretUnshown(source)),
        Err(reason) => Err(Failure::SecretLeft { id, source, reason }),
    }
}

/// The holder of this name in this role.
fn subject(role: &str, name: &str) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(plain) {
        return Err(Failure::TokenName(name.to_owned()));
    }
    Ok(format!("{role}-{name}"))
}

/// Revokes the token that is listed under this id, or else all of who has this name.
async fn revoke(vault: &Vault, role: &str, which: &str) -> Result<u64, Failure> {
    let listed = vault.tokens_in_role(role).await?;
    if let Some(token) = listed.iter().find(|token| token.id.to_string() == which) {
        let subject = &token.holder.subject;
        let revoked = vault.revoke_token_shown_as(subject, which).await?;
        return Ok(u64::from(revoked));
    }
    Ok(vault.revoke_tokens_of(&subject(role, which)?).await?)
}

fn table(role: &str, tokens: &[StoredToken]) -> String {
    const NAME: &str = "name";
    let name = |token: &StoredToken| {
        let name = token.holder.subject.strip_prefix(role);
        let name = name.and_then(|name| name.strip_prefix('-'));
        name.unwrap_or(&token.holder.subject).to_owned()
    };
    let names: Vec<String> = tokens.iter().map(name).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let width = width.max(NAME.len());
    let id_width = TokenId::of("").to_string().len();
    let (id, issued, expires, used) = ("id", "issued", "expires", "last used");
    let mut text =
        format!("{NAME:<width$}  {id:<id_width$}  {issued:<16}  {expires:<16}  {used}\n");
    for (name, token) in names.iter().zip(tokens) {
        let (issued, expires) = (minute(token.issued_at), minute(token.expires_at));
        let used = token.used_at.map_or_else(|| "never".to_owned(), hour);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name:<width$}  {}  {issued}  {expires}  {used}",
            token.id
        );
    }
    text
}

/// A time in UTC, without seconds.
fn minute(time: Timestamp) -> String {
    time.to_string()
        .replace('T', " ")
        .chars()
        .take(16)
        .collect()
}

/// The hour in which a token was used: more is not kept.
fn hour(time: Timestamp) -> String {
    format!("{} h", minute(time).chars().take(13).collect::<String>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use meguri_log::TokenHolder;

    #[test]
    fn a_list_has_a_line_for_each_token() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let token = |name: &str, used_at| StoredToken {
            id: TokenId::of(name),
            holder: TokenHolder {
                subject: format!("operator-{name}"),
                role: "operator".to_owned(),
            },
            issued_at: time("2026-11-21T07:02:03Z"),
            expires_at: time("2027-02-19T07:02:03Z"),
            used_at,
        };
        let used = Some(time("2026-11-29T23:00:00Z"));
        let tokens = [token("yuki", used), token("mori", None)];
        insta::assert_snapshot!(table("operator", &tokens), @r"
        name  id                                issued            expires           last used
        yuki  ec6b64f31af43e90e60de45a7fc836e6  2026-11-21 07:02  2027-02-19 07:02  2026-11-29 23 h
        mori  e1d90e17f51e8f74ead2086eed13b926  2026-11-21 07:02  2027-02-19 07:02  never
        ");
    }
}
