//! Closed sets of words in queries and answers, as the API's description lists them.

use meguri_events::{Category, Mode, Prefecture, ReasonCode};
use utoipa::openapi::schema::{
    KnownFormat, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use crate::POSITION_MAX;

fn one_of(meaning: &str, codes: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .description(Some(meaning))
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(codes))
        .build()
}

/// Kinds of post.
pub fn kind() -> Object {
    one_of(
        "`need` (コマリゴト) or `offer` (デキルコト)",
        ["need", "offer"],
    )
}

/// Whether a post can be answered.
pub fn post_status() -> Object {
    one_of("Whether the post can be answered", ["open", "closed"])
}

/// Categories of posts.
pub fn category() -> Object {
    one_of(
        "What kind of help it is about",
        Category::ALL.iter().map(|category| category.code()),
    )
}

/// Prefectures by their JIS X 0401 code.
pub fn prefecture() -> Object {
    let codes = || Prefecture::all().map(|prefecture| usize::from(prefecture.code()));
    ObjectBuilder::new()
        .description(Some("JIS X 0401 code of the prefecture"))
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(codes().min())
        .maximum(codes().max())
        .build()
}

/// How help is given (H13, H14).
pub fn mode() -> Object {
    one_of(
        "How help is given (H13, H14)",
        Mode::ALL.iter().map(|mode| mode.code()),
    )
}

/// How help should be possible, in a filter.
pub fn mode_wanted() -> Object {
    one_of(
        "How help should be possible (H13-H15); `offline` is by post or in person",
        ["offline"]
            .into_iter()
            .chain(Mode::ALL.iter().map(|mode| mode.code())),
    )
}

/// What comes first of what is found.
pub fn search_sort() -> Object {
    one_of(
        "What fits best, the newest, or the nearest (with `near`)",
        ["relevance", "newest", "nearest"],
    )
}

/// What text is cut into words by.
pub fn text_cut() -> Object {
    one_of(
        "A dictionary, or the boundaries that Unicode's data sees where none is installed",
        ["dictionary", "boundaries"],
    )
}

/// Yes or no, in a filter.
pub fn flag() -> Object {
    one_of("Yes or no", ["true", "false"])
}

/// The radius of a circle.
pub fn kilometres() -> Object {
    ObjectBuilder::new()
        .description(Some("Kilometres; 10 if it is left out"))
        .schema_type(SchemaType::Type(Type::Number))
        .exclusive_minimum(Some(0.0))
        .maximum(Some(500.0))
        .build()
}

/// Where an exchange stands (H24).
pub fn exchange_status() -> Object {
    one_of(
        "Where an exchange stands (H24)",
        [
            "negotiating",
            "in_progress",
            "completed",
            "cancelled",
            "aborted",
        ],
    )
}

/// One of the two parties of an exchange.
pub fn side() -> Object {
    one_of(
        "Which party: who opened the exchange, or who was asked and decides (H10, H12)",
        ["opener", "asked"],
    )
}

/// Why something ended.
pub fn reason_code() -> Object {
    one_of(
        "Why it ended, as far as that is open",
        ReasonCode::ALL.iter().map(|reason| reason.code()),
    )
}

/// What a view is doing.
pub fn view_state() -> Object {
    one_of(
        "Built for the first time, live, stopped before an event that it cannot fold, or withdrawn",
        ["building", "live", "stopped", "withdrawn"],
    )
}

/// What the publisher of the log is doing.
pub fn publish_state() -> Object {
    one_of(
        "Publishing, waiting while another process does, failing for now, or refusing to sign",
        ["publishing", "waiting", "failing", "refusing"],
    )
}

/// How the clock stands to the log.
pub fn clock_state() -> Object {
    one_of(
        "How the clock stands to the log",
        ["right", "ahead", "behind"],
    )
}

/// How loops stand.
pub fn loop_state() -> Object {
    one_of(
        "How the loop stands",
        ["running", "stuck", "failed", "ended"],
    )
}

/// What is being done to a file that is not live yet.
pub fn build_phase() -> Object {
    one_of(
        "Folding events, verifying what it holds, or making its indexes",
        ["folding", "verifying", "indexing"],
    )
}

/// A moment of the log.
pub fn as_of() -> Schema {
    let position = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(0))
        .maximum(Some(POSITION_MAX));
    let time = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Schema::OneOf(OneOfBuilder::new().item(position).item(time).build())
}

/// The same codes, or null.
fn or_null(mut codes: Object) -> Object {
    codes.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    if let Some(values) = &mut codes.enum_values {
        values.push(serde_json::Value::Null);
    }
    codes
}

/// [`side`], or null.
pub fn side_or_null() -> Object {
    or_null(side())
}

/// [`reason_code`], or null.
pub fn reason_code_or_null() -> Object {
    or_null(reason_code())
}
