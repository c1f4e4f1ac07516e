//! Metrics over HTTP, in Prometheus' text format, with Flink's names: `flott_taskmanager_job_task_operator_numRecordsIn`.

#![expect(clippy::disallowed_types, reason = "the endpoint is a real server; it is not started in a simulation")]

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use flott_api::metrics::{Metric, MetricRegistry};
use flott_core::{Error, Result};
use flott_env::{Env, Task};
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};

/// Serves `/metrics` on the loopback address until the returned task is dropped. Port 0 picks a free one.
///
/// # Errors
/// `Unavailable` when the port is taken.
pub(crate) async fn serve(env: &Env, port: u16, metrics: MetricRegistry) -> Result<(Task<()>, SocketAddr)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let taken = |e| Error::io(format!("metrics cannot be served on {address} (option metrics.reporter.prom.port)"), e);
    let listener = tokio::net::TcpListener::bind(address).await.map_err(taken)?;
    let bound = listener.local_addr().map_err(taken)?;
    let app = Router::new().route(
        "/metrics",
        get(move || {
            let text = render(&metrics);
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
        }),
    );
    let server = env.spawn(async move {
        if let Err(e) = axum::serve(listener, app).await {
            tracing::warn!("the metrics endpoint has stopped: {e}");
        }
    });
    Ok((server, bound))
}

/// Those that Flink's Prometheus reporter has.
const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];

fn render(metrics: &MetricRegistry) -> String {
    let mut out = String::new();
    let mut last = String::new();
    metrics.for_each(|name, labels, metric| {
        let kind = match metric {
            Metric::Counter(_) => "counter",
            Metric::Gauge(_) => "gauge",
            Metric::Histogram(_) => "summary",
        };
        let is_operator = labels.iter().any(|(l, _)| *l == "operator_name");
        let is_task = labels.iter().any(|(l, _)| *l == "task_name");
        let scope = match (is_operator, is_task) {
            (true, _) => "taskmanager_job_task_operator",
            (false, true) => "taskmanager_job_task",
            (false, false) if labels.is_empty() => "taskmanager",
            (false, false) => "jobmanager_job",
        };
        let full = format!("flott_{scope}_{}", name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_"));
        // Writing to a string cannot fail.
        if full != last {
            let _ = writeln!(out, "# TYPE {full} {kind}");
            last.clone_from(&full);
        }
        let labels = labels.iter().map(|(l, v)| format!("{l}=\"{}\"", escape(v))).collect::<Vec<_>>().join(",");
        let mut suffix = "";
        if let Metric::Histogram(histogram) = metric {
            suffix = "_count";
            for (quantile, value) in QUANTILES.iter().zip(histogram.quantiles(QUANTILES).into_iter().flatten()) {
                let _ = writeln!(out, "{full}{{{labels},quantile=\"{quantile}\"}} {value}");
            }
        }
        let _ = writeln!(out, "{full}{suffix}{{{labels}}} {}", metric.value());
    });
    out
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_rendered_with_scope_and_escaped_labels() {
        let metrics = MetricRegistry::new();
        let labels = vec![("job_name", "a \"job\"".to_owned()), ("operator_name", "Map".to_owned())].into();
        metrics.counter("numRecordsIn", &labels).add(7);
        (1..=100).for_each(|n| metrics.histogram("sizes", &labels).update(n));
        let text = render(&metrics);
        assert!(text.contains("# TYPE flott_taskmanager_job_task_operator_numRecordsIn counter"), "{text}");
        assert!(text.contains(r#"numRecordsIn{job_name="a \"job\"",operator_name="Map"} 7"#), "{text}");
        assert!(text.contains("# TYPE flott_taskmanager_job_task_operator_sizes summary"), "{text}");
        assert!(text.contains(r#"sizes{job_name="a \"job\"",operator_name="Map",quantile="0.98"} 98"#), "{text}");
        assert!(text.contains(r#"sizes_count{job_name="a \"job\"",operator_name="Map"} 100"#), "{text}");
    }
}
