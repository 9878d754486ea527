//! Which members of a group this request has tried, and which of them it must not try again.

use smallvec::SmallVec;

/// The tried members, by their index in the group.
#[derive(Debug, Clone, Default)]
pub struct Tried(SmallVec<[(u32, bool); 8]>);

impl Tried {
    /// Nothing tried yet.
    pub fn new() -> Self {
        Tried::default()
    }

    /// Notes a failed member: it comes again only after all others have been tried.
    pub fn failed(&mut self, index: usize) {
        self.note(index, false);
    }

    /// Notes a member that will refuse this request again (its key or model name is wrong): it never
    /// comes again.
    pub fn bar(&mut self, index: usize) {
        self.note(index, true);
    }

    /// Whether it was tried at all.
    pub fn contains(&self, index: usize) -> bool {
        self.find(index).is_some()
    }

    /// Whether it must not come again.
    pub fn is_barred(&self, index: usize) -> bool {
        self.find(index).is_some_and(|(_, barred)| *barred)
    }

    /// How many members were tried.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was tried.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, index: usize) -> Option<&(u32, bool)> {
        self.0.iter().find(|(tried, _)| *tried as usize == index)
    }

    fn note(&mut self, index: usize, barred: bool) {
        let Ok(wanted) = u32::try_from(index) else { return };
        match self.0.iter_mut().find(|(tried, _)| *tried == wanted) {
            Some((_, known)) => *known |= barred,
            None => self.0.push((wanted, barred)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stays() {
        let mut tried = Tried::new();
        tried.failed(1);
        tried.bar(2);
        tried.failed(2);
        assert!(tried.contains(1) && !tried.is_barred(1) && tried.is_barred(2) && !tried.contains(0));
        assert_eq!(tried.len(), 2);
    }
}
