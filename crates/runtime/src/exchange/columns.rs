//! Arrow columns on their way through a port: parting them by channel and joining small parts.

use arrow_array::{RecordBatch, UInt32Array};
use flott_core::{Batch, Columns, Error, EventTime, Result};

/// The rows of each channel, in order. `routes` names a channel for each row.
pub(super) fn scatter(
    columns: &Columns,
    times: Option<&[EventTime]>,
    routes: &[u32],
    channels: usize,
) -> Result<Vec<(Columns, Option<Vec<EventTime>>)>> {
    let mut indices: Vec<Vec<u32>> = vec![Vec::with_capacity(routes.len() / channels + 16); channels];
    for (row, &channel) in routes.iter().enumerate() {
        indices[channel as usize].push(row as u32);
    }
    indices
        .into_iter()
        .map(|rows| {
            let kinds = columns.kinds.as_ref().map(|k| rows.iter().map(|&r| k[r as usize]).collect());
            let times = times.map(|t| rows.iter().map(|&r| t[r as usize]).collect());
            let batch =
                arrow_select::take::take_record_batch(&columns.batch, &UInt32Array::from(rows)).map_err(arrow)?;
            Ok((Columns { batch, kinds }, times))
        })
        .collect()
}

/// The parts one after another, as one batch.
pub(super) fn concat(parts: Vec<(Columns, Option<Vec<EventTime>>)>) -> Result<Batch> {
    let mut parts = parts;
    if parts.len() == 1
        && let Some((columns, times)) = parts.pop()
    {
        return Ok(Batch::columns(columns, times));
    }
    let Some((first, _)) = parts.first() else { return Err(Error::internal("no columns to join")) };
    let batches: Vec<&RecordBatch> = parts.iter().map(|(c, _)| &c.batch).collect();
    let batch = arrow_select::concat::concat_batches(&first.batch.schema(), batches).map_err(arrow)?;
    let with_kinds = parts.iter().any(|(c, _)| c.kinds.is_some());
    let kinds = with_kinds.then(|| {
        let each = parts.iter().map(|(c, _)| c.kinds.clone().unwrap_or_else(|| vec![0; c.len()]));
        each.collect::<Vec<_>>().concat()
    });
    let with_times = parts.iter().all(|(_, t)| t.is_some());
    let times = with_times.then(|| parts.iter_mut().flat_map(|(_, t)| t.take().unwrap_or_default()).collect());
    Ok(Batch::columns(Columns { batch, kinds }, times))
}

fn arrow(e: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("columns on one edge do not fit together: {e}")).with_source(e)
}
