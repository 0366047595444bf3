use std::sync::Arc;

use arrow_array::{StringArray, UInt64Array};

use super::*;
use crate::cli::columns::tests::{parquet_of, vectors};

fn selection(file: &Path) -> Selection {
    let tenant_column = "tenant".to_owned();
    Selection {
        file: file.to_owned(),
        tenant_column,
        tenant: None,
        count: None,
    }
}

#[test]
fn questions_come_with_text_answer_and_tenant_where_there_are_any() {
    let file = parquet_of(vec![
        (
            "tenant",
            Arc::new(StringArray::from(vec!["acme", "globex"])),
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("what?"), None])),
        ),
        ("answer", Arc::new(UInt64Array::from(vec![None, Some(5)]))),
        ("vector", vectors()),
    ]);
    let all = selection(file.path()).read().unwrap();
    assert_eq!(
        tenants(&all).into_iter().collect::<Vec<_>>(),
        ["acme", "globex"]
    );
    assert_eq!(
        (all[0].text.as_deref(), all[0].answer),
        (Some("what?"), None)
    );
    assert_eq!(
        (all[1].text.as_deref(), all[1].answer),
        (None, Some(PointId::Number(5)))
    );

    let mut one = selection(file.path());
    one.tenant = Some("globex".to_owned());
    one.count = Some(1);
    let one_tenants = one.read().unwrap();
    assert_eq!(one_tenants.len(), 1);
    assert_eq!(one_tenants[0].vector, [0.1, -2.0]);

    one.tenant = Some("initech".to_owned());
    assert!(
        one.read()
            .unwrap_err()
            .to_string()
            .contains("holds no queries of tenant `initech`")
    );
}

#[test]
fn a_tenant_cannot_be_picked_from_a_file_that_names_none() {
    let file = parquet_of(vec![("vector", vectors())]);
    let mut selection = selection(file.path());
    assert_eq!(selection.read().unwrap().len(), 2);
    selection.tenant = Some("acme".to_owned());
    assert!(format!("{:#}", selection.read().unwrap_err()).contains("no column `tenant`"));
}

#[test]
fn a_vector_is_a_list_of_finite_numbers() {
    assert_eq!(vector_of("[1, -0.5]").unwrap(), [1.0, -0.5]);
    for text in ["", "[]", "1", "[1, \"2\"]", "[1e300]"] {
        assert!(vector_of(text).is_err(), "{text:?} was let through");
    }
}
