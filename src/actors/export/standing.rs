//! How a sink stands, so that the log says each change once, however many requests it takes to find out.

use std::time::{Duration, Instant};

/// A sink that refused something is said to take requests again once it has refused nothing for so long: some refuse a
/// request here and there, and neither is news.
const CALM: Duration = Duration::from_secs(60);

/// How a sink stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It takes what it is sent.
    #[default]
    Works,
    /// It cannot be told anything; what it should be told waits.
    Fails,
    /// It answers, and does not take everything. When it last did not.
    Refuses(Instant),
}

impl Standing {
    /// A try failed that will be repeated. Answers whether that is news.
    pub fn fails(&mut self) -> bool {
        std::mem::replace(self, Standing::Fails) != Standing::Fails
    }

    /// It did not take something. Answers whether that is news.
    pub fn refuses(&mut self, now: Instant) -> bool {
        !matches!(std::mem::replace(self, Standing::Refuses(now)), Standing::Refuses(_))
    }

    /// It took all that it was sent. Answers whether that is news.
    pub fn takes(&mut self, now: Instant) -> bool {
        match self {
            Standing::Works => false,
            Standing::Refuses(last) if now.saturating_duration_since(*last) < CALM => false,
            Standing::Fails | Standing::Refuses(_) => {
                *self = Standing::Works;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_news_once() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        assert!(!standing.takes(start));
        assert!(standing.fails() && !standing.fails());
        assert!(standing.takes(start) && !standing.takes(start));
        assert!(standing.refuses(start) && !standing.refuses(start));
        assert!(standing.fails(), "not to be there is worse than to refuse");
    }

    #[test]
    fn a_sink_that_refuses_now_and_then_is_no_news() {
        let (mut standing, start) = (Standing::default(), Instant::now());
        assert!(standing.refuses(start));
        for second in (10..120).step_by(10) {
            let now = start + Duration::from_secs(second);
            assert!(!standing.takes(now) && !standing.refuses(now), "{second}");
        }
        assert!(standing.takes(start + Duration::from_secs(110) + CALM));
    }
}
