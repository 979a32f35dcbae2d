//! What a client sends about exchanges.

use meguri_events::Mode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schemas;

/// A request for help on an Offer, or an application to help on a Need.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExchange {
    /// The first message in the room.
    #[schema(min_length = 1, max_length = 4000, example = "よろしくお願いします。")]
    pub message: String,
    /// How help is to be given (H13-H15).
    #[schema(schema_with = schemas::mode)]
    pub mode: Mode,
}

/// A message in the room.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// What is written.
    #[schema(min_length = 1, max_length = 4000)]
    pub text: String,
    /// 調整中の状態のまま投稿する: the message does not agree to anything (H26).
    #[serde(default)]
    pub keep_negotiating: bool,
    /// Number of the terms that the message agrees to, 0 for the opening as it was. Needed from
    /// the party with the right to decide while negotiating, unless it keeps negotiating (H25-H27);
    /// means nothing elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 0)]
    pub terms_version: Option<u32>,
}

/// Terms to agree on (H07).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTerms {
    /// What is going to be done.
    #[schema(min_length = 1, max_length = 1000)]
    pub what: String,
    /// When.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub when: Option<String>,
    /// How (H13-H15).
    #[schema(schema_with = schemas::mode)]
    pub mode: Mode,
    /// What is done in return; nothing, if it is for nothing (H16).
    #[serde(default, rename = "return")]
    #[schema(max_length = 500)]
    pub in_return: Option<String>,
}

/// Agreement to terms, by their number.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Number of the latest terms; 0 stands for the opening as it was.
    #[schema(minimum = 0, example = 0)]
    pub terms_version: u32,
}

/// Why an exchange is cancelled.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// Why, in own words.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// Why an exchange is given up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// Why, in own words (H24).
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// What is written about the other party.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvaluation {
    /// Words only, no stars (H22).
    #[schema(min_length = 1, max_length = 1000)]
    pub words: String,
}

/// Gratitude, with or without words.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewThanks {
    /// What is written, if anything (H18).
    #[serde(default)]
    #[schema(
        max_length = 1000,
        example = "本当に助かりました。ありがとうございます。"
    )]
    pub words: Option<String>,
}
