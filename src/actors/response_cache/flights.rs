//! Questions that are being asked at this moment in this process, and who waits for their answers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::cache::{CacheKey, Stored};

/// What those who wait get.
type Answer = Option<Arc<Stored>>;

/// The questions under way. As many at most as there are requests.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<CacheKey, watch::Receiver<Answer>>>);

/// One of them. Dropped without an answer, those who wait are told that there is none.
pub struct Flight {
    flights: Arc<Flights>,
    key: CacheKey,
    answer: watch::Sender<Answer>,
}

impl Flights {
    /// Begins to ask, or says whose answer to wait for.
    ///
    /// # Errors
    /// The answer of the one who asks already.
    pub fn begin(self: &Arc<Self>, key: &CacheKey) -> Result<Flight, watch::Receiver<Answer>> {
        match self.lock().entry(*key) {
            Entry::Occupied(known) => Err(known.get().clone()),
            Entry::Vacant(place) => {
                let (answer, waiting) = watch::channel(None);
                place.insert(waiting);
                Ok(Flight { flights: Arc::clone(self), key: *key, answer })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CacheKey, watch::Receiver<Answer>>> {
        // Nothing that is done under the lock can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Gives the answer to those who wait.
    pub fn answer(&self, stored: &Stored) {
        if self.answer.receiver_count() > 1 {
            self.answer.send_replace(Some(Arc::new(stored.clone())));
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
