use std::fs::File;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    FixedSizeBinaryArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int64Array,
    LargeListArray, LargeStringArray, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, UInt64Array,
};
use arrow_schema::{Field, Fields};
use parquet::arrow::ArrowWriter;
use tempfile::NamedTempFile;

use super::*;

/// A Parquet file of the given columns, as an Arrow writer makes it.
pub(crate) fn parquet_of(columns: Vec<(&str, ArrayRef)>) -> NamedTempFile {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let file = NamedTempFile::new().unwrap();
    let to: File = file.reopen().unwrap();
    let mut writer = ArrowWriter::try_new(to, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

/// Two vectors of two numbers.
pub(crate) fn vectors() -> ArrayRef {
    let vectors = [
        Some(vec![Some(0.5), Some(1.0)]),
        Some(vec![Some(0.1), Some(-2.0)]),
    ];
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(vectors))
}

fn read_back(column: ArrayRef) -> RecordBatch {
    let file = parquet_of(vec![("column", column)]);
    open(file.path())
        .unwrap()
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
}

fn check_vector(column: ArrayRef, expected: Result<&[f32], &str>) {
    let batch = read_back(column);
    assert!(
        is_vector(batch.schema().field(0)),
        "{}",
        batch.schema().field(0)
    );
    match (vector(batch.column(0), 0), expected) {
        (Ok(vector), Ok(expected)) => assert_eq!(vector, expected),
        (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
        (got, _) => panic!("{got:?} instead of {expected:?}"),
    }
}

fn check_payload(column: ArrayRef, expected: &str) {
    let batch = read_back(column);
    assert!(
        Cell::understands(batch.column(0).data_type()),
        "{}",
        batch.column(0).data_type()
    );
    let values: Vec<String> = (0..batch.num_rows())
        .map(|row| serde_json::to_string(&Cell::new(batch.column(0), row)).unwrap())
        .collect();
    assert_eq!(values.join(" "), expected);
}

fn check_id(column: ArrayRef, expected: &[&str]) {
    let batch = read_back(column);
    let ids: Vec<String> = (0..batch.num_rows())
        .map(|row| id(batch.column(0), row).map_or_else(|e| e.to_string(), |id| id.to_string()))
        .collect();
    assert_eq!(ids.len(), expected.len());
    for (id, expected) in ids.iter().zip(expected) {
        assert!(id.starts_with(expected), "{id} instead of {expected}");
    }
}

#[test]
fn vectors_of_every_list_and_precision_are_read() {
    let floats = Some(vec![Some(0.5_f32), Some(1.0)]);
    let doubles = Some(vec![Some(0.5_f64), Some(1.0)]);
    let half = |number| <Float16Type as ArrowPrimitiveType>::Native::from_f32(number);
    let halves = Some(vec![Some(half(0.5)), Some(half(1.0))]);
    let expected: &[f32] = &[0.5, 1.0];
    check_vector(vectors(), Ok(expected));
    let columns: [ArrayRef; 4] = [
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
            doubles.clone(),
        ])),
        Arc::new(ListArray::from_iter_primitive::<Float16Type, _, _>([
            halves,
        ])),
        Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([floats], 2)),
        Arc::new(LargeListArray::from_iter_primitive::<Float64Type, _, _>([
            doubles,
        ])),
    ];
    for column in columns {
        check_vector(column, Ok(expected));
    }
}

#[test]
fn a_vector_that_nothing_can_be_near_is_refused() {
    let of = |vector: Option<Vec<Option<f64>>>| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([
            vector,
        ]))
    };
    check_vector(of(None), Err("the vector is missing"));
    check_vector(of(Some(vec![])), Err("empty"));
    check_vector(of(Some(vec![Some(1.0), None])), Err("number missing"));
    check_vector(of(Some(vec![Some(1.0), Some(f64::NAN)])), Err("number 2"));
    check_vector(
        of(Some(vec![Some(1e300)])),
        Err("number 1 of the vector isn't finite in 32 bits"),
    );
}

#[test]
fn payload_values_keep_their_meaning() {
    check_payload(
        Arc::new(StringArray::from(vec![Some("é\"\n"), None])),
        r#""é\"\n" null"#,
    );
    check_payload(Arc::new(LargeStringArray::from(vec!["long"])), r#""long""#);
    check_payload(
        Arc::new(UInt64Array::from(vec![u64::MAX])),
        "18446744073709551615",
    );
    check_payload(
        Arc::new(Int64Array::from(vec![i64::MIN])),
        "-9223372036854775808",
    );
    check_payload(Arc::new(Float32Array::from(vec![0.1])), "0.1");
    check_payload(
        Arc::new(Float64Array::from(vec![0.25, f64::NAN])),
        "0.25 null",
    );
    let half = <Float16Type as ArrowPrimitiveType>::Native::from_f32(1.5);
    check_payload(Arc::new(Float16Array::from(vec![half])), "1.5");
    check_payload(
        Arc::new(BooleanArray::from(vec![true, false])),
        "true false",
    );
    let price = Decimal128Array::from(vec![1_999])
        .with_precision_and_scale(10, 2)
        .unwrap();
    check_payload(Arc::new(price), "19.99");
    let colour: DictionaryArray<Int32Type> = ["red", "blue", "red"].into_iter().collect();
    check_payload(Arc::new(colour), r#""red" "blue" "red""#);
}

#[test]
fn times_become_rfc_3339() {
    check_payload(
        Arc::new(Date32Array::from(vec![19_782, -1])),
        r#""2024-02-29" "1969-12-31""#,
    );
    let micros = TimestampMicrosecondArray::from(vec![1_709_210_096_123_456]);
    check_payload(Arc::new(micros.clone()), r#""2024-02-29T12:34:56.123456Z""#);
    check_payload(
        Arc::new(micros.with_timezone("+01:00")),
        r#""2024-02-29T12:34:56.123456Z""#,
    );
    check_payload(
        Arc::new(TimestampMillisecondArray::from(vec![-1])),
        r#""1969-12-31T23:59:59.999Z""#,
    );
}

#[test]
fn lists_and_structures_keep_their_shape() {
    let list = [Some(vec![Some(1), None, Some(3)]), None];
    check_payload(
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(list)),
        "[1,null,3] null",
    );
    let fields = Fields::from(vec![
        Field::new("name", arrow_schema::DataType::Utf8, true),
        Field::new("age", arrow_schema::DataType::Int64, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["ada", "bob"])),
        Arc::new(Int64Array::from(vec![Some(36), None])),
    ];
    let people = StructArray::new(fields, columns, None);
    check_payload(
        Arc::new(people),
        r#"{"name":"ada","age":36} {"name":"bob"}"#,
    );
}

#[test]
fn what_has_no_place_in_json_is_refused_not_changed() {
    let batch = read_back(Arc::new(BinaryArray::from(vec![b"x".as_slice()])));
    assert!(!Cell::understands(batch.column(0).data_type()));
    let batch = read_back(Arc::new(Float64Array::from(vec![f64::INFINITY])));
    assert!(serde_json::to_string(&Cell::new(batch.column(0), 0)).is_err());
}

#[test]
fn ids_are_whole_numbers_or_uuids() {
    const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    check_id(
        Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), None])),
        &["0", "18446744073709551615", "the id is missing"],
    );
    check_id(
        Arc::new(Int64Array::from(vec![7, -1])),
        &["7", "the id -1 is neither"],
    );
    check_id(
        Arc::new(StringArray::from(vec![UUID, "doc-17", "17"])),
        &[UUID, "the id doc-17 is neither", "the id 17 is neither"],
    );
    let bytes = uuid::Uuid::parse_str(UUID).unwrap().into_bytes();
    check_id(
        Arc::new(FixedSizeBinaryArray::try_from_iter([bytes].iter()).unwrap()),
        &[UUID],
    );
}

#[test]
fn a_missing_column_is_told_with_the_ones_there_are() {
    let file = parquet_of(vec![
        ("doc", Arc::new(Int64Array::from(vec![1]))),
        ("v", vectors_of_one()),
    ]);
    let table = open(file.path()).unwrap();
    let error = find(table.schema(), "id", is_id, "whole numbers")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "there's no column `id`; the columns are `doc`, `v`");
    let error = find(table.schema(), "doc", is_vector, "a list of floats")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "column `doc` is Int64, not a list of floats");
}

fn vectors_of_one() -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([Some(
        vec![Some(1.0)],
    )]))
}
