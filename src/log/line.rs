//! One event on one line.

use meguri_log::{ReadError, Recorded};

/// Width of the column of types: the longest there is.
const TYPE_WIDTH: usize = 19;

/// Position, time, type, stream and version, who, and the open data.
pub(super) fn line(event: &Recorded) -> Result<String, ReadError> {
    let (position, event_type) = (event.position(), event.event_type());
    let place = format!("{}/{}", event.stream(), event.version());
    let Some(header) = event.header().transpose()? else {
        return Ok(format!(
            "{position:>7}  {event_type:<TYPE_WIDTH$}  {place}  (redacted)"
        ));
    };
    let (at, actor, data) = (header.at, header.actor, header.data);
    Ok(format!(
        "{position:>7}  {at}  {event_type:<TYPE_WIDTH$}  {place}  by {actor}  {data}"
    ))
}
