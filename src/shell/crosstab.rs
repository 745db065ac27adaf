//! `\crosstabview`: rows as a grid, one column's values down, another's across. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Schema};

use super::buffered_rows::texts;
use crate::dialect::error::{meant, nearest};
use crate::error::Error;

/// The most columns that a grid may have.
const MAX_COLUMNS: usize = 1600;

/// Returns `batch` as a grid. `wanted` says, by name or by number from 1, which columns are down, across, in the cells, and
/// what the columns across are in order of; without it these are the first, the second and the one that is left.
///
/// Fails if there is no such column, or two rows are for one cell.
pub(super) fn crosstab(batch: &RecordBatch, wanted: &[String]) -> Result<RecordBatch, Error> {
    let schema = batch.schema();
    let column = |index: usize| {
        let name = wanted.get(index)?;
        Some(find(&schema, name))
    };
    let count = batch.num_columns();
    if count < 3 {
        return Err(Error::statement(format!(
            "\\crosstabview needs three columns, and the result has {count}"
        ))
        .hint("select one column for the rows, one for the columns, and one for the cells"));
    }
    let down = column(0).unwrap_or(Ok(0))?;
    let across = column(1).unwrap_or(Ok(1))?;
    if down == across {
        return Err(Error::statement(
            "\\crosstabview needs two different columns down and across",
        ));
    }
    let cells = match column(2) {
        Some(cells) => cells?,
        None => match (0..count)
            .filter(|c| *c != down && *c != across)
            .collect::<Vec<_>>()[..]
        {
            [one] => one,
            _ => {
                return Err(Error::statement(
                    "\\crosstabview needs to know which column goes into the cells",
                )
                .hint("name it third: \\crosstabview owner_id resource_type keys"));
            }
        },
    };
    let order = column(3).transpose()?;
    let rows = texts(batch)?;
    let mut downs: Vec<(Option<&str>, u32)> = Vec::new();
    let mut acrosses: Vec<(Option<&str>, usize)> = Vec::new();
    let mut row_of: HashMap<Option<&str>, usize> = HashMap::new();
    let mut column_of: HashMap<Option<&str>, usize> = HashMap::new();
    let mut filled: HashMap<(usize, usize), u32> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let (v, h) = (row[down].as_deref(), row[across].as_deref());
        let number = u32::try_from(index)
            .map_err(|error| Error::statement("there are too many rows").caused_by(error))?;
        let y = *row_of.entry(v).or_insert_with(|| {
            downs.push((v, number));
            downs.len() - 1
        });
        let x = *column_of.entry(h).or_insert_with(|| {
            acrosses.push((h, index));
            acrosses.len() - 1
        });
        if filled.insert((y, x), number).is_some() {
            return Err(Error::statement(format!(
                "there is more than one row for the cell of `{}` and `{}`",
                v.unwrap_or("NULL"),
                h.unwrap_or("NULL")
            ))
            .hint("GROUP BY both, and aggregate what goes into the cells"));
        }
    }
    if acrosses.len() > MAX_COLUMNS {
        return Err(Error::statement(format!(
            "the grid would have {} columns, more than {MAX_COLUMNS}",
            acrosses.len()
        )));
    }
    let mut shown: Vec<usize> = (0..acrosses.len()).collect();
    if let Some(order) = order {
        let key = |x: &usize| {
            let text = rows[acrosses[*x].1][order].as_deref();
            text.and_then(|text| text.parse::<f64>().ok())
        };
        shown.sort_by(|a, b| match (key(a), key(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
    let picked = |column: usize, rows: Vec<Option<u32>>| -> Result<ArrayRef, Error> {
        take(batch.column(column), &UInt32Array::from(rows), None)
            .map_err(|error| Error::statement("the grid cannot be made").caused_by(error))
    };
    let first = schema.field(down).clone().with_nullable(true);
    let mut fields = vec![Arc::new(first)];
    let mut columns = vec![picked(
        down,
        downs.iter().map(|(_, row)| Some(*row)).collect(),
    )?];
    for x in shown {
        let rows = (0..downs.len()).map(|y| filled.get(&(y, x)).copied());
        columns.push(picked(cells, rows.collect())?);
        let name = acrosses[x].0.unwrap_or("NULL");
        fields.push(Arc::new(
            Field::new(name, schema.field(cells).data_type().clone(), true)
                .with_metadata(schema.field(cells).metadata().clone()),
        ));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::statement("the grid cannot be made").caused_by(error))
}

fn find(schema: &Schema, name: &str) -> Result<usize, Error> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    if let Some(index) = names().position(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(index);
    }
    if let Some(index) = name.parse::<usize>().ok().and_then(|n| n.checked_sub(1))
        && index < schema.fields().len()
    {
        return Ok(index);
    }
    let error = Error::statement(format!("the result has no column `{name}`"));
    Err(error.hint(meant(
        nearest(name, names()),
        format!("columns: {}", names().collect::<Vec<_>>().join(", ")),
    )))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;

    fn keys() -> RecordBatch {
        let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let number = |values: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
        RecordBatch::try_from_iter([
            ("owner", text(&["sa-1", "sa-1", "u-2", "u-2"])),
            ("type", text(&["kafka", "cloud", "cloud", "flink"])),
            ("keys", number(&[3, 1, 2, 5])),
        ])
        .unwrap()
    }

    fn spelt(wanted: &[&str]) -> Result<String, String> {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let grid = crosstab(&keys(), &wanted).map_err(|error| error.message)?;
        let names: Vec<_> = grid
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        let rows = texts(&grid).unwrap().into_iter().map(|row| {
            let cells = row
                .into_iter()
                .map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
            cells.collect::<Vec<_>>().join(" ")
        });
        Ok([names.join(" ")]
            .into_iter()
            .chain(rows)
            .collect::<Vec<_>>()
            .join("\n"))
    }

    #[test]
    fn values_go_down_across_and_into_cells() {
        insta::assert_snapshot!(spelt(&[]).unwrap(), @"
        owner kafka cloud flink
        sa-1 3 1 -
        u-2 - 2 5
        ");
        insta::assert_snapshot!(spelt(&["TYPE", "1", "keys", "keys"]).unwrap(), @"
        type u-2 sa-1
        kafka - 3
        cloud 2 1
        flink 5 -
        ");
    }

    #[test]
    fn what_makes_no_grid_is_an_error() {
        assert_eq!(
            spelt(&["ownr"]).unwrap_err(),
            "the result has no column `ownr`"
        );
        assert_eq!(
            spelt(&["owner", "owner"]).unwrap_err(),
            "\\crosstabview needs two different columns down and across"
        );
        let batch = keys().project(&[0, 1]).unwrap();
        assert!(crosstab(&batch, &[]).is_err());
        let twice = ["owner".to_owned(), "keys".to_owned(), "type".to_owned()];
        assert!(crosstab(&keys(), &twice).is_ok());
        let clash = datafusion::arrow::compute::concat_batches(&keys().schema(), &[keys(), keys()]);
        let error = crosstab(&clash.unwrap(), &[]).unwrap_err();
        assert_eq!(
            error.message,
            "there is more than one row for the cell of `sa-1` and `kafka`"
        );
    }
}
