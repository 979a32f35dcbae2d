//! Who is asking: a bearer token names a member or an auditor.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use meguri_commands::{Buckets, Rate};
use meguri_domain::role::{AUDITOR, MEMBER, OPERATOR};
use meguri_log::TokenId;
use tokio::sync::watch;

use crate::live_token::{LiveToken, Watched};
use crate::{Problem, kinds};

/// Who holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `member-<id>`, or the name of the auditor or operator.
    pub subject: String,
    /// [`MEMBER`], [`AUDITOR`] or [`OPERATOR`].
    pub role: String,
}

/// The token store could not be asked; try again.
#[derive(Debug, thiserror::Error)]
#[error("the token store cannot be read: {0}")]
pub struct TokensUnavailable(pub String);

/// Where tokens are looked up. Asked on every request, so that a revoked token is refused at once,
/// by every process.
#[async_trait]
pub trait TokenReader: Send + Sync + 'static {
    /// Who holds this token, if it is known, not revoked and not expired.
    async fn holder(&self, token: &str) -> Result<Option<Holder>, TokensUnavailable>;

    /// Which of these tokens are valid now.
    async fn valid(&self, tokens: &[TokenId]) -> Result<HashSet<TokenId>, TokensUnavailable>;

    /// Changes when this process has revoked a token.
    fn watch_revocations(&self) -> watch::Receiver<u64>;
}

#[async_trait]
impl TokenReader for meguri_log::Vault {
    async fn holder(&self, token: &str) -> Result<Option<Holder>, TokensUnavailable> {
        let holder = self.token_holder(token).await;
        let holder = holder.map_err(|error| TokensUnavailable(error.to_string()))?;
        Ok(holder.map(|holder| Holder {
            subject: holder.subject,
            role: holder.role,
        }))
    }

    async fn valid(&self, tokens: &[TokenId]) -> Result<HashSet<TokenId>, TokensUnavailable> {
        let valid = self.valid_tokens(tokens).await;
        valid.map_err(|error| TokensUnavailable(error.to_string()))
    }

    fn watch_revocations(&self) -> watch::Receiver<u64> {
        Self::watch_revocations(self)
    }
}

/// The token store as part of a router's state (`FromRef`), with a limit of requests per account.
#[derive(Clone)]
pub struct Tokens {
    reader: Arc<dyn TokenReader>,
    watched: Arc<Watched>,
    accounts: Option<Arc<Buckets>>,
}

impl Tokens {
    /// Reads tokens there, without a limit per account.
    pub fn new(reader: impl TokenReader) -> Self {
        let reader: Arc<dyn TokenReader> = Arc::new(reader);
        Self {
            watched: Arc::new(Watched::new(Arc::clone(&reader))),
            reader,
            accounts: None,
        }
    }

    /// Watches the token that a request has sent, which was looked up already. It is no request of
    /// its account: a limit of requests ends no answer that goes on.
    pub fn watch(&self, Bearer(token): &Bearer) -> LiveToken {
        self.watched.watch(TokenId::of(token))
    }

    /// Limits each account to this rate.
    #[must_use]
    pub fn limited(mut self, rate: Rate) -> Self {
        self.accounts = Some(Arc::new(Buckets::new(rate)));
        self
    }

    async fn holder(&self, token: &str) -> Result<Holder, Problem> {
        let holder = self.reader.holder(token).await.map_err(|error| {
            tracing::error!(%error, "tokens");
            Problem::new(kinds::UNAVAILABLE).retry_after(1)
        })?;
        let holder = holder.ok_or_else(|| {
            unauthenticated("invalid_token").detail(
                "アクセストークンが無効です。もう一度ログインしてください",
                "The access token is unknown, revoked or expired; log in again",
            )
        })?;
        if let Some(accounts) = &self.accounts {
            accounts.take(&holder.subject, Instant::now())?;
        }
        Ok(holder)
    }
}

impl Tokens {
    /// Who holds the token of this `Authorization`. It is no request of its account yet.
    pub(crate) async fn holder_of(&self, authorization: &HeaderValue) -> Option<Holder> {
        let (_, token) = authorization.to_str().ok()?.split_once(' ')?;
        self.reader.holder(token.trim()).await.ok().flatten()
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// The token of `Authorization: Bearer …`, not yet looked up. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer(pub String);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// A member who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `member-<id>`.
    pub subject: String,
}

/// An auditor who is asking: may read the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auditor {
    /// The auditor's name.
    pub subject: String,
}

/// An operator who is asking: looks after what is the community's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// `operator-<name>`.
    pub subject: String,
}

fn unauthenticated(error: &str) -> Problem {
    let challenge = match error {
        "" => HeaderValue::from_static("Bearer"),
        _ => HeaderValue::from_static("Bearer error=\"invalid_token\""),
    };
    Problem::new(kinds::UNAUTHENTICATED).header(header::WWW_AUTHENTICATE, challenge)
}

fn bearer(parts: &Parts) -> Result<Option<Bearer>, Problem> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty());
    match token {
        Some(token) => Ok(Some(Bearer(token.to_owned()))),
        None => Err(unauthenticated("invalid_token").detail(
            "Authorization: Bearer <トークン> の形で送ってください",
            "Send Authorization: Bearer <token>",
        )),
    }
}

async fn holder<S>(parts: &Parts, state: &S) -> Result<Option<Holder>, Problem>
where
    S: Sync,
    Tokens: FromRef<S>,
{
    match bearer(parts)? {
        None => Ok(None),
        Some(Bearer(token)) => Tokens::from_ref(state).holder(&token).await.map(Some),
    }
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        bearer(parts)?.ok_or_else(|| unauthenticated(""))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        bearer(parts)
    }
}

impl<S: Sync> FromRequestParts<S> for Member
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state)
            .await?
            .ok_or_else(|| unauthenticated(""))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Member
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    /// `None` without a token; a token that is no member's is refused.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        match holder(parts, state).await? {
            None => Ok(None),
            Some(Holder { subject, role }) if role == MEMBER => Ok(Some(Self { subject })),
            Some(_) => Err(Problem::new(kinds::FORBIDDEN)
                .detail("会員のトークンが必要です", "A member's token is needed")),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Auditor
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refusal = ("監査人のトークンが必要です", "An auditor's token is needed");
        let subject = in_role(parts, state, AUDITOR, refusal).await?;
        Ok(Self { subject })
    }
}

impl<S: Sync> FromRequestParts<S> for Operator
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refusal = (
            "事務局のトークンが必要です",
            "An operator's token is needed",
        );
        let subject = in_role(parts, state, OPERATOR, refusal).await?;
        Ok(Self { subject })
    }
}

/// Who holds the token, if it is one of this role.
async fn in_role<S>(
    parts: &Parts,
    state: &S,
    wanted: &str,
    (ja, en): (&'static str, &'static str),
) -> Result<String, Problem>
where
    S: Sync,
    Tokens: FromRef<S>,
{
    match holder(parts, state).await? {
        None => Err(unauthenticated("")),
        Some(Holder { subject, role }) if role == wanted => Ok(subject),
        Some(_) => Err(Problem::new(kinds::FORBIDDEN).detail(ja, en)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::http::Request;

    struct Known;
    #[async_trait]
    impl TokenReader for Known {
        async fn holder(&self, token: &str) -> Result<Option<Holder>, TokensUnavailable> {
            let holder = |role: &str| Holder {
                subject: format!("{role}-1"),
                role: role.into(),
            };
            match token {
                "m" => Ok(Some(holder(MEMBER))),
                "a" => Ok(Some(holder(AUDITOR))),
                "down" => Err(TokensUnavailable("away".into())),
                _ => Ok(None),
            }
        }

        async fn valid(&self, _: &[TokenId]) -> Result<HashSet<TokenId>, TokensUnavailable> {
            Ok(HashSet::new())
        }

        fn watch_revocations(&self) -> watch::Receiver<u64> {
            watch::Sender::new(0).subscribe()
        }
    }

    async fn member(value: Option<&str>) -> Result<Member, u16> {
        let mut request = Request::get("/");
        if let Some(value) = value {
            request = request.header(header::AUTHORIZATION, value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let tokens = Tokens::new(Known);
        <Member as FromRequestParts<Tokens>>::from_request_parts(&mut parts, &tokens)
            .await
            .map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn only_a_members_token_makes_a_member() {
        assert_eq!(
            member(Some("Bearer m")).await,
            Ok(Member {
                subject: "member-1".into()
            })
        );
        assert_eq!(
            member(Some("bearer m")).await,
            Ok(Member {
                subject: "member-1".into()
            })
        );
        assert_eq!(member(Some("Bearer a")).await, Err(403));
        assert_eq!(member(Some("Bearer x")).await, Err(401));
        assert_eq!(member(Some("Basic m")).await, Err(401));
        assert_eq!(member(Some("Bearer down")).await, Err(503));
        assert_eq!(member(None).await, Err(401));
    }

    #[tokio::test]
    async fn an_account_is_limited_whatever_token_it_uses() {
        let tokens = Tokens::new(Known).limited(Rate {
            burst: 2,
            per_minute: 60,
        });
        assert!(tokens.holder("m").await.is_ok());
        assert!(tokens.holder("m").await.is_ok());
        assert_eq!(tokens.holder("m").await.unwrap_err().status(), 429);
        assert!(
            tokens.holder("a").await.is_ok(),
            "another account is not concerned"
        );
    }
}
