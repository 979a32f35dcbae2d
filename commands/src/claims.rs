//! Names of claim streams: a keyed hash each, so that nobody can tell what is claimed.

use meguri_domain::{Mail, UserName};
use meguri_events::{CLAIM_CATEGORY, ClaimKind, MemberId, PostId};
use meguri_log::{StreamName, Vault};

use crate::CommandError;
use crate::handle::stream;

/// The claim on a user name; taken once and for all.
pub(crate) fn user_name(vault: &Vault, name: &UserName) -> Result<StreamName, CommandError> {
    claim(vault, ClaimKind::UserName, name.as_str())
}

/// The claim on a mail address; released when its holder leaves.
pub(crate) fn mail(vault: &Vault, mail: &Mail) -> Result<StreamName, CommandError> {
    claim(vault, ClaimKind::Mail, &mail.normalised())
}

/// What a member takes in place of a mail address that somebody else holds: nobody who registers
/// learns by a refusal, or by the number of events, which addresses are known here.
pub(crate) fn shared_mail(
    vault: &Vault,
    mail: &Mail,
    member: MemberId,
) -> Result<StreamName, CommandError> {
    let value = format!("{} {}", mail.normalised(), member.stream());
    claim(vault, ClaimKind::Mail, &value)
}

/// The claim on the one open exchange of a post and an opener (H05, H08); released in the append
/// that ends the exchange.
pub(crate) fn open_exchange(
    vault: &Vault,
    post: PostId,
    opener: MemberId,
) -> Result<StreamName, CommandError> {
    claim(
        vault,
        ClaimKind::OpenExchange,
        &format!("{post} {}", opener.stream()),
    )
}

fn claim(vault: &Vault, kind: ClaimKind, value: &str) -> Result<StreamName, CommandError> {
    let name = hex::encode(vault.pepper_hmac(kind.code(), value));
    stream(format!("{CLAIM_CATEGORY}-{name}"))
}
