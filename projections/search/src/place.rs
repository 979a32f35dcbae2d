//! Places packed into one number, and how far they are from each other.

/// Kilometres of one degree along a meridian.
const KM_OF_A_DEGREE: f64 = 111.195;
/// The mean radius of the earth in metres.
const EARTH_METRES: f64 = 6_371_008.8;
/// A degree in the steps in which places are kept: a millionth, about 11 cm.
const STEPS: f64 = 1e6;
/// No place.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// A place in millionths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    lat: i32,
    lon: i32,
}

impl Place {
    fn of(lat: f64, lon: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "degrees are clamped to what fits, and `as` saturates"
        )]
        let steps = |degrees: f64, max: f64| (degrees.clamp(-max, max) * STEPS).round() as i32;
        Self {
            lat: steps(lat, 90.0),
            lon: steps(lon, 180.0),
        }
    }

    /// A place as a number; none is [`NOWHERE`].
    pub(crate) fn pack(place: Option<(f64, f64)>) -> u64 {
        let Some((lat, lon)) = place else {
            return NOWHERE;
        };
        let place = Self::of(lat, lon);
        u64::from(place.lat.cast_unsigned()) << 32 | u64::from(place.lon.cast_unsigned())
    }

    fn unpack(packed: u64) -> Option<Self> {
        let half = |at: u32| {
            i32::from_le_bytes(
                [0, 1, 2, 3].map(|byte| (packed >> (at + 8 * byte)).to_le_bytes()[0]),
            )
        };
        (packed != NOWHERE).then(|| Self {
            lat: half(32),
            lon: half(0),
        })
    }
}

/// A circle on the earth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circle {
    lat: f64,
    lon: f64,
    metres: f64,
    /// The box around it, in steps: most places are outside, and that is cheap to tell.
    lats: (i32, i32),
    lons: Option<(i32, i32)>,
}

impl Circle {
    pub(crate) fn new(lat: f64, lon: f64, km: f64) -> Self {
        let high = km / KM_OF_A_DEGREE;
        // One step more: the box is never too small for what rounding took.
        let low_corner = Place::of(lat - high - 1e-6, 0.0).lat;
        let high_corner = Place::of(lat + high + 1e-6, 0.0).lat;
        let shrink = (lat.abs() + high).min(89.9).to_radians().cos();
        let wide = high / shrink + 1e-6;
        // A box over the date line, or around a pole, is not worth having.
        let inside = lon - wide > -180.0 && lon + wide < 180.0 && lat.abs() + high < 89.0;
        let lons = (
            Place::of(0.0, lon - wide).lon,
            Place::of(0.0, lon + wide).lon,
        );
        Self {
            lat,
            lon,
            metres: km * 1_000.0,
            lats: (low_corner, high_corner),
            lons: inside.then_some(lons),
        }
    }

    /// How many metres a packed place is from the middle, if it is within.
    pub(crate) fn metres(&self, packed: u64) -> Option<u32> {
        let place = Place::unpack(packed)?;
        let in_box = (self.lats.0..=self.lats.1).contains(&place.lat)
            && self
                .lons
                .is_none_or(|(west, east)| (west..=east).contains(&place.lon));
        if !in_box {
            return None;
        }
        let metres = self.distance(f64::from(place.lat) / STEPS, f64::from(place.lon) / STEPS);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "half the way around the earth is 20,000,000 metres"
        )]
        (metres <= self.metres).then_some(metres.round() as u32)
    }

    /// The great circle between the middle and a place (haversine), in metres.
    fn distance(&self, lat: f64, lon: f64) -> f64 {
        let half = |one: f64, other: f64| ((one - other).to_radians() / 2.0).sin().powi(2);
        let along = self.lat.to_radians().cos() * lat.to_radians().cos();
        let chord = half(lat, self.lat) + along * half(lon, self.lon);
        2.0 * EARTH_METRES * chord.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKYO: (f64, f64) = (35.681_236, 139.767_125);
    const OSAKA: (f64, f64) = (34.702_485, 135.495_951);

    #[test]
    fn a_place_is_kept_to_a_millionth_of_a_degree() {
        for place in [TOKYO, (-33.87, -151.21), (90.0, -180.0), (0.0, 0.0)] {
            let packed = Place::unpack(Place::pack(Some(place))).unwrap();
            assert_eq!(packed, Place::of(place.0, place.1));
        }
        assert_eq!(Place::unpack(Place::pack(None)), None);
    }

    #[test]
    fn osaka_is_four_hundred_kilometres_from_tokyo() {
        let circle = |km| Circle::new(TOKYO.0, TOKYO.1, km);
        let metres = circle(500.0).metres(Place::pack(Some(OSAKA))).unwrap();
        assert!((402_000..405_000).contains(&metres), "{metres}");
        assert_eq!(circle(400.0).metres(Place::pack(Some(OSAKA))), None);
        assert_eq!(circle(400.0).metres(NOWHERE), None);
    }

    #[test]
    fn what_is_near_is_near_across_the_date_line() {
        let circle = Circle::new(0.0, 179.99, 10.0);
        assert!(circle.metres(Place::pack(Some((0.0, -179.99)))).is_some());
    }

    #[test]
    fn the_box_holds_the_circle() {
        for km in [0.5, 5.0, 50.0, 500.0] {
            let circle = Circle::new(43.06, 141.35, km);
            for step in 0..360 {
                let angle = f64::from(step).to_radians();
                let degrees = km * 0.999 / KM_OF_A_DEGREE;
                let lat = 43.06 + degrees * angle.cos();
                let lon = 141.35 + degrees * angle.sin() / lat.to_radians().cos();
                if circle.distance(lat, lon) <= km * 1_000.0 {
                    assert!(circle.metres(Place::pack(Some((lat, lon)))).is_some());
                }
            }
        }
    }
}
