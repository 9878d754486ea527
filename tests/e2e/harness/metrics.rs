//! Reads `/metrics` and `/health`.

use super::{Gateway, eventually};

impl Gateway {
    /// The sum of a metric over all label sets whose text holds every one of `labels`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let text = self.get("/metrics").await.text();
        let found: Vec<f64> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(series, _)| series.split('{').next() == Some(name))
            .filter(|(series, _)| labels.iter().all(|label| series.contains(label)))
            .map(|(_, value)| value.parse().unwrap())
            .collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }

    /// Waits until nothing is in flight by any of the ways a user has to look.
    pub async fn idle(&self) {
        eventually("nothing in flight", || async {
            let requests = self.metric("litellm_in_flight_requests", &[]).await.unwrap_or(0.0);
            let attempts = self.metric("stagedoor_deployment_in_flight", &[]).await.unwrap_or(0.0);
            let health = self.get("/health").await.json();
            let lists = ["healthy_endpoints", "unhealthy_endpoints"];
            let entries = lists.iter().filter_map(|list| health[*list].as_array()).flatten();
            let leases: u64 = entries.map(|entry| entry["in_flight"].as_u64().unwrap()).sum();
            (requests == 0.0 && attempts == 0.0 && leases == 0).then_some(())
        })
        .await;
    }
}
