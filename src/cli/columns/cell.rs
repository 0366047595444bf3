//! *A column's value as a payload value.* Strings, numbers, truth values, dates and times (RFC
//! 3339), lists and structures of those.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use jiff::Timestamp;
use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// One value of a column, serialised straight from where it lies.
pub(crate) struct Cell<'a> {
    column: &'a ArrayRef,
    row: usize,
}

impl<'a> Cell<'a> {
    pub(crate) fn new(column: &'a ArrayRef, row: usize) -> Self {
        Self { column, row }
    }

    /// True for columns that can become payload.
    pub(crate) fn understands(data_type: &DataType) -> bool {
        if let DataType::List(item) = data_type {
            return Self::understands(item.data_type());
        }
        if let DataType::Struct(fields) = data_type {
            return fields
                .iter()
                .all(|field| Self::understands(field.data_type()));
        }
        data_type.is_integer()
            || data_type.is_floating()
            || matches!(
                data_type,
                DataType::Null
                    | DataType::Boolean
                    | DataType::Utf8
                    | DataType::Date32
                    | DataType::Timestamp(..)
                    | DataType::Decimal128(..)
            )
    }

    /// True if there's nothing to keep: null, or the not-a-number that table libraries write for
    /// it.
    pub(crate) fn is_absent(&self) -> bool {
        !self.column.is_valid(self.row) || self.float().is_some_and(f64::is_nan)
    }

    fn float(&self) -> Option<f64> {
        let column = self.column;
        let float = column
            .as_primitive_opt::<Float64Type>()
            .map(|column| column.value(self.row));
        float
            .or_else(|| {
                let column = column.as_primitive_opt::<Float32Type>();
                column.map(|column| column.value(self.row).into())
            })
            .or_else(|| {
                let column = column.as_primitive_opt::<Float16Type>();
                column.map(|column| column.value(self.row).to_f64())
            })
    }

    fn at<T: ArrowPrimitiveType>(&self) -> T::Native {
        self.column.as_primitive::<T>().value(self.row)
    }

    fn time<E: Error>(&self, unit: TimeUnit) -> Result<Timestamp, E> {
        match unit {
            TimeUnit::Second => Timestamp::from_second(self.at::<TimestampSecondType>()),
            TimeUnit::Millisecond => {
                Timestamp::from_millisecond(self.at::<TimestampMillisecondType>())
            }
            TimeUnit::Microsecond => {
                Timestamp::from_microsecond(self.at::<TimestampMicrosecondType>())
            }
            TimeUnit::Nanosecond => {
                Timestamp::from_nanosecond(self.at::<TimestampNanosecondType>().into())
            }
        }
        .map_err(E::custom)
    }
}

impl Serialize for Cell<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the types of Arrow that `understands` refuses"
    )]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_absent() {
            return serializer.serialize_unit();
        }
        match self.column.data_type() {
            DataType::Boolean => {
                serializer.serialize_bool(self.column.as_boolean().value(self.row))
            }
            DataType::Utf8 => {
                serializer.serialize_str(self.column.as_string::<i32>().value(self.row))
            }
            DataType::UInt8 => serializer.serialize_u8(self.at::<UInt8Type>()),
            DataType::UInt16 => serializer.serialize_u16(self.at::<UInt16Type>()),
            DataType::UInt32 => serializer.serialize_u32(self.at::<UInt32Type>()),
            DataType::UInt64 => serializer.serialize_u64(self.at::<UInt64Type>()),
            DataType::Int8 => serializer.serialize_i8(self.at::<Int8Type>()),
            DataType::Int16 => serializer.serialize_i16(self.at::<Int16Type>()),
            DataType::Int32 => serializer.serialize_i32(self.at::<Int32Type>()),
            DataType::Int64 => serializer.serialize_i64(self.at::<Int64Type>()),
            DataType::Float16 => {
                serializer.serialize_f32(finite(self.at::<Float16Type>().to_f32())?)
            }
            DataType::Float32 => serializer.serialize_f32(finite(self.at::<Float32Type>())?),
            DataType::Float64 => serializer.serialize_f64(finite(self.at::<Float64Type>())?),
            DataType::Decimal128(..) => {
                let text = self
                    .column
                    .as_primitive::<Decimal128Type>()
                    .value_as_string(self.row);
                serializer.serialize_f64(text.parse().map_err(S::Error::custom)?)
            }
            DataType::Date32 => {
                let seconds = i64::from(self.at::<Date32Type>()) * SECONDS_PER_DAY;
                let midnight = Timestamp::from_second(seconds).map_err(S::Error::custom)?;
                let midnight = midnight.to_string();
                serializer.serialize_str(midnight.split('T').next().unwrap_or_default())
            }
            DataType::Timestamp(unit, _) => serializer.collect_str(&self.time::<S::Error>(*unit)?),
            DataType::List(_) => {
                let items = self.column.as_list::<i32>().value(self.row);
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in 0..items.len() {
                    list.serialize_element(&Cell::new(&items, item))?;
                }
                list.end()
            }
            DataType::Struct(_) => {
                let structure = self.column.as_struct();
                let mut map = serializer.serialize_map(None)?;
                for (name, column) in structure
                    .column_names()
                    .into_iter()
                    .zip(structure.columns())
                {
                    let cell = Cell::new(column, self.row);
                    if !cell.is_absent() {
                        map.serialize_entry(name, &cell)?;
                    }
                }
                map.end()
            }
            other => Err(S::Error::custom(format!(
                "{other} has no place in a payload"
            ))),
        }
    }
}

/// serde_json would quietly write an infinite number as null.
fn finite<F: Into<f64> + Copy, E: Error>(number: F) -> Result<F, E> {
    if number.into().is_infinite() {
        return Err(E::custom("an infinite number has no place in a payload"));
    }
    Ok(number)
}

const SECONDS_PER_DAY: i64 = 86_400;
