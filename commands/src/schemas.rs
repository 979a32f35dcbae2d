//! Shapes of the catalog's codes in the API's description.

use meguri_events::{Category, Mode};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};

fn codes(codes: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    let values: Vec<&str> = codes.collect();
    let object = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    object.enum_values(Some(values)).into()
}

/// What kind of help a post is about.
pub(crate) fn category() -> RefOr<Schema> {
    codes(Category::ALL.iter().map(|category| category.code()))
}

/// How help is given.
pub(crate) fn mode() -> RefOr<Schema> {
    codes(Mode::ALL.iter().map(|mode| mode.code()))
}

/// JIS X 0401 code of a prefecture, or nothing.
pub(crate) fn prefecture() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("JIS X 0401 code of the prefecture"))
        .minimum(Some(1))
        .maximum(Some(47))
        .into()
}
