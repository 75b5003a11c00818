//! Logs, one JSON object a line, and traces over OTLP where the operator wants them.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::BackendError;

/// Spans that still have to be sent.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left.
    pub fn end(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Begins to write logs to standard error, as `OTO_LOG` filters them ("info" without it), and sends
/// spans to an address such as `http://127.0.0.1:4318/v1/traces`.
///
/// # Errors
/// When the address cannot be used.
pub fn start(otlp_url: Option<&str>) -> Result<Traces, BackendError> {
    let filter = || {
        EnvFilter::try_from_env("OTO_LOG")
            .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,hyper=warn"))
    };
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(std::io::stderr)
        .with_filter(filter());
    let provider = match otlp_url {
        None => None,
        Some(url) => {
            // Its client makes connections of its own.
            rustls::crypto::ring::default_provider().install_default().ok();
            let exporter = SpanExporter::builder()
                .with_http()
                .with_endpoint(url)
                .build()
                .map_err(|e| BackendError::Stopped(format!("OTO_OTLP_URL: {e}")))?;
            let resource = Resource::builder().with_service_name("oto-backend").build();
            let provider = SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource)
                .build();
            Some(provider)
        }
    };
    let spans = provider
        .as_ref()
        .map(|p| tracing_opentelemetry::layer().with_tracer(p.tracer("oto-backend")));
    // A second start in one process keeps the first.
    tracing_subscriber::registry().with(lines).with(spans).try_init().ok();
    Ok(Traces(provider))
}
