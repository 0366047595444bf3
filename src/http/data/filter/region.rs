//! Conditions on places: a box, a circle, a polygon.

use serde_json::Value;

use super::{Parser, bad, object, only};
use crate::{
    http::refusal::Refusal,
    payload::region::{Place, Region, RegionError},
};

pub(super) fn rectangle(value: &Value) -> Result<Region, Refusal> {
    let fields = object(value, "geo_bounding_box")?;
    only(fields, &["top_left", "bottom_right"])?;
    let corner = |name: &str| place(fields.get(name), name);
    Ok(Region::rectangle(
        corner("top_left")?,
        corner("bottom_right")?,
    ))
}

pub(super) fn circle(value: &Value) -> Result<Region, Refusal> {
    let fields = object(value, "geo_radius")?;
    only(fields, &["center", "radius"])?;
    let center = place(fields.get("center"), "center")?;
    let metres = fields.get("radius").and_then(Value::as_f64);
    let metres = metres.ok_or_else(|| bad("geo_radius needs `radius`, in metres"))?;
    Ok(Region::circle(center, metres))
}

impl Parser {
    pub(super) fn polygon(&mut self, value: &Value) -> Result<Region, Refusal> {
        let fields = object(value, "geo_polygon")?;
        only(fields, &["exterior", "interiors"])?;
        let exterior = fields.get("exterior").unwrap_or(&Value::Null);
        let exterior = self.ring(exterior)?;
        let interiors = match fields.get("interiors") {
            None | Some(Value::Null) => Vec::new(),
            Some(lines) => lines
                .as_array()
                .ok_or_else(|| bad("geo_polygon: `interiors` takes a list of lines"))?
                .iter()
                .map(|line| self.ring(line))
                .collect::<Result<_, _>>()?,
        };
        Region::polygon(&exterior, &interiors).map_err(|error| refusal(&error))
    }

    fn ring(&mut self, value: &Value) -> Result<Vec<Place>, Refusal> {
        let fields = object(value, "a line of a geo_polygon")?;
        only(fields, &["points"])?;
        let points = fields
            .get("points")
            .and_then(Value::as_array)
            .ok_or_else(|| bad("a line of a geo_polygon needs `points`"))?;
        self.count_polygon_points(points.len())?;
        points
            .iter()
            .map(|point| place(Some(point), "points"))
            .collect()
    }
}

fn place(value: Option<&Value>, name: &str) -> Result<Place, Refusal> {
    let fields = object(value.unwrap_or(&Value::Null), name)?;
    only(fields, &["lon", "lat"])?;
    let number = |name: &str| fields.get(name).and_then(Value::as_f64);
    let (Some(lon), Some(lat)) = (number("lon"), number("lat")) else {
        return Err(bad("a place needs `lon` and `lat`, in degrees"));
    };
    Place::new(lon, lat).map_err(|error| refusal(&error))
}

fn refusal(error: &RegionError) -> Refusal {
    bad(&error.to_string())
}
