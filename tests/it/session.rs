//! A session as a server drives it: statements described before they run, parameters of any type, sinks that wait.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use iamql::error::{Error, ErrorKind};
use iamql::session::{Interrupt, Options, Params, Session, Sink};
use iamql::sql::split::{Piece, split};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::support::{Collector, Lab, answer};

fn piece(statement: &str) -> Piece {
    split(statement).pieces.remove(0)
}

/// Describes `statement`: its columns and its parameters, each with its type.
async fn described(lab: &Lab, statement: &str) -> Result<String, Error> {
    lab.sandbox.clear_requests();
    let found = lab.session().describe(&piece(statement)).await?;
    assert_eq!(lab.requests(), [""; 0], "{statement}");
    let columns = found.columns.fields().iter();
    let columns: Vec<String> = columns
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    let parameters = found.parameters.iter().map(|(name, ty)| {
        let ty = ty.as_ref().map_or("?".to_owned(), DataType::to_string);
        format!("{name} {ty}")
    });
    let parameters: Vec<String> = parameters.collect();
    Ok(format!(
        "({}) [{}]",
        columns.join(", "),
        parameters.join(", ")
    ))
}

#[tokio::test]
async fn statements_are_described_without_a_request() {
    let lab = Lab::small(Options::default()).await;
    let mut all = String::new();
    for statement in [
        "SELECT id, spec.owner.id, metadata.created_at AS born FROM api_keys",
        "SELECT count(*) FROM api_keys WHERE spec.owner.id = $owner AND metadata.created_at > $since",
        "SELECT id FROM api_keys WHERE id = ? LIMIT 5",
        "SELECT length(id) * 2.5 AS n FROM vw_api_keys WHERE age_days > $1",
        "EXPLAIN SELECT id FROM api_keys",
        "EXPLAIN DELETE FROM api_keys WHERE id = $1",
        "CREATE VIEW mine AS SELECT id FROM api_keys",
        "SET datafusion.execution.batch_size = 100",
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
        "INSERT INTO api_keys (spec.owner.id) SELECT 'sa-' || $n RETURNING id, spec.secret",
        "UPDATE api_keys SET spec.display_name = upper($name) WHERE id = $id RETURNING id AS changed",
        "DELETE FROM api_keys WHERE id = $id",
        "SHOW SERVICES IN confluent",
        "DESCRIBE api_keys",
        "SHOW FUNCTIONS",
        "EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = 'K001'",
        "SLEEP 100000",
    ] {
        let found = described(&lab, statement).await;
        let found = found.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        all.push_str(&format!("{statement}\n  {found}\n"));
    }
    let prepared = lab.run("PREPARE p AS SELECT id FROM api_keys WHERE id = $1");
    assert_eq!(prepared.await.rows, [""; 0]);
    let found = described(&lab, "EXECUTE p('K001')").await.unwrap();
    assert_eq!(found, "(id Utf8) []");
    insta::assert_snapshot!(all, @r#"
    SELECT id, spec.owner.id, metadata.created_at AS born FROM api_keys
      (id Utf8, spec.owner.id Utf8, born Timestamp(µs, "UTC")) []
    SELECT count(*) FROM api_keys WHERE spec.owner.id = $owner AND metadata.created_at > $since
      (count(*) Int64) [owner Utf8, since Timestamp(µs, "UTC")]
    SELECT id FROM api_keys WHERE id = ? LIMIT 5
      (id Utf8) [1 Utf8]
    SELECT length(id) * 2.5 AS n FROM vw_api_keys WHERE age_days > $1
      (n Float64) [1 Int64]
    EXPLAIN SELECT id FROM api_keys
      (plan Utf8) []
    EXPLAIN DELETE FROM api_keys WHERE id = $1
      (method Utf8, path Utf8, body Utf8) [1 Utf8]
    CREATE VIEW mine AS SELECT id FROM api_keys
      () []
    SET datafusion.execution.batch_size = 100
      () []
    INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')
      (id Utf8, display_name Utf8, secret Utf8) []
    INSERT INTO api_keys (spec.owner.id) SELECT 'sa-' || $n RETURNING id, spec.secret
      (id Utf8, spec.secret Utf8) [n Utf8]
    UPDATE api_keys SET spec.display_name = upper($name) WHERE id = $id RETURNING id AS changed
      (changed Utf8) [id Utf8, name ?]
    DELETE FROM api_keys WHERE id = $id
      () [id Utf8]
    SHOW SERVICES IN confluent
      (id Utf8, name Utf8, title Utf8) []
    DESCRIBE api_keys
      (name Utf8, type Utf8) []
    SHOW FUNCTIONS
      (name Utf8, signature Utf8, description Utf8) []
    EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = 'K001'
      () []
    SLEEP 100000
      () []
    "#);
    // What was described was not done.
    assert!(lab.fail("SELECT * FROM mine").await.contains("no table"));
    assert_eq!(lab.sandbox.keys().len(), 6);
}

/// Keeps the columns of its rows.
#[derive(Default)]
struct Columns(Option<SchemaRef>);

#[async_trait]
impl Sink for Columns {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        self.0 = Some(Arc::clone(schema));
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let given = batch.schema();
        let described = self.0.as_ref().unwrap();
        for (given, described) in given.fields().iter().zip(described.fields()) {
            assert_eq!(given.data_type(), described.data_type());
        }
        Ok(())
    }
}

#[tokio::test]
async fn rows_have_the_columns_that_were_described() {
    let lab = Lab::small(Options::default()).await;
    for statement in [
        "SELECT * FROM api_keys",
        "SELECT *, age_days / 2, upper(id) || 'x' FROM vw_api_keys",
        "SELECT spec.owner, spec -> 'owner' ->> 'id', metadata.created_at + interval '1 day' FROM api_keys",
        "SELECT spec.owner.id, count(*), max(metadata.created_at), sum(length(id)) FROM api_keys GROUP BY 1",
        "SELECT id FROM api_keys UNION ALL SELECT NULL UNION ALL SELECT 'x'",
        "SELECT CASE WHEN id = 'K001' THEN 1 ELSE 2.5 END, id IN ('a', 'b'), NULL AS nothing FROM api_keys",
        "EXPLAIN SELECT 1",
        "UPDATE api_keys SET spec.description = 'x' WHERE id = 'K001' RETURNING id, spec",
    ] {
        let described = lab.session().describe(&piece(statement)).await.unwrap();
        let mut given = Columns::default();
        lab.run_into(statement, &mut given).await.unwrap();
        let fields = |schema: &SchemaRef| -> Vec<(String, DataType)> {
            let fields = schema.fields().iter();
            fields
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect()
        };
        let given = given.0.unwrap();
        assert_eq!(fields(&given), fields(&described.columns), "{statement}");
    }
}

#[tokio::test]
async fn what_is_wrong_shows_when_it_is_described() {
    let lab = Lab::small(Options::default()).await;
    for (statement, kind) in [
        ("SELEC 1", ErrorKind::Syntax),
        ("SELECT bogus FROM api_keys", ErrorKind::Name),
        ("UPDATE api_keys SET spec.bogus = 1", ErrorKind::Statement),
        ("DELETE FROM api_keys WHERE bogus = 1", ErrorKind::Name),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('u') RETURNING bogus",
            ErrorKind::Name,
        ),
    ] {
        let error = described(&lab, statement).await.unwrap_err();
        assert_eq!(error.kind, kind, "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn each_call_has_parameters_of_its_own_types() {
    let lab = Lab::small(Options::default()).await;
    let count = piece("SELECT count(*) FROM api_keys WHERE id >= $1 AND length(id) = $2");
    for (first, expected) in [("K000", "6"), ("K003", "3")] {
        let params = Params::positional([ScalarValue::from(first), ScalarValue::from(4_i64)]);
        let answer = answer(lab.session(), &count, &params).await.unwrap();
        assert_eq!(answer.value(), expected);
    }
    let params = Params::default();
    let error = answer(lab.session(), &count, &params).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Name, "{error:?}");
}

/// Sends on what it takes, and waits for room.
struct Connected {
    rows: Sender<usize>,
}

#[async_trait]
impl Sink for Connected {
    async fn begin(&mut self, _: &SchemaRef) -> Result<(), Error> {
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let sent = self.rows.send(batch.num_rows()).await;
        sent.map_err(|error| Error::new(ErrorKind::BrokenPipe, "the client left").caused_by(error))
    }
}

fn run(
    session: &Arc<Session>,
    statement: &str,
) -> (Receiver<usize>, tokio::task::JoinHandle<Result<(), Error>>) {
    let (rows, received) = channel(1);
    let (session, statement) = (Arc::clone(session), piece(statement));
    // A task of its own: everything in it can go from thread to thread.
    let task = tokio::spawn(async move {
        let (params, interrupt) = (Params::default(), Interrupt::default());
        let mut sink = Connected { rows };
        let ran = session.run(&statement, &params, Arc::default(), &mut sink, &interrupt);
        ran.await.map(drop)
    });
    (received, task)
}

#[tokio::test]
async fn statements_run_side_by_side_on_sessions_that_share_a_client() {
    let lab = Lab::with_keys(350).await;
    let open = || async {
        let connection = lab.session().connection().clone();
        let session = Session::open(connection, Options::default()).await;
        Arc::new(session.unwrap())
    };
    let (one, other) = (open().await, open().await);
    // One that nobody reads from waits, and holds nobody up.
    let (mut slow, waiting) = run(&one, "SELECT id FROM api_keys");
    // Pages that wait are read together.
    assert!(slow.recv().await.is_some_and(|rows| rows < 350));
    for session in [&one, &other] {
        let (mut rows, task) = run(session, "SELECT id FROM api_keys");
        let mut count = 0;
        while let Some(rows) = rows.recv().await {
            count += rows;
        }
        task.await.unwrap().unwrap();
        assert_eq!(count, 350);
    }
    assert!(!waiting.is_finished());
    drop(slow);
    let left = waiting.await.unwrap().unwrap_err();
    assert_eq!(left.kind, ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn writes_can_run_in_tasks() {
    let lab = Lab::small(Options::default()).await;
    let session = Session::open(lab.session().connection().clone(), Options::default()).await;
    let session = Arc::new(session.unwrap());
    let task = tokio::spawn(async move {
        let (params, interrupt) = (Params::default(), Interrupt::default());
        let mut rows = Collector::default();
        let delete = piece("DELETE FROM api_keys WHERE id = 'K001' RETURNING id");
        let ran = session.run(&delete, &params, Arc::default(), &mut rows, &interrupt);
        ran.await.map(|_| rows.lines())
    });
    assert_eq!(task.await.unwrap().unwrap(), ["K001"]);
}

#[test]
fn a_session_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Session>();
    shared::<Error>();
}
