//! SQL over the tables of a savepoint, by DataFusion. Reading only.
//!
//! A state is the table `<uid or name of its operator>.<name of the state>`, in lower case and with `_` for everything
//! that is no letter or digit, so that no quotes are needed. Columns are called as in the files.

use crate::folder::Folder;
use crate::layout::Layout;
use crate::manifest::{Manifest, OperatorEntry, StateEntry};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use flott_core::config::ByteSize;
use flott_core::{Error, Result, nearest};
use futures_util::StreamExt;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// Where the store of the savepoint is for DataFusion.
const STORE: &str = "savepoint://folder";
const CATALOG: &str = "savepoint";
/// The schema of tables that are named without one. There is none.
const NO_SCHEMA: &str = "savepoint";
/// Rows of a printed table: its columns are as wide as the widest value, so it is kept in memory.
const PRINTED_ROWS: usize = 10_000;

/// What a question may take. One that needs more fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Memory, beside some for the files that are read.
    pub memory: ByteSize,
    /// Time for all of it, if there is a limit.
    pub time: Option<Duration>,
}

impl Default for QueryLimits {
    fn default() -> Self {
        QueryLimits { memory: ByteSize(1 << 30), time: None }
    }
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFormat {
    /// A table for people, up to 10,000 rows.
    Table,
    /// A JSON object a line, without the columns that are null.
    JsonLines,
    /// Comma-separated values with a line of names. Null is nothing; text of nothing is `""`.
    Csv,
}

/// The tables of a savepoint, open for SQL.
pub struct Query {
    session: SessionContext,
    tables: Vec<String>,
    memory: ByteSize,
}

impl Query {
    /// Opens the tables that `manifest` names in `folder`, for questions that may take so much memory each.
    ///
    /// # Errors
    /// `Corrupt` when a file is missing or cut off, with its path.
    pub async fn open(folder: &Folder, manifest: &Manifest, memory: ByteSize) -> Result<Query> {
        let mut config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema(CATALOG, NO_SCHEMA)
            .with_create_default_catalog_and_schema(false);
        // Columns are called as the job's fields are, so upper case needs no quotes.
        config.options_mut().sql_parser.enable_ident_normalization = false;
        let bytes = usize::try_from(memory.0).unwrap_or(usize::MAX);
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(bytes, 1.0).build_arc().map_err(|e| failed(&e))?;
        let session = SessionContext::new_with_config_rt(config, runtime);
        let url = ListingTableUrl::parse(STORE).map_err(|e| failed(&e))?;
        session.register_object_store(url.object_store().as_ref(), folder.store().clone());
        let catalog = MemoryCatalogProvider::new();
        let mut tables = Vec::new();
        let mut schemas = BTreeSet::new();
        for operator in &manifest.operators {
            let schema = unique(operator_name(operator), &mut schemas);
            let states = MemorySchemaProvider::new();
            let mut names = BTreeSet::new();
            for state in &operator.states {
                let name = unique(&state.name, &mut names);
                for file in &state.files {
                    // A listing would leave out what is not there.
                    folder.look_for(file).await?;
                }
                states.register_table(name.clone(), table(folder, state)?).map_err(|e| failed(&e))?;
                tables.push(format!("{schema}.{name}"));
            }
            catalog.register_schema(&schema, Arc::new(states)).map_err(|e| failed(&e))?;
        }
        session.register_catalog(CATALOG, Arc::new(catalog));
        Ok(Query { session, tables, memory })
    }

    /// The names of the tables, in the order of the manifest.
    pub fn tables(&self) -> &[String] {
        &self.tables
    }

    /// Runs a statement and writes what it answers. `SHOW TABLES` and `DESCRIBE table` say what there is.
    ///
    /// # Errors
    /// `Invalid` when the statement is wrong or wants to change something; `Limit` when it needs too much memory;
    /// `Corrupt` when a file is missing or damaged; those of writing to `out`.
    pub async fn run(&self, sql: &str, format: AnswerFormat, out: &mut (dyn Write + Send)) -> Result<()> {
        let only_reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let frame = self.session.sql_with_options(sql, only_reading).await.map_err(|e| self.wrong(&e))?;
        let rows = frame.execute_stream().await.map_err(|e| self.wrong(&e))?;
        match format {
            AnswerFormat::Table => self.print(rows, out).await,
            AnswerFormat::JsonLines => self.json(rows, out).await,
            AnswerFormat::Csv => self.csv(rows, out).await,
        }
    }

    async fn print(&self, mut rows: SendableRecordBatchStream, out: &mut (dyn Write + Send)) -> Result<()> {
        let mut batches: Vec<RecordBatch> = vec![RecordBatch::new_empty(rows.schema())];
        let (mut count, mut more) = (0, false);
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|e| self.wrong(&e))?;
            let wanted = batch.num_rows().min(PRINTED_ROWS - count);
            more = wanted < batch.num_rows();
            count += wanted;
            batches.push(batch.slice(0, wanted));
            if more {
                break;
            }
        }
        let table = pretty_format_batches(&batches)
            .map_err(|e| Error::internal("the answer cannot be printed").with_source(e))?;
        let end = if more {
            format!("the first {count} rows; ask for JSON lines to get all")
        } else {
            format!("{count} rows")
        };
        writeln!(out, "{table}\n{end}").map_err(|e| Error::io("the answer", e))
    }

    async fn json(&self, mut rows: SendableRecordBatchStream, out: &mut (dyn Write + Send)) -> Result<()> {
        let mut writer = LineDelimitedWriter::new(out);
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|e| self.wrong(&e))?;
            writer.write(&batch).map_err(|e| Error::unavailable(format!("the answer cannot be written: {e}")))?;
        }
        writer.finish().map_err(|e| Error::unavailable(format!("the answer cannot be written: {e}")))
    }

    async fn csv(&self, mut rows: SendableRecordBatchStream, out: &mut (dyn Write + Send)) -> Result<()> {
        let written = |e| Error::io("the answer", e);
        let names: Vec<String> = rows.schema().fields().iter().map(|field| quoted(field.name())).collect();
        writeln!(out, "{}", names.join(",")).map_err(written)?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|e| self.wrong(&e))?;
            let options = FormatOptions::default();
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
                .collect::<Result<_, _>>()
                .map_err(|e| Error::internal("the answer cannot be printed").with_source(e))?;
            for row in 0..batch.num_rows() {
                let value = |(column, shown): (&ArrayRef, &ArrayFormatter<'_>)| match column.is_null(row) {
                    true => String::new(),
                    false => quoted(&shown.value(row).to_string()),
                };
                let values: Vec<String> = batch.columns().iter().zip(&columns).map(value).collect();
                writeln!(out, "{}", values.join(",")).map_err(written)?;
            }
        }
        Ok(())
    }

    /// The table that may have been meant, where the reason is that there is none.
    fn nearest_table(&self, why: &str) -> Option<&str> {
        let (_, rest) = why.split_once("table '")?;
        let (wanted, _) = rest.split_once("' not found")?;
        let wanted = wanted.strip_prefix(&format!("{CATALOG}.")).unwrap_or(wanted);
        // Without a schema it is the one that stands for it, which has no tables.
        let wanted = wanted.strip_prefix(&format!("{NO_SCHEMA}.")).unwrap_or(wanted);
        let bare = |table: &&str| table.rsplit('.').next() == Some(wanted);
        let tables = || self.tables.iter().map(String::as_str);
        tables().find(bare).or_else(|| nearest(wanted, tables()))
    }

    /// What is wrong with a statement, with the tables that there are.
    fn wrong(&self, error: &DataFusionError) -> Error {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(why) => {
                Error::limit(format!("the question needs more memory than {}: {why}; ask for less", self.memory))
            }
            DataFusionError::ObjectStore(why) => {
                Error::corrupt(format!("a file of the savepoint cannot be read: {why}"))
            }
            DataFusionError::ParquetError(why) => damaged(why),
            DataFusionError::ArrowError(why, _) if matches!(**why, ArrowError::ParquetError(_)) => damaged(why),
            root => {
                let why = root.strip_backtrace();
                let hint =
                    self.nearest_table(&why).map(|table| format!(", did you mean `{table}`?")).unwrap_or_default();
                Error::invalid(format!("{why}{hint}; the tables are {}", self.tables.join(", ")))
            }
        }
    }
}

/// A file cannot be read as what it was written as.
fn damaged(why: &impl Display) -> Error {
    Error::corrupt(format!("a file of the savepoint is damaged: {why}; take another savepoint"))
}

/// A value of a line of comma-separated ones.
fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The table of a state: all its files. One that nothing was in has none, and its columns all the same.
fn table(folder: &Folder, state: &StateEntry) -> Result<Arc<dyn TableProvider>> {
    let columns = Layout::new(&state.table)?.arrow;
    if state.files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(columns)));
    }
    let path = |file: &crate::TableFile| {
        let url = format!("{STORE}/{}", url_encoded(folder.path_of(&file.path).as_ref()));
        ListingTableUrl::parse(url).map_err(|e| failed(&e))
    };
    let paths = state.files.iter().map(path).collect::<Result<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(paths).with_listing_options(options).with_schema(columns);
    Ok(Arc::new(ListingTable::try_new(config).map_err(|e| failed(&e))?))
}

/// A path as a URL holds it, in which nothing is a pattern or an escape.
fn url_encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn operator_name(operator: &OperatorEntry) -> &str {
    operator.uid.as_deref().unwrap_or(&operator.name)
}

/// `name` as SQL takes it without quotes, with a number behind it if it is taken.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let plain = plain.trim_start_matches('_');
    let plain =
        if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain.to_owned() } else { format!("_{plain}") };
    let numbered = (2..).map(|n| format!("{plain}_{n}"));
    let free = [plain.clone()].into_iter().chain(numbered).find(|name| !taken.contains(name)).unwrap_or(plain);
    taken.insert(free.clone());
    free
}

fn failed(error: &DataFusionError) -> Error {
    Error::internal(format!("the tables of the savepoint cannot be opened: {}", error.strip_backtrace()))
}
