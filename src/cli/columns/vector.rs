//! *A column's value as a vector.*

use anyhow::Context;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_schema::{DataType, Field};

/// True for columns that can hold vectors: lists of floats of any precision.
pub(crate) fn is_vector(field: &Field) -> bool {
    if let DataType::List(item) = field.data_type() {
        item.data_type().is_floating()
    } else {
        false
    }
}

/// The vector of a row, in the precision of the wire. A number that only fits in more bits than
/// that is refused.
pub(crate) fn vector(column: &dyn Array, row: usize) -> anyhow::Result<Vec<f32>> {
    anyhow::ensure!(column.is_valid(row), "the vector is missing");
    let list = column
        .as_list_opt::<i32>()
        .context("the vector's column holds no lists")?;
    let numbers = list.value(row);
    anyhow::ensure!(numbers.null_count() == 0, "the vector has a number missing");
    let vector: Vec<f32> = if let Some(numbers) = numbers.as_primitive_opt::<Float32Type>() {
        numbers.values().to_vec()
    } else if let Some(numbers) = numbers.as_primitive_opt::<Float64Type>() {
        numbers
            .values()
            .iter()
            .map(|&number| narrowed(number))
            .collect()
    } else if let Some(numbers) = numbers.as_primitive_opt::<Float16Type>() {
        numbers
            .values()
            .iter()
            .map(|number| number.to_f32())
            .collect()
    } else {
        anyhow::bail!(
            "the vector's numbers are {}, not floats",
            numbers.data_type()
        );
    };
    checked(vector)
}

/// Refuses what no distance can be measured to.
pub(crate) fn checked(vector: Vec<f32>) -> anyhow::Result<Vec<f32>> {
    anyhow::ensure!(!vector.is_empty(), "the vector is empty");
    if let Some(place) = vector.iter().position(|number| !number.is_finite()) {
        anyhow::bail!("number {} of the vector isn't finite in 32 bits", place + 1);
    }
    Ok(vector)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the wire has 32-bit floats; what overflows becomes infinite and is refused"
)]
fn narrowed(number: f64) -> f32 {
    number as f32
}
