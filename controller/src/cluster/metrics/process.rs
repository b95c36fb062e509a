//! The process itself, under the names that Prometheus client libraries use.

use gatewright_proxy::observe::process::Process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Looks when somebody asks.
#[derive(Debug)]
pub struct OfProcess {
    started: SystemTime,
}

impl OfProcess {
    /// Of a process that starts now.
    pub fn new() -> Self {
        Self {
            started: SystemTime::now(),
        }
    }
}

impl Collector for OfProcess {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut told = |name: &str, help: &str, metric: &dyn Told| metric.tell(&mut encoder, name, help);
        let since = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let since = since.as_ref().map_or(0.0, Duration::as_secs_f64);
        told(
            "process_start_time_seconds",
            "Start of the process",
            &ConstGauge::new(since),
        )?;
        let Some(process) = Process::look() else {
            return Ok(());
        };
        told(
            "process_cpu_seconds",
            "CPU time used",
            &ConstCounter::new(process.cpu),
        )?;
        for (name, help, value) in [
            ("process_threads", "Threads", process.threads),
            (
                "process_virtual_memory_bytes",
                "Virtual memory",
                process.virtual_bytes,
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory",
                process.resident,
            ),
            ("process_open_fds", "Open file descriptors", process.files),
        ] {
            told(name, help, &ConstGauge::new(value as f64))?;
        }
        Ok(())
    }
}

/// A metric of any type.
trait Told {
    fn tell(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> fmt::Result;
}

impl<M: EncodeMetric> Told for M {
    fn tell(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> fmt::Result {
        self.encode(encoder.encode_descriptor(name, help, None, self.metric_type())?)
    }
}
