//! Places, made vague enough to show to everyone.

use meguri_events::Place;

use crate::text::TextError;

/// The place, rounded to 0.01 degree: about a kilometre, so that it names no house.
///
/// # Errors
/// [`TextError::NotOnTheGlobe`] when a coordinate is out of range or not a number.
pub fn rounded_place(lat: f64, lon: f64) -> Result<Place, TextError> {
    let on_the_globe = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
    if !on_the_globe {
        return Err(TextError::NotOnTheGlobe);
    }
    // Adding zero turns the -0.0 that rounding may leave into 0.0.
    let round = |degrees: f64| (degrees * 100.0).round() / 100.0 + 0.0;
    Ok(Place {
        lat: round(lat),
        lon: round(lon),
    })
}
