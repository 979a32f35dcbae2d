//! Places packed into one number, and how far they are from each other.

/// Kilometres of one degree along a meridian.
const KM_OF_A_DEGREE: f64 = 111.195;
/// The mean radius of the earth in metres.
const EARTH_METRES: f64 = 6_371_008.8;
/// A degree in the steps in which places are kept: a millionth, about 11 cm.
const STEPS: f64 = 1e6;
/// Up to this radius a flat map is right to [`ROUGH`], at most.
const SMALL_KM: f64 = 500.0;
const ROUGH: f64 = 0.01;
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

    #[inline]
    fn unpack(packed: u64) -> Option<Self> {
        let half = |bits: u64| {
            let half = u32::try_from(bits).expect("INVARIANT: half of 64 bits are 32");
            half.cast_signed()
        };
        (packed != NOWHERE).then(|| Self {
            lat: half(packed >> 32),
            lon: half(packed & 0xffff_ffff),
        })
    }
}

/// The sizes of the cells that the map is divided into, in steps, and up to which radius in
/// kilometres a circle is looked for in them: some hundred cells at most.
const CELLS: [(i32, f64); 2] = [(100_000, 50.0), (1_000_000, 500.0)];

/// The cells of each size that a place is in.
pub(crate) fn cells(place: (f64, f64)) -> Vec<String> {
    let place = Place::of(place.0, place.1);
    let cell = |size: i32| cell(size, place.lat.div_euclid(size), place.lon.div_euclid(size));
    CELLS.iter().map(|(size, _)| cell(*size)).collect()
}

fn cell(size: i32, row: i32, column: i32) -> String {
    format!("{size}:{row}:{column}")
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
    /// Of the latitude of the middle.
    sine: f64,
    cosine: f64,
    /// Whether it is small enough, and far enough from the poles, for a flat map.
    small: bool,
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
            sine: lat.to_radians().sin(),
            cosine: lat.to_radians().cos(),
            small: inside && km <= SMALL_KM && lat.abs() < 60.0,
        }
    }

    /// The cells in which everything is that is within; `None`: it may be anywhere.
    pub(crate) fn cells(&self) -> Option<Vec<String>> {
        let fits = |(_, km): &&(i32, f64)| self.metres <= km * 1_000.0;
        let (size, _) = CELLS.iter().find(fits)?;
        let (west, east) = self.lons?;
        let span = |from: i32, to: i32| from.div_euclid(*size)..=to.div_euclid(*size);
        let rows = span(self.lats.0, self.lats.1);
        let cells =
            rows.flat_map(|row| span(west, east).map(move |column| cell(*size, row, column)));
        Some(cells.collect())
    }

    /// Whether a packed place is within.
    #[inline]
    pub(crate) fn holds(&self, packed: u64) -> bool {
        let Some(place) = Place::unpack(packed) else {
            return false;
        };
        let in_box = (self.lats.0..=self.lats.1).contains(&place.lat)
            && self
                .lons
                .is_none_or(|(west, east)| (west..=east).contains(&place.lon));
        if !in_box {
            return false;
        }
        if let Some(rough) = self.rough(place) {
            if rough < self.metres * (1.0 - ROUGH) {
                return true;
            }
            if rough > self.metres * (1.0 + ROUGH) {
                return false;
            }
        }
        self.distance(place) <= self.metres
    }

    /// How many metres a packed place is from the middle; most where it is none.
    pub(crate) fn metres(&self, packed: u64) -> u32 {
        let Some(place) = Place::unpack(packed) else {
            return u32::MAX;
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "half the way around the earth is 20,000,000 metres"
        )]
        let metres = self.distance(place).round() as u32;
        metres
    }

    /// The distance on a flat map, which is right to [`ROUGH`] in small circles far from the
    /// poles, and four times as fast.
    fn rough(&self, place: Place) -> Option<f64> {
        if !self.small {
            return None;
        }
        let high = (f64::from(place.lat) / STEPS - self.lat).to_radians();
        let wide = (f64::from(place.lon) / STEPS - self.lon).to_radians();
        // The cosine of the latitude half way, as a line through that of the middle.
        let shrunk = self.cosine - self.sine * high / 2.0;
        Some(EARTH_METRES * (wide * shrunk).hypot(high))
    }

    /// The great circle between the middle and a place (haversine), in metres.
    fn distance(&self, place: Place) -> f64 {
        let (lat, lon) = (f64::from(place.lat) / STEPS, f64::from(place.lon) / STEPS);
        let half = |one: f64, other: f64| ((one - other).to_radians() / 2.0).sin().powi(2);
        let along = self.cosine * lat.to_radians().cos();
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

    fn near(circle: &Circle, place: (f64, f64)) -> Option<u32> {
        let packed = Place::pack(Some(place));
        circle.holds(packed).then(|| circle.metres(packed))
    }

    #[test]
    fn osaka_is_four_hundred_kilometres_from_tokyo() {
        let circle = |km| Circle::new(TOKYO.0, TOKYO.1, km);
        let metres = near(&circle(500.0), OSAKA).unwrap();
        assert!((402_000..405_000).contains(&metres), "{metres}");
        assert_eq!(near(&circle(400.0), OSAKA), None);
        assert!(!circle(400.0).holds(NOWHERE));
    }

    #[test]
    fn what_is_near_is_near_across_the_date_line() {
        let circle = Circle::new(0.0, 179.99, 10.0);
        assert!(near(&circle, (0.0, -179.99)).is_some());
    }

    #[test]
    fn a_circle_holds_exactly_what_is_within() {
        for (lat, km) in [
            (43.06, 0.5),
            (26.2, 5.0),
            (45.5, 50.0),
            (24.0, 499.0),
            (-59.0, 499.0),
            (43.06, 900.0),
        ] {
            let circle = Circle::new(lat, 141.35, km);
            for step in 0..3_600 {
                let angle = f64::from(step / 10).to_radians();
                let degrees = km * (0.98 + f64::from(step % 10) * 0.004) / KM_OF_A_DEGREE;
                let lat = lat + degrees * angle.cos();
                let lon = 141.35 + degrees * angle.sin() / lat.to_radians().cos();
                let place = Place::of(lat, lon);
                let within = circle.distance(place) <= km * 1_000.0;
                let around = circle.cells().filter(|_| within);
                let cell = cells((lat, lon));
                assert!(around.is_none_or(|it| cell.iter().any(|cell| it.contains(cell))));
                assert_eq!(
                    circle.holds(Place::pack(Some((lat, lon)))),
                    within,
                    "{km} {step}"
                );
            }
        }
    }
}
