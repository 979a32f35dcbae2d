//! The principal who asks, as a bearer token proves it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use meguri_commands::{Buckets, Rate};
use meguri_events::MemberId;
use meguri_log::TokenId;
use meguri_read_api::{AnswerError, Principal, Viewer};
use tokio::sync::watch;

use crate::live_token::{LiveToken, Watched};
use crate::{Problem, kinds};

/// The token store could not be asked; try again.
#[derive(Debug, thiserror::Error)]
#[error("the token store cannot be read: {0}")]
pub struct TokensUnavailable(pub String);

/// Where tokens are looked up. Asked on every request, so that a revoked token is refused at once,
/// by every process.
#[async_trait]
pub trait TokenReader: Send + Sync + 'static {
    /// The holder of this token, if it is known, not revoked and not expired.
    async fn holder(&self, token: &str) -> Result<Option<Principal>, TokensUnavailable>;

    /// Which of these tokens are valid now.
    async fn valid(&self, tokens: &[TokenId]) -> Result<HashSet<TokenId>, TokensUnavailable>;

    /// Changes when this process has revoked a token.
    fn watch_revocations(&self) -> watch::Receiver<u64>;
}

#[async_trait]
impl TokenReader for meguri_log::Vault {
    async fn holder(&self, token: &str) -> Result<Option<Principal>, TokensUnavailable> {
        let holder = Principal::of_token(self, token).await;
        holder.map_err(|error| TokensUnavailable(error.to_string()))
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

    /// The holder of this token. Looking it up counts as a request of its account.
    ///
    /// # Errors
    /// 401 for a token that is unknown, revoked or expired; 429 beyond the limit of its account;
    /// 503 where the token store cannot be asked.
    pub async fn principal(&self, token: &str) -> Result<Principal, Problem> {
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
            accounts.take(&holder.subject(), Instant::now())?;
        }
        Ok(holder)
    }
}

impl Tokens {
    /// The holder of the token of this `Authorization`. It is no request of its account yet.
    pub(crate) async fn holder_of(&self, authorization: &HeaderValue) -> Option<Principal> {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member(pub MemberId);

impl From<Member> for Viewer {
    fn from(Member(member): Member) -> Self {
        Principal::Member(member).into()
    }
}

/// An auditor who is asking: reads the log.
#[derive(Debug)]
pub struct Auditor(pub Viewer);

/// An operator who is asking, `operator-<name>`: maintains what is the community's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator(pub String);

impl From<Operator> for Viewer {
    fn from(Operator(operator): Operator) -> Self {
        Principal::Operator(operator).into()
    }
}

/// Whoever is asking, with a token or without one.
#[derive(Debug)]
pub struct Anyone(pub Viewer);

/// A member or an auditor who asks what happened in an exchange.
#[derive(Debug)]
pub struct Inquirer(pub Viewer);

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

/// The principal who asks; none without a token.
async fn principal<S>(parts: &Parts, state: &S) -> Result<Option<Principal>, Problem>
where
    S: Sync,
    Tokens: FromRef<S>,
{
    match bearer(parts)? {
        None => Ok(None),
        Some(Bearer(token)) => Tokens::from_ref(state).principal(&token).await.map(Some),
    }
}

/// A principal who asks with a token, if it is one that `may`.
async fn someone<S, T>(
    parts: &Parts,
    state: &S,
    may: impl FnOnce(Principal) -> Result<T, AnswerError>,
) -> Result<T, Problem>
where
    S: Sync,
    Tokens: FromRef<S>,
{
    match principal(parts, state).await? {
        None => Err(unauthenticated("")),
        Some(principal) => Ok(may(principal)?),
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
        let principal = principal(parts, state).await?;
        let member = principal.map(|principal| principal.require_member());
        Ok(member.transpose()?.map(Self))
    }
}

impl<S: Sync> FromRequestParts<S> for Auditor
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let auditor =
            |asking: Principal| asking.require_auditor().map(drop).map(|()| asking.into());
        someone(parts, state, auditor).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Operator
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let operator = |asking: Principal| asking.require_operator().map(str::to_owned);
        someone(parts, state, operator).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Anyone
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    /// A token that is unknown or revoked is refused: who sent it does not expect to see what
    /// everybody sees.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let principal = principal(parts, state).await?;
        Ok(Self(principal.unwrap_or(Principal::Anonymous).into()))
    }
}

impl<S: Sync> FromRequestParts<S> for Inquirer
where
    Tokens: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let inquirer = |asking: Principal| {
            asking.require_inquirer()?;
            Ok(asking.into())
        };
        someone(parts, state, inquirer).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::http::Request;

    const MEMBER: MemberId = MemberId::new(uuid::Uuid::from_u128(1));

    struct Known;
    #[async_trait]
    impl TokenReader for Known {
        async fn holder(&self, token: &str) -> Result<Option<Principal>, TokensUnavailable> {
            match token {
                "m" => Ok(Some(Principal::Member(MEMBER))),
                "a" => Ok(Some(Principal::Auditor("auditor-1".into()))),
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
        assert_eq!(member(Some("Bearer m")).await, Ok(Member(MEMBER)));
        assert_eq!(member(Some("bearer m")).await, Ok(Member(MEMBER)));
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
        assert!(tokens.principal("m").await.is_ok());
        assert!(tokens.principal("m").await.is_ok());
        assert_eq!(tokens.principal("m").await.unwrap_err().status(), 429);
        assert!(
            tokens.principal("a").await.is_ok(),
            "another account is not concerned"
        );
    }
}
