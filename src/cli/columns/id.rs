//! *A column's value as a point id.*

use anyhow::Context;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, FixedSizeBinaryArray};
use arrow_schema::{DataType, Field};
use uuid::Uuid;

use crate::{cli::point_id, tenant::PointId};

/// True for columns that can hold ids: whole numbers, strings, and Parquet's own UUIDs.
pub(crate) fn is_id(field: &Field) -> bool {
    let data_type = field.data_type();
    data_type.is_integer() || matches!(data_type, DataType::Utf8 | DataType::FixedSizeBinary(16))
}

pub(crate) fn id(column: &dyn Array, row: usize) -> anyhow::Result<PointId> {
    anyhow::ensure!(column.is_valid(row), "the id is missing");
    if let Some(number) = whole(column, row) {
        return u64::try_from(number)
            .map(PointId::Number)
            .map_err(|_| point_id::refused(number));
    }
    if let Some(text) = column.as_string_opt::<i32>() {
        return point_id::from_text(text.value(row));
    }
    let bytes = column.as_any().downcast_ref::<FixedSizeBinaryArray>();
    let bytes = bytes.context("the id's column is of a type that holds no ids")?;
    Ok(PointId::Uuid(Uuid::from_slice(bytes.value(row))?))
}

fn whole(column: &dyn Array, row: usize) -> Option<i128> {
    fn at<T: ArrowPrimitiveType>(column: &dyn Array, row: usize) -> Option<i128>
    where
        i128: From<T::Native>,
    {
        column
            .as_primitive_opt::<T>()
            .map(|column| column.value(row).into())
    }
    at::<UInt64Type>(column, row)
        .or_else(|| at::<Int64Type>(column, row))
        .or_else(|| at::<UInt32Type>(column, row))
        .or_else(|| at::<Int32Type>(column, row))
        .or_else(|| at::<UInt16Type>(column, row))
        .or_else(|| at::<Int16Type>(column, row))
        .or_else(|| at::<UInt8Type>(column, row))
        .or_else(|| at::<Int8Type>(column, row))
}
