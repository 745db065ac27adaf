//! Turns the JSON of keys into Arrow columns.
//!
//! A [`Decoder`] holds one growing buffer for each field that a [`Resource`] declares, which `key_reader` fills, and makes
//! record batches of them. Members that are not declared, or that the query does not need, are skipped.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use serde::de::Error;

use super::buffer::Buffer;
use super::fields::FieldPath;
use super::key_reader;
use crate::resource::{Column, Resource, Type};

pub use super::key_reader::Oddities;

/// Position of `id` among the columns of any resource.
const ID: usize = 0;

/// Collects keys into record batches.
pub struct Decoder {
    columns: &'static [Column],
    /// One for each of `columns`.
    buffers: Vec<Buffer>,
    /// The objects as they were sent, where an id is not of one object.
    wholes: Option<Buffer>,
    schema: SchemaRef,
    /// Where the buffer of each column of `schema` is: its position, followed by the positions of fields inside it.
    places: Vec<Vec<usize>>,
    rows: usize,
    oddities: Oddities,
    keeps_secrets: bool,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Returns a decoder for the columns at `projection` of the table of `resource`; `schema` describes them.
    pub fn new(resource: &Resource, schema: SchemaRef, projection: &[usize]) -> Self {
        Self::of_fields(resource, schema, projection, None)
    }

    /// Returns a decoder for all columns of the table of `resource`.
    pub(crate) fn of_all(resource: &Resource) -> Self {
        let schema = resource.schema();
        let all: Vec<_> = (0..schema.fields().len()).collect();
        Self::new(resource, schema, &all)
    }

    /// Returns the same for the answer to a create, the only one whose secrets are shown.
    pub(crate) fn of_created(resource: &Resource) -> Self {
        let all = Self::of_all(resource);
        Self {
            buffers: resource
                .columns
                .iter()
                .map(|c| Buffer::new(&c.ty))
                .collect(),
            keeps_secrets: true,
            ..all
        }
    }

    /// Returns the same as [`Decoder::new`], except that it reads only the fields at `paths`, if there are any; all others
    /// are NULL.
    pub(super) fn of_fields(
        resource: &Resource,
        schema: SchemaRef,
        projection: &[usize],
        paths: Option<&[FieldPath]>,
    ) -> Self {
        let columns = resource.columns;
        let all = places(columns);
        let places: Vec<_> = projection.iter().map(|&at| all[at].clone()).collect();
        // The path of a column stands for everything in it.
        let wanted: Vec<FieldPath> = match paths {
            Some(paths) => paths.to_vec(),
            None => {
                let fields = schema.fields().iter();
                fields.map(|field| vec![field.name().clone()]).collect()
            }
        };
        let is_projected = |path: &&[String]| schema.index_of(&path[0]).is_ok();
        let wanted = wanted.iter().map(Vec::as_slice).filter(is_projected);
        let wanted: Vec<&[String]> = wanted.collect();
        let mut buffers: Vec<Buffer> = columns
            .iter()
            .enumerate()
            .map(|(position, column)| match position {
                // The id is always read, because it tells whether an object is repeated.
                ID => Buffer::new(&column.ty),
                _ => Buffer::of_fields(column, &wanted),
            })
            .collect();
        leave_out_secrets(columns, &mut buffers);
        Self {
            columns,
            buffers,
            wholes: (!resource.has_get).then(|| Buffer::new(&Type::Text)),
            schema,
            places,
            rows: 0,
            oddities: Oddities::default(),
            keeps_secrets: false,
        }
    }

    /// Returns the number of rows since the last [`Decoder::finish`].
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns what could not be read since the last call of [`Decoder::take_oddities`].
    pub(super) fn oddities(&self) -> &Oddities {
        &self.oddities
    }

    /// Replaces what could not be read.
    pub(super) fn set_oddities(&mut self, oddities: Oddities) {
        self.oddities = oddities;
    }

    /// Takes what could not be read since the last call.
    pub(super) fn take_oddities(&mut self) -> Oddities {
        std::mem::take(&mut self.oddities)
    }

    /// Adds one key, given as the text of its JSON object.
    ///
    /// # Errors
    ///
    /// Fails if `json` is not a JSON object; nothing is added then.
    pub fn push(&mut self, json: &str) -> Result<(), serde_json::Error> {
        let len = self.push_first(json)?;
        if len == json.len() {
            return Ok(());
        }
        self.truncate(self.rows - 1);
        Err(Error::custom("expected nothing after the object"))
    }

    /// Adds the key that `json` begins with, and returns the length of its object.
    ///
    /// Fails if `json` does not begin with a JSON object; nothing is added then.
    pub(super) fn push_first(&mut self, json: &str) -> Result<usize, serde_json::Error> {
        let (buffers, row) = (&mut self.buffers, self.rows);
        let read = key_reader::read(
            json,
            self.columns,
            buffers,
            row,
            &mut self.oddities,
            self.keeps_secrets,
        );
        match read {
            Ok(len) => {
                self.rows += 1;
                if let Some(wholes) = &mut self.wholes {
                    wholes.push_text(json.get(..len).unwrap_or(json));
                }
            }
            Err(_) => self.truncate(row),
        }
        read
    }

    /// Drops all keys but the first `rows`.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows = rows.min(self.rows);
        for buffer in self.buffers.iter_mut().chain(&mut self.wholes) {
            buffer.truncate(rows);
        }
    }

    /// Returns the rows added since the last call as one batch.
    ///
    /// # Errors
    ///
    /// Fails if a column holds more text than Arrow's 32-bit offsets can address.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        Ok(self.finish_with_ids()?.1)
    }

    /// Returns the same, and what tells the objects apart, even if it is not among the columns: their ids, or all that
    /// they are.
    ///
    /// Fails as [`Decoder::finish`] does.
    pub(super) fn finish_with_ids(&mut self) -> Result<(ArrayRef, RecordBatch), ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let ids = self.buffers[ID].finish(&self.columns[ID].ty.arrow(), rows)?;
        let arrays = self
            .places
            .iter()
            .zip(self.schema.fields())
            .map(|(place, field)| match place[..] {
                [ID] => Ok(Arc::clone(&ids)),
                _ => at(&mut self.buffers, place).finish(field.data_type(), rows),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let apart = match &mut self.wholes {
            Some(wholes) => wholes.finish(&DataType::Utf8, rows)?,
            None => ids,
        };
        self.truncate(0);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?;
        Ok((apart, batch))
    }
}

/// Makes the secrets among `columns` NULL, whatever is read.
fn leave_out_secrets(columns: &[Column], buffers: &mut [Buffer]) {
    for (column, buffer) in columns.iter().zip(buffers) {
        match (column.ty, buffer) {
            (Type::Secret, buffer) => *buffer = Buffer::Unwanted { len: 0 },
            (ty, Buffer::Object { fields, .. }) => leave_out_secrets(ty.fields(), fields),
            _ => {}
        }
    }
}

/// Returns where the buffer of each column of the table is: its position, or, for a column lifted out of an object, the
/// positions from the outside in.
fn places(columns: &[Column]) -> Vec<Vec<usize>> {
    let mut found = Vec::with_capacity(columns.len());
    for (position, column) in columns.iter().enumerate() {
        match column.ty {
            Type::Lifted(fields) => {
                let inner = places(fields).into_iter();
                found.extend(inner.map(|place| [&[position], place.as_slice()].concat()));
            }
            _ => found.push(vec![position]),
        }
    }
    found
}

/// Returns the buffer at `place`.
fn at<'b>(buffers: &'b mut [Buffer], place: &[usize]) -> &'b mut Buffer {
    let (first, rest) = (place[0], &place[1..]);
    let buffer = &mut buffers[first];
    if rest.is_empty() {
        return buffer;
    }
    match buffer {
        Buffer::Object { fields, .. } => at(fields, rest),
        // Nothing in the object is wanted.
        unwanted => unwanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::source_json;
    use crate::resource::API_KEYS;
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::TimestampMicrosecondType;
    use datafusion::arrow::json::LineDelimitedWriter;

    fn decoder(projection: &[usize]) -> Decoder {
        let schema = API_KEYS.schema().project(projection).unwrap();
        Decoder::new(&API_KEYS, Arc::new(schema), projection)
    }

    /// Decodes `keys` and returns each row as JSON, NULLs left out.
    fn rows(keys: &[&str]) -> (Vec<serde_json::Value>, Oddities) {
        let mut decoder = Decoder::of_all(&API_KEYS);
        for key in keys {
            decoder.push(key).unwrap();
        }
        (json(&decoder.finish().unwrap()), decoder.take_oddities())
    }

    /// Returns each row as JSON, NULLs left out.
    fn json(batch: &RecordBatch) -> Vec<serde_json::Value> {
        let mut writer = LineDelimitedWriter::new(Vec::new());
        writer.write(&source_json::without(batch).unwrap()).unwrap();
        writer.finish().unwrap();
        let text = String::from_utf8(writer.into_inner()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn every_declared_member_reaches_its_column() {
        let spec = r#"{"secret":"","display_name":"ci","owner":{"id":"sa-1","kind":"ServiceAccount"},"resource":null,"expires_at":"2027-01-31","created_by":"u-1","new":{"x":[1]}}"#;
        let key = format!(
            r#"{{"api_version":"iam/v2","kind":"ApiKey","id":"AAAABBBBCCCCDDDD","surprise":1,
            "metadata":{{"self":"https://x","created_at":"2026-01-03T04:05:06.81192Z"}},"spec":{spec}}}"#
        );
        let (rows, oddities) = rows(&[&key]);
        assert_eq!(
            rows[0],
            serde_json::json!({
                "id": "AAAABBBBCCCCDDDD",
                "_spec": spec.replace(r#""secret":"","#, ""),
                "api_version": "iam/v2",
                "kind": "ApiKey",
                "metadata": {"self": "https://x", "created_at": "2026-01-03T04:05:06.811920Z"},
                "spec": {
                    "display_name": "ci",
                    "owner": {"id": "sa-1", "kind": "ServiceAccount"},
                    "expires_at": "2027-01-31",
                    "created_by": "u-1",
                },
            })
        );
        assert!(oddities.is_empty());
    }

    /// The five kinds of resource that have published bodies.
    fn resources() -> [serde_json::Value; 5] {
        let word = |word: &str, kind: &str, version: &str| serde_json::json!({"api_version": version, "id": word, "kind": kind, "related": word, "resource_name": word});
        [
            word("cloud", "Cloud", "iam/v2"),
            word("global", "Global", "global/v1"),
            word("tableflow", "Tableflow", "tableflow/v1"),
            serde_json::json!({
                "api_version": "cmk/v2", "id": "lkc-a1b2c3", "kind": "Cluster",
                "related": "http://api.confluent.cloud/v2/clusters/lkc-a1b2c3",
                "resource_name": "crn://api.confluent.cloud/organization=o-1/cluster=lkc-a1b2c3",
            }),
            serde_json::json!({
                "api_version": "fcpm/v2", "id": "gcp.europe-west3", "environment": "env-q1w2e3", "kind": "Region",
                "related": "https://api.confluent.cloud/fcpm/v2/regions?cloud=gcp",
                "resource_name": "crn://api.confluent.cloud/organization=o-1/environment=env-q1w2e3/flink-region=gcp.europe-west3",
            }),
        ]
    }

    #[test]
    fn keys_of_every_kind_decode_at_every_moment_of_their_life() {
        let secret = serde_json::json!("cfltNotASecretAtAll/+");
        let moments = [
            ("created", &secret),
            ("read", &serde_json::json!("")),
            ("updated", &serde_json::Value::Null),
        ];
        for resource in resources() {
            for (moment, secret) in moments {
                let owner = serde_json::json!({
                    "api_version": "iam/v2", "id": "sa-9x8y7z", "kind": "ServiceAccount",
                    "related": "http://api.confluent.cloud/v2/service-accounts/sa-9x8y7z",
                    "resource_name": "crn://api.confluent.cloud/organization=o-1/service-account=sa-9x8y7z",
                });
                let mut spec = serde_json::json!({
                    "description": "made for a test", "display_name": "nightly build",
                    "owner": owner, "resource": resource, "secret": secret,
                });
                let metadata = serde_json::json!({
                    "self": "http://api.confluent.cloud/v2/api-keys/QZX7MNPLK2RT4VWA",
                    "resource_name": "crn://api.confluent.cloud/organization=o-1/service-account=sa-9x8y7z/api-key=QZX7MNPLK2RT4VWA",
                    "created_at": "2024-02-03T04:05:06.811920Z", "updated_at": "2024-02-04T00:00:00Z",
                });
                let mut key = serde_json::json!({
                    "id": "QZX7MNPLK2RT4VWA", "api_version": "iam/v2", "kind": "ApiKey",
                    "metadata": metadata, "spec": spec,
                });
                let mut decoder = match moment {
                    "created" => Decoder::of_created(&API_KEYS),
                    _ => Decoder::of_all(&API_KEYS),
                };
                decoder.push(&key.to_string()).unwrap();
                let rows = json(&decoder.finish().unwrap());
                if moment != "created" {
                    spec.as_object_mut().unwrap().remove("secret");
                }
                key["_spec"] = spec.to_string().into();
                key["spec"] = spec;
                assert_eq!(rows, [key], "{moment}");
                assert!(decoder.take_oddities().is_empty());
            }
        }
    }

    #[test]
    fn a_secret_in_a_read_is_nowhere() {
        let key = r#"{"id":"K","spec":{"secret":"canary","owner":{"id":"u-1"}}}"#;
        let escaped = key.replace("secret", r"\u0073ecret");
        for key in [key, &escaped] {
            let mut decoder = Decoder::of_all(&API_KEYS);
            decoder.push(key).unwrap();
            let read = format!("{:?}", decoder.finish().unwrap());
            assert!(read.contains("u-1") && !read.contains("canary"), "{read}");
        }
    }

    #[test]
    fn objects_carry_their_json_unless_only_fields_of_them_are_used() {
        let key = r#"{"id":"K","spec":{"new":1, "owner":{"x":[]},"secret":"s"},"metadata":{}}"#;
        let mut decoder = Decoder::of_all(&API_KEYS);
        decoder.push(key).unwrap();
        let batch = decoder.finish().unwrap();
        let spec = batch.column(5);
        let source = |array: &ArrayRef| source_json::of(array).unwrap().value(0).to_owned();
        assert_eq!(source(spec), r#"{"new":1,"owner":{"x":[]}}"#);
        let owner = spec.as_struct().column_by_name("owner").unwrap();
        assert_eq!(source(owner), r#"{"x":[]}"#);
        assert_eq!(source(batch.column(4)), "{}");
        let paths = [vec!["spec".to_owned(), "owner".to_owned(), "id".to_owned()]];
        let schema = Arc::new(API_KEYS.schema().project(&[5]).unwrap());
        let mut decoder = Decoder::of_fields(&API_KEYS, schema, &[5], Some(&paths));
        decoder.push(key).unwrap();
        let batch = decoder.finish().unwrap();
        assert_eq!(source_json::of(batch.column(0)).unwrap().null_count(), 1);
    }

    #[test]
    fn fields_that_nobody_uses_are_null() {
        let path = |path: &str| path.split('.').map(str::to_owned).collect();
        let paths: Vec<FieldPath> = vec![path("spec.owner.id"), path("spec.resource"), path("id")];
        let schema = API_KEYS.schema().project(&[0, 4, 5]).unwrap();
        let mut decoder = Decoder::of_fields(&API_KEYS, Arc::new(schema), &[0, 4, 5], Some(&paths));
        let key = r#"{"id":"k","metadata":{"self":"x"},"spec":{"display_name":"d","owner":{"kind":"User","id":"u-1"},"resource":{"id":"lkc-1","kind":"Cluster"}}}"#;
        decoder.push(key).unwrap();
        decoder
            .push(&key.replacen('{', "{ ", 1).replace("\"k\"", "\"l\""))
            .unwrap();
        decoder
            .push(r#"{"id":"m","spec":{"owner":{"kind":"User"}}}"#)
            .unwrap();
        decoder.push(r#"{"id":"n","spec":null}"#).unwrap();
        let read = serde_json::json!({"owner": {"id": "u-1"}, "resource": {"id": "lkc-1", "kind": "Cluster"}});
        assert_eq!(
            json(&decoder.finish().unwrap()),
            [
                serde_json::json!({"id": "k", "spec": read}),
                serde_json::json!({"id": "l", "spec": read}),
                serde_json::json!({"id": "m", "spec": {"owner": {}}}),
                serde_json::json!({"id": "n"}),
            ]
        );
    }

    #[test]
    fn absent_members_and_nulls_are_null_alike() {
        let (rows, oddities) = rows(&["{}", r#"{"id":null,"spec":null,"metadata":null}"#]);
        assert_eq!(rows, [serde_json::json!({}), serde_json::json!({})]);
        assert!(oddities.is_empty());
    }

    #[test]
    fn members_of_another_type_are_taken_as_text_or_as_null() {
        let (rows, oddities) = rows(&[
            r#"{"id":7,"kind":true,"spec":{"display_name":1.5,"owner":"sa-1","description":["x"],"resource":[]}}"#,
        ]);
        assert_eq!(rows[0]["id"], "7");
        assert_eq!(rows[0]["kind"], "true");
        assert_eq!(rows[0]["spec"], serde_json::json!({"display_name": "1.5"}));
        assert_eq!((oddities.types, oddities.member), (3, Some("owner")));
    }

    #[test]
    fn a_timestamp_that_cannot_be_parsed_is_null_and_counted() {
        let (rows, oddities) = rows(&[
            r#"{"id":"a","metadata":{"created_at":"yesterday","updated_at":"","deleted_at":"2026-01-01T01:00:00+01:00"}}"#,
        ]);
        assert_eq!(
            rows[0]["metadata"],
            serde_json::json!({"deleted_at": "2026-01-01T00:00:00Z"})
        );
        assert_eq!(oddities.timestamps, 1);
        assert_eq!(oddities.timestamp.as_deref(), Some("yesterday"));
    }

    #[test]
    fn a_date_is_read_from_either_form_in_utc() {
        for (text, day) in [
            ("2026-12-31", Some("2026-12-31")),
            ("2026-12-31T23:59:59Z", Some("2026-12-31")),
            ("2026-12-31T23:30:00-01:00", Some("2027-01-01")),
            ("9999-12-31", Some("9999-12-31")),
            ("0001-01-01", Some("0001-01-01")),
            ("2026-02-30", None),
            ("2026-1-1", None),
            ("+026-01-01", None),
            ("soon", None),
        ] {
            let (rows, oddities) = rows(&[&format!(r#"{{"spec":{{"expires_at":"{text}"}}}}"#)]);
            let read = rows[0]["spec"]
                .get("expires_at")
                .and_then(|day| day.as_str());
            assert_eq!(read, day, "{text}");
            assert_eq!(oddities.timestamps, usize::from(day.is_none()), "{text}");
        }
    }

    #[test]
    fn of_a_repeated_member_the_first_counts_whatever_is_wanted() {
        let (rows, _) = rows(&[
            r#"{"id":"first","id":"second","spec":{"display_name":"x","owner":{"id":"a","kind":"k"},"owner":{"id":"b"},"display_name":null}}"#,
        ]);
        assert_eq!(rows[0]["id"], "first");
        assert_eq!(
            rows[0]["spec"],
            serde_json::json!({"display_name": "x", "owner": {"id": "a", "kind": "k"}})
        );
        let mut narrow = decoder(&[0]);
        narrow.push(r#"{"id":"first","id":"second"}"#).unwrap();
        let batch = narrow.finish().unwrap();
        assert_eq!(batch.column(0).as_string::<i32>().value(0), "first");
    }

    #[test]
    fn keys_are_read_one_after_another_out_of_a_longer_text() {
        let mut decoder = decoder(&[5]);
        let text = r#"{"id":"a"},{ "id" : "b" } ,[]"#;
        assert_eq!(decoder.push_first(text).ok(), Some(10));
        assert_eq!(decoder.push_first(&text[11..]).ok(), Some(14));
        for none in [r#"{"id":"c""#, "[]", "", "3,"] {
            assert!(decoder.push_first(none).is_err(), "{none}");
        }
        let (ids, batch) = decoder.finish_with_ids().unwrap();
        let ids: Vec<_> = ids.as_string::<i32>().iter().collect();
        assert_eq!(ids, [Some("a"), Some("b")]);
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 1));
    }

    #[test]
    fn keys_can_be_forgotten() {
        let mut decoder = decoder(&[0, 5]);
        for id in ["a", "b", "c"] {
            let key = format!(r#"{{"id":"{id}","spec":{{"resource":{{"id":"{id}"}}}}}}"#);
            decoder.push(&key).unwrap();
        }
        decoder.truncate(1);
        decoder.push(r#"{"id":"d"}"#).unwrap();
        let read = json(&decoder.finish().unwrap());
        let spec = serde_json::json!({"resource": {"id": "a"}});
        assert_eq!(
            read,
            [
                serde_json::json!({"id": "a", "spec": spec}),
                serde_json::json!({"id": "d"})
            ]
        );
    }

    #[test]
    fn what_is_not_an_object_is_an_error_and_adds_nothing() {
        let mut decoder = decoder(&[0, 4]);
        for broken in [
            "[]",
            "3",
            r#"{"id":"a""#,
            r#"{"metadata":{"self":"x","created_at":"2026-01-01T00:00:00Z""#,
            r#"{"id":"b"} trailing"#,
        ] {
            assert!(decoder.push(broken).is_err(), "{broken}");
        }
        decoder
            .push(r#"{"id":"c","metadata":{"created_at":"2026-01-01T00:00:00Z"}}"#)
            .unwrap();
        let batch = decoder.finish().unwrap();
        assert_eq!(batch.num_rows(), 1);
        let created = batch.column(1).as_struct().column(2);
        let created = created.as_primitive::<TimestampMicrosecondType>();
        assert_eq!(created.value(0), 1_767_225_600_000_000);
    }

    #[test]
    fn no_columns_still_count_rows() {
        let mut decoder = decoder(&[]);
        decoder.push(r#"{"id":"a"}"#).unwrap();
        decoder.push(r#"{"id":"b"}"#).unwrap();
        let batch = decoder.finish().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 0));
    }

    #[test]
    fn deep_nesting_is_an_error_or_skipped_and_no_overflow() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let mut decoder = decoder(&[0, 1, 5]);
        let _ = decoder.push(&format!(
            r#"{{"id":"a","new":{deep},"spec":{{"owner":{deep}}}}}"#
        ));
        assert!(decoder.finish().unwrap().num_rows() <= 1);
    }

    /// A resource whose objects are flat here and nested in JSON.
    const FLAT: Resource = Resource {
        path: "/flat",
        columns: &[
            Column::read("id", Type::Text, ""),
            Column::lifted(
                "spec",
                &[
                    Column::read("display_name", Type::Text, ""),
                    Column::lifted(
                        "environment",
                        &[Column {
                            json: "id",
                            ..Column::read("environment_id", Type::Text, "")
                        }],
                    ),
                ],
            ),
            Column::read("kind", Type::Text, ""),
        ],
        ..API_KEYS
    };

    #[test]
    fn fields_of_an_object_may_stand_beside_it() {
        let objects = [
            r#"{"id":"a","spec":{"display_name":"x","environment":{"id":"env-1"}},"kind":"k"}"#,
            r#"{"id":"b","spec":null}"#,
            r#"{"spec":{ "environment":{}}, "id":"c"}"#,
        ];
        let all = serde_json::json!([
            {"id": "a", "display_name": "x", "environment_id": "env-1", "kind": "k"},
            {"id": "b"},
            {"id": "c"},
        ]);
        let decoded = |mut decoder: Decoder| {
            for object in objects {
                decoder.push(object).unwrap();
            }
            let rows = json(&decoder.finish().unwrap());
            assert!(decoder.take_oddities().is_empty());
            serde_json::Value::from(rows)
        };
        assert_eq!(decoded(Decoder::of_all(&FLAT)), all);
        let schema = || Arc::new(FLAT.schema().project(&[2]).unwrap());
        let environments = serde_json::json!([{"environment_id": "env-1"}, {}, {}]);
        assert_eq!(decoded(Decoder::new(&FLAT, schema(), &[2])), environments);
        let paths = [vec!["environment_id".to_owned()]];
        let decoder = Decoder::of_fields(&FLAT, schema(), &[2], Some(&paths));
        assert_eq!(decoded(decoder), environments);
    }

    /// Returns the members of `sent` that `read` does not have, by their paths.
    fn missing(path: &str, sent: &serde_json::Value, read: &serde_json::Value) -> Vec<String> {
        use serde_json::Value;
        match (sent, read) {
            (Value::Object(sent), Value::Object(read)) => sent
                .iter()
                .flat_map(|(name, sent)| {
                    let read = read.get(name).unwrap_or(&Value::Null);
                    missing(&format!("{path}.{name}"), sent, read)
                })
                .collect(),
            (Value::Object(sent), Value::Null) if sent.is_empty() => Vec::new(),
            (Value::String(sent), Value::Null) if sent.is_empty() => Vec::new(),
            // JSON as text.
            (Value::Object(_), Value::String(text))
                if serde_json::from_str::<Value>(text).ok().as_ref() == Some(sent) =>
            {
                Vec::new()
            }
            (Value::String(sent), Value::String(read))
                if chrono::DateTime::parse_from_rfc3339(sent).ok()
                    == chrono::DateTime::parse_from_rfc3339(read).ok() =>
            {
                match sent == read || chrono::DateTime::parse_from_rfc3339(sent).is_ok() {
                    true => Vec::new(),
                    false => vec![path.to_owned()],
                }
            }
            (sent, read) if sent == read => Vec::new(),
            _ => vec![path.to_owned()],
        }
    }

    /// Bodies that were recorded elsewhere are not part of this project. Where they lie beside it, each of them must be read
    /// completely.
    #[test]
    fn recorded_bodies_of_siblings_decode_completely() {
        use crate::resource;
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/reference/examples/siblings");
        let Ok(files) = std::fs::read_dir(&folder) else {
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: {} does not exist", folder.display());
            }
            return;
        };
        let mut lacking = Vec::new();
        let mut objects = 0;
        for file in files {
            let path = file.unwrap().path();
            let body = std::fs::read_to_string(&path).unwrap();
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            let list = match body.get("data") {
                Some(data) => data.as_array().unwrap().clone(),
                None => vec![body],
            };
            for object in list {
                // Of what kind it is, each object says; its version may be missing.
                let is_of = |r: &&&resource::Resource| {
                    object["kind"] == r.kind
                        && object
                            .get("api_version")
                            .is_none_or(|version| version == r.api_version)
                };
                let Some(resource) = resource::ALL.iter().find(is_of) else {
                    // Flink regions are no table.
                    assert_eq!(object["kind"], "Region", "{}", path.display());
                    continue;
                };
                let mut decoder = Decoder::of_all(resource);
                decoder.push(&object.to_string()).unwrap();
                let read = json(&decoder.finish().unwrap());
                assert!(decoder.take_oddities().is_empty(), "{}", path.display());
                lacking.extend(missing(resource.table, &object, &read[0]));
                objects += 1;
            }
        }
        assert!(objects > 10, "{objects}");
        assert_eq!(lacking, [""; 0]);
    }
}
