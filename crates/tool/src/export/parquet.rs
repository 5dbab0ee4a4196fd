//! Tables as Parquet, for DuckDB, Spark, pandas: `nodes`, `edges`, `types` and `sites`, a file each.
//!
//! Rows are written in batches, so that of a table no more than a row group is held. Ids are numbers of
//! objects in the order of their addresses, and of types and sites those of the process.

use super::{Part, Written};
use crate::context::Failure;
use crate::dump::{Dump, Label, NO_INDEX};
use crate::heap::Heap;
use crate::output::Cell;
use crate::save::{Inputs, Saved};
use arrow_array::builder::{ListBuilder, UInt64Builder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array,
    UInt64Array,
};
use arrow_schema::{ArrowError, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rcgc_format::graph::NONE;
use rcgc_format::object_flag;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Rows that are made at a time.
const BATCH: usize = 1 << 16;

/// Columns of one batch: name, whether values may be missing, values.
type Columns = Vec<(&'static str, bool, ArrayRef)>;

/// One file.
struct Table<'a> {
    path: String,
    folder: &'a Folder<'a>,
    writer: Option<ArrowWriter<Saved>>,
    rows: u64,
}

/// Where the files go, and what may not be among them.
struct Folder<'a> {
    path: &'a str,
    inputs: &'a Inputs,
}

impl<'a> Table<'a> {
    fn new(folder: &'a Folder<'a>, name: &str) -> Table<'a> {
        let path = Path::new(folder.path).join(format!("{name}.parquet")).display().to_string();
        Table { path, folder, writer: None, rows: 0 }
    }

    fn failed(&self, error: impl std::fmt::Display) -> Failure {
        Failure::Output(format!("{}: {error}", self.path))
    }

    /// Adds a batch; the first one says what the columns are.
    fn put(&mut self, columns: Columns) -> Result<(), Failure> {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, is_optional, array)| Field::new(*name, array.data_type().clone(), *is_optional))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|of| of.2).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
            .map_err(|error: ArrowError| self.failed(error))?;
        if self.writer.is_none() {
            let folder = self.folder.path;
            fs::create_dir_all(folder).map_err(|error| Failure::Output(format!("{folder}: {error}")))?;
            let file = Saved::begin(&self.path, self.folder.inputs)?;
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_created_by(concat!("rcgc ", env!("CARGO_PKG_VERSION")).to_owned())
                .build();
            let writer = ArrowWriter::try_new(file, schema, Some(properties));
            self.writer = Some(writer.map_err(|error: ParquetError| self.failed(error))?);
        }
        self.rows += batch.num_rows() as u64;
        match &mut self.writer {
            Some(writer) => {
                writer.write(&batch).map_err(|error| Failure::Output(format!("{}: {error}", self.path)))
            }
            None => Ok(()),
        }
    }

    /// All rows are there.
    fn end(mut self) -> Result<Done, Failure> {
        let file = match self.writer.take() {
            Some(writer) => Some(writer.into_inner().map_err(|error| self.failed(error))?),
            None => None,
        };
        Ok(Done { rows: self.rows, file })
    }
}

/// A table that is written, and not yet at its place.
struct Done {
    rows: u64,
    file: Option<Saved>,
}

/// Texts of which there are few, by their numbers.
fn texts(numbers: impl Iterator<Item = u32>, names: &Arc<StringArray>) -> Result<ArrayRef, Failure> {
    let keys: Int32Array = numbers.map(|number| Some(number as i32)).collect();
    let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(names) as ArrayRef);
    array.map(|array| Arc::new(array) as ArrayRef).map_err(|error| Failure::Output(error.to_string()))
}

fn array<T: arrow_array::Array + 'static>(of: T) -> ArrayRef {
    Arc::new(of)
}

/// Writes all tables into a folder, which is made. Their files come to their places when all are whole.
pub fn write(heap: &Heap, part: &Part, folder: &str, inputs: &Inputs) -> Result<Written, Failure> {
    let folder = &Folder { path: folder, inputs };
    let tables = [
        ("nodes", nodes(heap, part, folder)?),
        ("edges", edges(heap, part, folder)?),
        ("types", types(heap.dump, folder)?),
        ("sites", sites(heap.dump, folder)?),
    ];
    let mut written = Written::default();
    for (name, done) in tables {
        written.more.push((name, Cell::Count(done.rows)));
        if let Some(file) = done.file {
            let path = file.path().to_owned();
            file.end().map_err(|error| Failure::Output(format!("{path}: {error}")))?;
        }
    }
    Ok(written)
}

fn type_names(dump: &Dump) -> Arc<StringArray> {
    let names = (0..dump.types.len() as u32).map(|kind| Some(dump.type_name(kind)));
    Arc::new(names.collect())
}

fn nodes(heap: &Heap, part: &Part, folder: &Folder) -> Result<Done, Failure> {
    let dump = heap.dump;
    let owners = heap.owners();
    let names = type_names(dump);
    let mut table = Table::new(folder, "nodes");
    let chosen: Vec<u32> = dump.all().filter(|&object| part.has(object)).collect();
    let stage = heap.progress.stage("writing nodes", chosen.len() as u64);
    let nothing: &[u32] = &[];
    // An empty heap has a table, too.
    for batch in chosen.chunks(BATCH).chain(chosen.is_empty().then_some(nothing)) {
        let of_u64 = |value: &dyn Fn(u32) -> u64| {
            array(UInt64Array::from_iter_values(batch.iter().map(|&object| value(object))))
        };
        let of_flag = |value: &dyn Fn(u32) -> bool| {
            array(batch.iter().map(|&object| Some(value(object))).collect::<BooleanArray>())
        };
        let optional = |value: &dyn Fn(u32) -> Option<u64>| {
            array(batch.iter().map(|&object| value(object)).collect::<UInt64Array>())
        };
        let outside = Int32Array::from_iter_values(batch.iter().map(|&object| heap.outside(object)));
        let count = batch.iter().map(|&object| dump.objects.count[object as usize]);
        let owner = batch.iter().map(|&object| Some(owners.dominator[object as usize]));
        let site = batch.iter().map(|&object| dump.site_of(object).map(|at| &dump.accounts.sites[at]));
        table.put(vec![
            ("id", false, array(UInt32Array::from_iter_values(batch.iter().copied()))),
            ("address", false, of_u64(&|object| dump.address_of(object))),
            ("type", false, texts(batch.iter().map(|&object| dump.objects.kind[object as usize]), &names)?),
            ("bytes", false, of_u64(&|object| dump.bytes_of(object))),
            ("external", false, of_u64(&|object| dump.external_of(object))),
            ("retained", false, of_u64(&|object| owners.retained[object as usize])),
            ("count", false, array(UInt32Array::from_iter_values(count))),
            ("outside", false, array(outside)),
            ("owner", true, array(owner.map(|of| of.filter(|&of| of != NONE)).collect::<UInt32Array>())),
            ("length", true, optional(&|object| dump.length_of(object))),
            ("held", false, of_flag(&|object| heap.is_held(object))),
            ("garbage", false, of_flag(&|object| !heap.is_alive(object))),
            ("young", false, of_flag(&|object| dump.has_flag(object, object_flag::YOUNG))),
            ("tracked", false, of_flag(&|object| dump.has_flag(object, object_flag::TRACKED))),
            ("frozen", false, of_flag(&|object| dump.has_flag(object, object_flag::FROZEN))),
            ("immortal", false, of_flag(&|object| dump.is_immortal(object))),
            ("site", true, array(site.map(|site| site.map(|of| of.number)).collect::<UInt64Array>())),
            ("serial", true, optional(&|object| Some(dump.serial_of(object)).filter(|&of| of != 0))),
            ("age_ns", true, optional(&|object| dump.age_ns_of(object))),
        ])?;
        stage.set(table.rows);
    }
    table.end()
}

fn edges(heap: &Heap, part: &Part, folder: &Folder) -> Result<Done, Failure> {
    let dump = heap.dump;
    let fields = (0..dump.fields.len() as u32).map(|field| Some(dump.field_name(field)));
    let names: Arc<StringArray> = Arc::new(fields.collect());
    let mut table = Table::new(folder, "edges");
    let stage = heap.progress.stage("writing edges", dump.edges.targets.len() as u64);
    let counted =
        dump.all().flat_map(|object| dump.edges_of(object).map(move |(to, label)| (object, to, label, true)));
    let weak = dump.edges.weak.iter().map(|of| (of.source, of.target, of.label, false));
    let mut all = counted.chain(weak).filter(|&(from, to, ..)| part.has(from) && part.has(to));
    let mut batch: Vec<(u32, u32, Label, bool)> = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        batch.extend(all.by_ref().take(BATCH));
        if batch.is_empty() && table.writer.is_some() {
            break;
        }
        let index = batch.iter().map(|of| Some(of.2.index).filter(|&index| index != NO_INDEX));
        table.put(vec![
            ("source", false, array(UInt32Array::from_iter_values(batch.iter().map(|of| of.0)))),
            ("target", false, array(UInt32Array::from_iter_values(batch.iter().map(|of| of.1)))),
            ("field", false, texts(batch.iter().map(|of| of.2.field), &names)?),
            ("index", true, array(index.collect::<UInt32Array>())),
            ("counted", false, array(batch.iter().map(|of| Some(of.3)).collect::<BooleanArray>())),
        ])?;
        stage.set(table.rows);
    }
    table.end()
}

fn types(dump: &Dump, folder: &Folder) -> Result<Done, Failure> {
    let of = &dump.types;
    let mut table = Table::new(folder, "types");
    let numbers = |value: &dyn Fn(&crate::dump::Type) -> u64| {
        array(UInt64Array::from_iter_values(of.iter().map(value)))
    };
    let names = (0..of.len() as u32).map(|kind| Some(dump.type_name(kind)));
    table.put(vec![
        ("id", false, numbers(&|of| of.number)),
        ("type", false, array(names.collect::<StringArray>())),
        ("size", false, numbers(&|of| of.size)),
        ("tail_size", false, numbers(&|of| of.tail_size)),
        ("allocated", false, numbers(&|of| of.allocated)),
        ("freed", false, numbers(&|of| of.freed)),
        ("reclaimed", false, numbers(&|of| of.reclaimed)),
    ])?;
    table.end()
}

fn sites(dump: &Dump, folder: &Folder) -> Result<Done, Failure> {
    let of = &dump.accounts.sites;
    let mut table = Table::new(folder, "sites");
    let numbers = |value: &dyn Fn(&crate::dump::Site) -> u64| {
        array(UInt64Array::from_iter_values(of.iter().map(value)))
    };
    let mut ages = ListBuilder::new(UInt64Builder::new());
    for site in of {
        ages.values().append_slice(&site.ages);
        ages.append(true);
    }
    let file = of.iter().map(|of| dump.text(of.place.file)).collect::<StringArray>();
    let function = of.iter().map(|of| Some(dump.function_text(of.place))).collect::<StringArray>();
    let kind = of.iter().map(|of| of.kind.map(|kind| dump.type_name(kind))).collect::<StringArray>();
    let external = Int64Array::from_iter_values(of.iter().map(|of| of.external_bytes));
    table.put(vec![
        ("id", false, numbers(&|of| of.number)),
        ("file", true, array(file)),
        ("line", false, numbers(&|of| of.place.line)),
        ("function", false, array(function)),
        ("type", true, array(kind)),
        ("live_objects", false, numbers(&|of| of.live_objects())),
        ("live_bytes", false, numbers(&|of| of.live_bytes())),
        ("peak_bytes", false, numbers(&|of| of.peak_bytes)),
        ("allocated_objects", false, numbers(&|of| of.allocated_objects)),
        ("allocated_bytes", false, numbers(&|of| of.allocated_bytes)),
        ("freed_objects", false, numbers(&|of| of.freed_objects)),
        ("reclaimed", false, numbers(&|of| of.reclaimed_objects)),
        ("external", false, array(external)),
        ("ages", false, array(ages.finish())),
    ])?;
    table.end()
}
