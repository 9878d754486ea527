//! Sinks of finished requests: what start-up makes of the configuration, and the end.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;

use crate::actors::export::{Dispatcher, Exporter, Flush, Gate, Intake, Meters, Queue};
use crate::actors::keeper::Kept;
use crate::config::Config;
use crate::domain::export::Sink;
use crate::telemetry::{Metrics, names};

/// How long the last events may take to reach their sinks.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// The exporters of this process; nothing where no sink is configured.
#[derive(Default)]
pub struct Exports(Option<Running>);

struct Running {
    intake: Arc<Intake>,
    sinks: Vec<(Arc<Sink>, Arc<Queue>)>,
    dispatcher: Kept<Dispatcher>,
    exporters: Vec<Kept<Exporter>>,
    arbiter: Arbiter,
}

impl Exports {
    /// Starts them on a thread of their own.
    pub fn start(config: &Config, tls: &Arc<rustls::ClientConfig>, metrics: &Metrics) -> Self {
        if config.export.sinks.is_empty() {
            return Exports::default();
        }
        let arbiter = Arbiter::new();
        let gate = Arc::new(Gate::default());
        let with_queue = |sink: &Sink| {
            let (wants, meters) = ((sink.successes, sink.failures), Meters::new(metrics, &sink.name));
            let queue = Queue::new(&sink.name, wants, meters, Arc::clone(&gate));
            (Arc::new(sink.clone()), queue)
        };
        let sinks: Vec<_> = config.export.sinks.iter().map(with_queue).collect();
        let dropped = sinks.iter().map(|(_, queue)| queue.meters().dropped.clone()).collect();
        let intake = Intake::new(Arc::clone(&gate), dropped);
        let exporters = sinks.iter().map(|(sink, queue)| {
            let restarts = metrics.counter(names::ACTOR_RESTARTS, &[("actor", "exporter")]);
            let (sink, queue, tls) = (Arc::clone(sink), Arc::clone(queue), Arc::clone(tls));
            Kept::start("exporter", arbiter.handle(), restarts, move |notice| {
                Exporter::new(Arc::clone(&sink), Arc::clone(&queue), Arc::clone(&tls), notice)
            })
        });
        let exporters = exporters.collect();
        let restarts = metrics.counter(names::ACTOR_RESTARTS, &[("actor", "dispatcher")]);
        let (own, ends, callers_mute) = (Arc::clone(&intake), sinks.clone(), config.export.callers_mute);
        let dispatcher = Kept::start("dispatcher", arbiter.handle(), restarts, move |notice| {
            Dispatcher::new(Arc::clone(&own), ends.clone(), callers_mute, notice)
        });
        let names: Vec<&str> = sinks.iter().map(|(sink, _)| sink.name.as_str()).collect();
        tracing::info!(sinks = names.join(", "), "finished requests are exported");
        Exports(Some(Running { intake, sinks, dispatcher, exporters, arbiter }))
    }

    /// Where workers leave finished requests.
    pub fn intake(&self) -> Option<Arc<Intake>> {
        self.0.as_ref().map(|running| Arc::clone(&running.intake))
    }

    /// Delivers what waits, as far as that is possible soon.
    pub async fn close(self) {
        let Some(Running { sinks, dispatcher, exporters, arbiter, .. }) = self.0 else { return };
        if let Some(asked) = dispatcher.with(|address| address.send(Flush))
            && actix_rt::time::timeout(LAST_EVENTS, asked).await.is_err()
        {
            for (sink, queue) in sinks.iter().filter(|(_, queue)| queue.waiting() > 0) {
                tracing::warn!(
                    sink = sink.name,
                    events = queue.waiting(),
                    "finished requests are left undelivered"
                );
            }
        }
        dispatcher.retire();
        exporters.iter().for_each(Kept::retire);
        arbiter.stop();
    }
}
