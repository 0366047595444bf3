//! Places on the globe, and the regions that a filter asks for.
//!
//! Owns: what is inside a region. The globe is a sphere of the mean radius that the IUGG
//! recommends, 6,371,008.8 m. Edges are outside.

use geo::{BoundingRect as _, Contains as _, Distance as _, Haversine, LineString, Polygon};
use serde_json::Value;

/// A place: degrees east and north.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    /// Degrees east, -180 to 180 for a place that was checked.
    pub lon: f64,
    /// Degrees north, -90 to 90 for a place that was checked.
    pub lat: f64,
}

impl Place {
    /// A place on the globe.
    ///
    /// # Errors
    /// [`RegionError::OffTheGlobe`] outside of -180 to 180 degrees east and -90 to 90 north.
    pub fn new(lon: f64, lat: f64) -> Result<Self, RegionError> {
        let place = Self { lon, lat };
        if place.is_on_the_globe() {
            Ok(place)
        } else {
            Err(RegionError::OffTheGlobe)
        }
    }

    /// The place that a payload value is: an object with numbers `lon` and `lat`.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name).and_then(Value::as_f64);
        Some(Self {
            lon: number("lon")?,
            lat: number("lat")?,
        })
    }

    pub(super) fn is_on_the_globe(&self) -> bool {
        (-180.0..=180.0).contains(&self.lon) && (-90.0..=90.0).contains(&self.lat)
    }

    fn point(self) -> geo::Point {
        geo::Point::new(self.lon, self.lat)
    }
}

/// A region that places are in or not.
#[derive(Clone, PartialEq, Debug)]
pub struct Region(Shape);

#[derive(Clone, PartialEq, Debug)]
enum Shape {
    /// Where the western edge is east of the eastern one, it goes across the date line.
    Box {
        top_left: Place,
        bottom_right: Place,
    },
    Circle {
        center: Place,
        metres: f64,
    },
    Polygon {
        polygon: Polygon,
        around: geo::Rect,
    },
}

impl Region {
    /// What is between two meridians and two parallels. Where the left is east of the right, it
    /// goes across the date line.
    pub const fn rectangle(top_left: Place, bottom_right: Place) -> Self {
        Self(Shape::Box {
            top_left,
            bottom_right,
        })
    }

    /// What is nearer to a place than so many metres.
    pub const fn circle(center: Place, metres: f64) -> Self {
        Self(Shape::Circle { center, metres })
    }

    /// What is inside a closed line and outside others, on a map whose degrees are squares.
    ///
    /// # Errors
    /// [`RegionError`] for a line of fewer than four places, or that doesn't end where it starts.
    pub fn polygon(exterior: &[Place], interiors: &[Vec<Place>]) -> Result<Self, RegionError> {
        let exterior = ring(exterior)?;
        let interiors = interiors.iter().map(|line| ring(line));
        let interiors = interiors.collect::<Result<Vec<_>, _>>()?;
        let polygon = Polygon::new(exterior, interiors);
        let around = polygon.bounding_rect().ok_or(RegionError::Short)?;
        Ok(Self(Shape::Polygon { polygon, around }))
    }

    /// Whether a place is inside.
    pub(super) fn contains(&self, place: Place) -> bool {
        match &self.0 {
            Shape::Box {
                top_left,
                bottom_right,
            } => {
                let (west, east) = (top_left.lon, bottom_right.lon);
                let across = west > east;
                let beyond_west = place.lon > west;
                let before_east = place.lon < east;
                place.lat < top_left.lat
                    && place.lat > bottom_right.lat
                    && if across {
                        beyond_west || before_east
                    } else {
                        beyond_west && before_east
                    }
            }
            Shape::Circle { center, metres } => {
                Haversine.distance(center.point(), place.point()) < *metres
            }
            Shape::Polygon { polygon, around } => {
                let (min, max) = (around.min(), around.max());
                (min.x..=max.x).contains(&place.lon)
                    && (min.y..=max.y).contains(&place.lat)
                    && polygon.contains(&place.point())
            }
        }
    }

    /// Degrees north: no place south of the first or north of the second is inside.
    pub(super) fn latitudes(&self) -> (f64, f64) {
        match &self.0 {
            Shape::Box {
                top_left,
                bottom_right,
            } => (bottom_right.lat, top_left.lat),
            Shape::Circle { center, metres } => {
                // A little more than it is, for what rounding takes away.
                let degrees = (metres / METRES_PER_DEGREE) * (1.0 + 1e-9) + 1e-9;
                (center.lat - degrees, center.lat + degrees)
            }
            Shape::Polygon { around, .. } => (around.min().y, around.max().y),
        }
    }
}

fn ring(places: &[Place]) -> Result<LineString, RegionError> {
    if places.len() < 4 {
        return Err(RegionError::Short);
    }
    let closed = places.first().zip(places.last()).is_some_and(|(a, b)| {
        (a.lat - b.lat).abs() <= f64::EPSILON && (a.lon - b.lon).abs() <= f64::EPSILON
    });
    if !closed {
        return Err(RegionError::Open);
    }
    Ok(places.iter().map(|place| (place.lon, place.lat)).collect())
}

/// Not a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegionError {
    /// A place that isn't there.
    #[error("expected `lat` within [-90;90] and `lon` within [-180;180]")]
    OffTheGlobe,
    /// A line that encloses nothing.
    #[error("polygon invalid, the size must be at least 4")]
    Short,
    /// A line that doesn't end where it starts.
    #[error(
        "polygon invalid, the first and the last points should be the same to form a closed line"
    )]
    Open,
}

/// How far it is from one parallel to the next, on a sphere of the mean radius.
const METRES_PER_DEGREE: f64 = 6_371_008.8 * std::f64::consts::PI / 180.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Place, Region, RegionError};

    const fn at(lon: f64, lat: f64) -> Place {
        Place { lon, lat }
    }

    const BERLIN: Place = at(13.404_954, 52.520_008);
    const MOSCOW: Place = at(37.617_3, 55.755_8);

    #[test]
    fn a_circle_is_measured_on_a_sphere_of_the_mean_radius() {
        // Worked out elsewhere, for a radius of 6,371,008.8 m.
        let distance = 1_608_836.091_7;
        let near = |metres| Region::circle(BERLIN, metres).contains(MOSCOW);
        assert!(!near(distance - 0.01) && near(distance + 0.01));
        // One degree along a meridian.
        let (a, b) = (at(0.0, 0.0), at(0.0, 1.0));
        let metres = 6_371_008.8 * 1.0_f64.to_radians();
        assert!(!Region::circle(a, metres - 1e-3).contains(b));
        assert!(Region::circle(a, metres + 1e-3).contains(b));
        assert!(!Region::circle(a, 0.0).contains(a), "the edge is outside");
    }

    #[test]
    fn a_box_may_cross_the_date_line() {
        let fiji = Region::rectangle(at(176.0, -12.0), at(-178.0, -21.0));
        assert!(fiji.contains(at(178.4, -18.1)) && fiji.contains(at(-179.0, -16.0)));
        assert!(fiji.contains(at(180.0, -16.0)) && fiji.contains(at(-180.0, -16.0)));
        assert!(!fiji.contains(at(170.0, -16.0)) && !fiji.contains(at(-170.0, -16.0)));
        assert!(!fiji.contains(at(178.4, -11.0)));
        let plain = Region::rectangle(at(10.0, 10.0), at(20.0, 0.0));
        assert!(plain.contains(at(15.0, 5.0)));
        for edge in [at(10.0, 5.0), at(20.0, 5.0), at(15.0, 10.0), at(15.0, 0.0)] {
            assert!(!plain.contains(edge), "{edge:?}: the edge is outside");
        }
    }

    fn square(from: f64, to: f64) -> Vec<Place> {
        vec![
            at(from, from),
            at(to, from),
            at(to, to),
            at(from, to),
            at(from, from),
        ]
    }

    #[test]
    fn a_polygon_has_holes() {
        let region = Region::polygon(&square(0.0, 10.0), &[square(4.0, 6.0)]).unwrap();
        assert!(region.contains(at(1.0, 1.0)) && !region.contains(at(5.0, 5.0)));
        assert!(!region.contains(at(11.0, 5.0)) && !region.contains(at(0.0, 5.0)));
        assert!(!region.contains(at(4.0, 5.0)), "a hole's edge is outside");
    }

    #[test]
    fn what_encloses_nothing_is_no_polygon() {
        let open = &square(0.0, 1.0)[..4];
        assert_eq!(Region::polygon(open, &[]), Err(RegionError::Open));
        assert_eq!(Region::polygon(&open[..3], &[]), Err(RegionError::Short));
        assert_eq!(
            Region::polygon(&square(0.0, 1.0), &[Vec::new()]),
            Err(RegionError::Short)
        );
        assert_eq!(Place::new(180.1, 0.0), Err(RegionError::OffTheGlobe));
        assert_eq!(Place::new(0.0, -90.1), Err(RegionError::OffTheGlobe));
    }

    proptest! {
        #[test]
        fn nothing_outside_of_its_latitudes_is_in_a_region(
            lon in -180.0_f64..=180.0, lat in -90.0_f64..=90.0,
            other_lon in -180.0_f64..=180.0, other_lat in -90.0_f64..=90.0,
            metres in 0.0_f64..2e7,
        ) {
            let (place, other) = (at(lon, lat), at(other_lon, other_lat));
            let corner = at(lon, other_lat);
            for region in [
                Region::circle(other, metres),
                Region::rectangle(other, at(lon + 1.0, other_lat - 10.0)),
                Region::polygon(&[other, corner, at(0.0, 0.0), other], &[]).unwrap(),
            ] {
                let (south, north) = region.latitudes();
                prop_assert!(!region.contains(place) || (south..=north).contains(&lat));
            }
        }
    }
}
