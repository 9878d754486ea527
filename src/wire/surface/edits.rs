//! Edits to an object, applied by copying the runs that stay.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

use super::{Member, Surface};
use crate::wire::json;

/// What becomes of one member.
enum Fate<'e> {
    Stay,
    Leave,
    Become(&'e str),
}

type Plan<'e> = SmallVec<[Fate<'e>; 16]>;

/// Changes to make to an object. The names that one set of edits removes and sets should differ; a
/// removal wins over a replacement, and of several values for one name the last wins.
#[derive(Debug, Clone, Default)]
pub struct Edits<'a> {
    remove: SmallVec<[Cow<'a, str>; 8]>,
    set: SmallVec<[Set<'a>; 4]>,
}

#[derive(Debug, Clone)]
struct Set<'a> {
    name: Cow<'a, str>,
    raw: Cow<'a, str>,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Present,
    Absent,
}

impl<'a> Edits<'a> {
    /// No change.
    pub fn new() -> Self {
        Edits::default()
    }

    /// Whether nothing has been asked for.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty()
    }

    /// Removes a member, if it is there.
    pub fn remove(&mut self, name: impl Into<Cow<'a, str>>) {
        self.remove.push(name.into());
    }

    /// Takes back a removal.
    pub fn unremove(&mut self, name: &str) {
        self.remove.retain(|removed| removed != name);
    }

    /// Whether a member of this name is to be removed.
    pub fn removes(&self, name: &str) -> bool {
        self.remove.iter().any(|removed| removed == name)
    }

    /// Gives a member this raw JSON value: in its place when it is there, else at the end.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, raw: impl Into<Cow<'a, str>>) {
        self.put(name.into(), raw.into(), When::Always);
    }

    /// The same for a string, which is quoted.
    pub fn set_str(&mut self, name: impl Into<Cow<'a, str>>, text: &str) {
        self.put(name.into(), json::quoted(text).into(), When::Always);
    }

    /// Replaces the value of a member only if it is there.
    pub fn replace(&mut self, name: impl Into<Cow<'a, str>>, raw: impl Into<Cow<'a, str>>) {
        self.put(name.into(), raw.into(), When::Present);
    }

    /// Adds a member at the end only if it is not there.
    pub fn add(&mut self, name: impl Into<Cow<'a, str>>, raw: impl Into<Cow<'a, str>>) {
        self.put(name.into(), raw.into(), When::Absent);
    }

    fn put(&mut self, name: Cow<'a, str>, raw: Cow<'a, str>, when: When) {
        self.set.retain(|set| set.name != name);
        self.set.push(Set { name, raw, when });
    }
}

/// Writes the edited text, joining what stays into runs that are copied at once.
struct Copier<'a> {
    source: &'a [u8],
    out: &'a mut BytesMut,
    run: Option<Range<usize>>,
    /// Whether the object written so far has a member.
    filled: bool,
}

impl<'a> Copier<'a> {
    /// Starts with the text up to `head`: the opening brace and the white space behind it.
    fn new(source: &'a [u8], head: usize, out: &'a mut BytesMut) -> Self {
        let mut copier = Copier { source, out, run: None, filled: false };
        copier.put(0..head);
        copier
    }

    fn put(&mut self, range: Range<usize>) {
        self.out.put_slice(self.source.get(range).unwrap_or_default());
    }

    fn keep(&mut self, whole: Range<usize>) {
        match &mut self.run {
            Some(run) => run.end = whole.end,
            None => {
                self.separate();
                self.run = Some(whole);
            }
        }
    }

    fn replace(&mut self, member: &Member, raw: &str) {
        self.keep(member.start as usize..member.value_start as usize);
        self.flush();
        self.out.put_slice(raw.as_bytes());
        // Whatever stays next continues from here, its comma included.
        let end = member.end as usize;
        self.run = Some(end..end);
    }

    fn append(&mut self, name: &str, raw: &str) {
        self.separate();
        self.out.put_slice(json::quoted(name).as_bytes());
        self.out.put_u8(b':');
        self.out.put_slice(raw.as_bytes());
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.filled, true) {
            self.out.put_u8(b',');
        }
    }

    fn flush(&mut self) {
        if let Some(run) = self.run.take() {
            self.put(run);
        }
    }
}

impl Surface {
    /// The body with `edits` applied: the same bytes without a copy when nothing changes, otherwise one
    /// allocation into which the unchanged runs are copied.
    pub fn rewrite(&self, edits: &Edits<'_>) -> Bytes {
        let plan = self.plan(edits);
        if self.unchanged_by(&plan, edits) {
            return self.raw().clone();
        }
        let mut out = BytesMut::with_capacity(self.size_after(edits));
        self.write(&plan, edits, &mut out);
        out.freeze()
    }

    /// The same, appended to `out`.
    pub fn rewrite_into(&self, edits: &Edits<'_>, out: &mut BytesMut) {
        let plan = self.plan(edits);
        if self.unchanged_by(&plan, edits) {
            out.put_slice(self.raw());
        } else {
            self.write(&plan, edits, out);
        }
    }

    fn plan<'e>(&self, edits: &'e Edits<'_>) -> Plan<'e> {
        let stay = |member: &Member| if member.shadowed { Fate::Leave } else { Fate::Stay };
        let mut plan: Plan<'e> = self.members.iter().map(stay).collect();
        let mut decide = |name: &str, fate: Fate<'e>| {
            if let Some(place) = self.index_of(name).and_then(|index| plan.get_mut(index)) {
                *place = fate;
            }
        };
        for set in edits.set.iter().filter(|set| set.when != When::Absent) {
            if self.get(&set.name) != Some(&set.raw) {
                decide(&set.name, Fate::Become(&set.raw));
            }
        }
        for name in &edits.remove {
            decide(name, Fate::Leave);
        }
        plan
    }

    fn unchanged_by(&self, plan: &Plan<'_>, edits: &Edits<'_>) -> bool {
        plan.iter().all(|fate| matches!(fate, Fate::Stay)) && !edits.set.iter().any(|set| self.adds(set))
    }

    /// Whether a value is for a member that is not there and is to be made.
    fn adds(&self, set: &Set<'_>) -> bool {
        set.when != When::Present && !self.has(&set.name)
    }

    fn write(&self, plan: &Plan<'_>, edits: &Edits<'_>, out: &mut BytesMut) {
        let head = self.members.first().map_or_else(|| self.after_brace(), |first| first.start as usize);
        let tail = self.members.last().map_or(head, |last| last.end as usize);
        let mut copier = Copier::new(self.raw(), head, out);
        for (member, fate) in self.members.iter().zip(plan) {
            match fate {
                Fate::Stay => copier.keep(member.whole()),
                Fate::Leave => copier.flush(),
                Fate::Become(raw) => copier.replace(member, raw),
            }
        }
        copier.flush();
        for set in edits.set.iter().filter(|set| self.adds(set)) {
            copier.append(&set.name, &set.raw);
        }
        copier.put(tail..self.text.len());
    }

    /// The offset behind the opening brace.
    fn after_brace(&self) -> usize {
        memchr::memchr(b'{', self.raw()).map_or(0, |at| at + 1)
    }

    fn size_after(&self, edits: &Edits<'_>) -> usize {
        let added: usize = edits.set.iter().map(|set| set.name.len() + set.raw.len() + 8).sum();
        self.text.len() + added
    }
}
