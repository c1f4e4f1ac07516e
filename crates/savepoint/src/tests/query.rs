//! Tests of SQL over a savepoint.

use super::tables::write;
use crate::{
    AnswerFormat, Chunk, Folder, Manifest, OperatorEntry, Query, QueryLimits, Row, StateEntry, TableFile, TableKind,
    TableSchema,
};
use flott_core::schema::Schema;
use flott_core::{CheckpointId, ErrorKind, JobId, MaxParallelism, OperatorId, ProcessingTime, codec};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize)]
struct Totals {
    count: u64,
    #[serde(rename = "meanSeconds")]
    mean: f64,
    plan: Plan,
    tags: Vec<String>,
}

#[derive(Serialize, Deserialize)]
enum Plan {
    Free,
    Paid { cents: u32 },
}

/// A savepoint with two operators, one of which has a name for people only.
async fn savepoint() -> (Folder, Manifest) {
    let folder = Folder::new(Arc::new(InMemory::new()), "save points/sp 1*%").unwrap();
    let mut operators = Vec::new();
    for (uid, name, files) in [(Some("user-counts"), "Count", 2), (None, "Count by User!", 1)] {
        let table = TableSchema::new(TableKind::Value, Schema::of::<Totals>()).key(Schema::String);
        let mut tables = Vec::new();
        for file in 0..files {
            let mut chunk = Chunk::new();
            for n in 0..100u32 {
                let key = codec::to_bytes(&format!("user-{}", file * 100 + n)).unwrap();
                let plan = if n % 2 == 0 { Plan::Free } else { Plan::Paid { cents: n } };
                let totals = Totals { count: n.into(), mean: 0.5, plan, tags: vec!["a".into(), format!("t{n}")] };
                let value = codec::to_bytes(&totals).unwrap();
                chunk.push(Row { group: n, key: &key, value: &value, ..Row::default() });
            }
            let (bytes, written) = write(&table, &chunk);
            let path = format!("{}/totals-{file}.parquet", operators.len());
            folder.store().put(&folder.path_of(&path), bytes.into()).await.unwrap();
            tables.push(TableFile::new(path, written));
        }
        operators.push(OperatorEntry {
            id: OperatorId::from_uid(name),
            uid: uid.map(str::to_owned),
            name: name.to_owned(),
            parallelism: 1,
            max_parallelism: MaxParallelism::new(128).unwrap(),
            finished: vec![false],
            coordinator: None,
            states: [("Totals", tables), ("empty", Vec::new())]
                .map(|(name, files)| StateEntry {
                    name: name.into(),
                    table: table.clone(),
                    ttl_ms: None,
                    redistribution: None,
                    files,
                })
                .into(),
        });
    }
    (folder, Manifest::new(JobId([7; 16]), "job", CheckpointId(1), ProcessingTime(0), operators))
}

const TABLES: [&str; 4] = ["user_counts.totals", "user_counts.empty", "count_by_user_.totals", "count_by_user_.empty"];

async fn open(folder: &Folder, manifest: &Manifest) -> flott_core::Result<Query> {
    Query::open(folder, manifest, QueryLimits::default().memory).await
}

async fn ask(query: &Query, sql: &str, format: AnswerFormat) -> flott_core::Result<String> {
    let mut out = Vec::new();
    query.run(sql, format, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn states_are_tables() {
    let (folder, manifest) = savepoint().await;
    let query = open(&folder, &manifest).await.unwrap();
    assert_eq!(query.tables(), TABLES);
    let json = |sql: &'static str| ask(&query, sql, AnswerFormat::JsonLines);
    let found = json("SELECT count(*) AS n, sum(count) AS counts, max(meanSeconds) AS mean FROM user_counts.totals");
    assert_eq!(found.await.unwrap(), "{\"n\":200,\"counts\":9900,\"mean\":0.5}\n");
    let found = json(
        "SELECT key, tags[2] AS tag, plan['variant'] AS plan, plan['Paid']['cents'] AS cents \
         FROM count_by_user_.totals WHERE count IN (6, 7) ORDER BY key",
    );
    let expected = "{\"key\":\"user-6\",\"tag\":\"t6\",\"plan\":\"Free\"}\n\
                    {\"key\":\"user-7\",\"tag\":\"t7\",\"plan\":\"Paid\",\"cents\":7}\n";
    assert_eq!(found.await.unwrap(), expected);
}

#[tokio::test]
async fn a_state_without_rows_is_an_empty_table_with_its_columns() {
    let (folder, manifest) = savepoint().await;
    let query = open(&folder, &manifest).await.unwrap();
    let csv = |sql: &'static str| ask(&query, sql, AnswerFormat::Csv);
    assert_eq!(csv("SELECT key, meanSeconds FROM user_counts.empty").await.unwrap(), "key,meanSeconds\n");
    let both = "SELECT count(*) AS n FROM user_counts.totals t LEFT JOIN user_counts.empty e ON t.key = e.key WHERE e.key IS NULL";
    assert_eq!(csv(both).await.unwrap(), "n\n200\n");
    let columns = csv("DESCRIBE user_counts.empty").await.unwrap();
    assert_eq!(columns, csv("DESCRIBE user_counts.totals").await.unwrap());
}

#[tokio::test]
async fn fields_of_a_struct_that_may_be_absent_have_their_types() {
    #[derive(Serialize, Deserialize)]
    struct Seen {
        count: u64,
        page: Option<String>,
    }
    let folder = Folder::new(Arc::new(InMemory::new()), "sp").unwrap();
    let table = TableSchema::new(TableKind::Value, Schema::of::<Option<Seen>>()).key(Schema::String);
    let mut chunk = Chunk::new();
    for (key, seen) in [
        ("a", Some(Seen { count: 7, page: Some("/".into()) })),
        ("b", None),
        ("c", Some(Seen { count: 1, page: None })),
    ] {
        let (key, value) = (codec::to_bytes(key).unwrap(), codec::to_bytes(&seen).unwrap());
        chunk.push(Row { key: &key, value: &value, ..Row::default() });
    }
    let (bytes, written) = write(&table, &chunk);
    folder.store().put(&folder.path_of("seen"), bytes.into()).await.unwrap();
    let (_, mut manifest) = savepoint().await;
    manifest.operators.truncate(1);
    let files = vec![TableFile::new("seen", written)];
    manifest.operators[0].states =
        vec![StateEntry { name: "seen".into(), table, ttl_ms: None, redistribution: None, files }];
    let query = open(&folder, &manifest).await.unwrap();
    let found = ask(
        &query,
        "SELECT key, value['count'] + 1 AS more, arrow_typeof(value['count']) AS type, value['page'] AS page, \
         value IS NULL AS absent FROM user_counts.seen WHERE value IS NULL OR value['count'] > 0 ORDER BY key",
        AnswerFormat::Csv,
    );
    assert_eq!(
        found.await.unwrap(),
        "key,more,type,page,absent\na,8,UInt64,/,false\nb,,UInt64,,true\nc,2,UInt64,,false\n"
    );
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_one() {
    let (folder, manifest) = savepoint().await;
    let path = folder.path_of("1/totals-0.parquet");
    let mut bytes = folder.store().get(&path).await.unwrap().bytes().await.unwrap().to_vec();
    bytes[4..200].fill(0xff);
    folder.store().put(&path, bytes.into()).await.unwrap();
    let query = open(&folder, &manifest).await.unwrap();
    let error = ask(&query, "SELECT * FROM count_by_user_.totals", AnswerFormat::Csv).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("a file of the savepoint is damaged"), "{error}");
}

#[tokio::test]
async fn answers_are_printed() {
    let (folder, manifest) = savepoint().await;
    let query = open(&folder, &manifest).await.unwrap();
    let table = |sql: &'static str| ask(&query, sql, AnswerFormat::Table);
    let shown = table("SHOW TABLES").await.unwrap();
    assert!(shown.contains("user_counts") && shown.contains("count_by_user_"), "{shown}");
    let shown = table("SELECT key, count FROM user_counts.totals WHERE key = 'user-42'").await.unwrap();
    let expected = "\
+---------+-------+
| key     | count |
+---------+-------+
| user-42 | 42    |
+---------+-------+
1 rows
";
    assert_eq!(shown, expected);
    let shown = table("SELECT a.key FROM user_counts.totals a, user_counts.totals b").await.unwrap();
    assert!(shown.ends_with("the first 10000 rows; ask for JSON lines to get all\n"), "{}", &shown[shown.len() - 80..]);
}

#[tokio::test]
async fn answers_are_comma_separated_values() {
    let (folder, manifest) = savepoint().await;
    let query = open(&folder, &manifest).await.unwrap();
    let csv = |sql: &'static str| ask(&query, sql, AnswerFormat::Csv);
    let sql = "SELECT key, plan['Paid']['cents'] AS cents, tags, 'a \"b\"' AS \"x,y\", '' AS empty \
               FROM user_counts.totals WHERE count < 2 ORDER BY key LIMIT 2";
    let expected = "key,cents,tags,\"x,y\",empty\n\
                    user-0,,\"[a, t0]\",\"a \"\"b\"\"\",\"\"\n\
                    user-1,1,\"[a, t1]\",\"a \"\"b\"\"\",\"\"\n";
    assert_eq!(csv(sql).await.unwrap(), expected);
    assert_eq!(csv("SELECT key FROM user_counts.totals WHERE count < 0").await.unwrap(), "key\n");
}

#[tokio::test]
async fn a_table_that_is_not_there_may_be_another_one() {
    let (folder, manifest) = savepoint().await;
    let query = open(&folder, &manifest).await.unwrap();
    for (wanted, meant) in [
        ("user_counts.total", "user_counts.totals"),
        ("count_by_user.totals", "count_by_user_.totals"),
        ("totals", "user_counts.totals"),
    ] {
        let error = ask(&query, &format!("SELECT 1 FROM {wanted}"), AnswerFormat::Table).await.unwrap_err();
        let hint = format!("did you mean `{meant}`?; the tables are {}", TABLES.join(", "));
        assert!(error.to_string().contains(&hint), "{error}");
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let (folder, manifest) = savepoint().await;
    let query = open(&folder, &manifest).await.unwrap();
    let wrong = [
        "SELEC 1",
        "SELECT nothing FROM user_counts.totals",
        "SELECT 1 FROM elsewhere",
        "DROP TABLE user_counts.totals",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/hosts'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "INSERT INTO user_counts.totals SELECT * FROM user_counts.totals",
        "SET datafusion.execution.batch_size = 1",
    ];
    for sql in wrong {
        let error = ask(&query, sql, AnswerFormat::Table).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{sql}: {error}");
        assert!(error.to_string().contains(&format!("the tables are {}", TABLES.join(", "))), "{error}");
    }
    let path = folder.path_of("0/totals-0.parquet");
    folder.store().delete(&path).await.unwrap();
    let error = open(&folder, &manifest).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("`save points/sp 1*%/0/totals-0.parquet`"), "{error}");
}
