//! Rows as JSON, page by page in the order of a key: however many there are, few are in memory, and a
//! connection is lent for one page.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, JsonValue, Value};

use crate::db::{places, statement};

/// Where rows come from, and the columns that order them, of which no two are the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// A table, or a query in brackets with a name.
    pub(crate) of: &'a str,
    /// Columns, texts or numbers, such as `at_ms, id`.
    pub(crate) key: &'a str,
    /// Rows of a page.
    pub(crate) page: usize,
}

impl Rows<'_> {
    /// The next page after a row; `given` are the values of the query.
    pub(crate) async fn after(
        self,
        db: &impl ConnectionTrait,
        last: Option<&JsonValue>,
        given: Vec<Value>,
    ) -> Result<Vec<JsonValue>, DbErr> {
        let Self { of, key, page } = self;
        let (mut values, mut after) = (given, String::new());
        if let Some(last) = last {
            let first = values.len() + 1;
            values.extend(key.split(", ").map(|column| match &last[column] {
                JsonValue::String(text) => text.clone().into(),
                other => Value::from(other.as_i64()),
            }));
            after = format!("WHERE ({key}) > ({})", places(first, values.len() + 1 - first));
        }
        let sql = format!("SELECT * FROM {of} {after} ORDER BY {key} LIMIT {page}");
        JsonValue::find_by_statement(statement(db, &sql, values)).all(db).await
    }
}
