//! Named values, one after the other: the fields of an object, the parameters of a query.

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess};

use super::InputError;

/// Those that were not read yet. An error in a value says under which name it stands.
pub(super) struct Fields<I, V, D> {
    left: I,
    value: Option<(String, V)>,
    read: fn(V) -> D,
}

impl<I: Iterator<Item = (String, V)>, V, D> Fields<I, V, D> {
    /// All of these, each value read by this.
    pub(super) fn of(fields: impl IntoIterator<IntoIter = I>, read: fn(V) -> D) -> Self {
        Self {
            left: fields.into_iter(),
            value: None,
            read,
        }
    }
}

impl<'de, I, V, D> MapAccess<'de> for Fields<I, V, D>
where
    I: Iterator<Item = (String, V)>,
    D: Deserializer<'de, Error = InputError>,
{
    type Error = InputError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, InputError> {
        let Some((name, value)) = self.left.next() else {
            return Ok(None);
        };
        let key: StringDeserializer<InputError> = name.clone().into_deserializer();
        self.value = Some((name, value));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, InputError> {
        let asked = self.value.take();
        let (name, value) = asked.expect("INVARIANT: a value is asked for after its name");
        let read = seed.deserialize((self.read)(value));
        read.map_err(|error| error.in_field(&name))
    }
}
