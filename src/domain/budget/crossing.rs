//! The lines that an account's spend passes once in each period: a soft budget, the last parts of a budget, its end.

use smallvec::SmallVec;

use super::{Nanos, UnixMs};

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// The soft budget.
    Soft,
    /// 15 % of the budget are left.
    Left15,
    /// 5 % of the budget are left.
    Left5,
    /// The budget is spent.
    Max,
}

/// A line that has been passed; told once for each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// The account's place in the list that was given to `reserve`.
    pub place: usize,
    /// What is spent now.
    pub spent: Nanos,
    /// Which line.
    pub line: Line,
    /// Where the line is.
    pub at: Nanos,
    /// When the period began.
    pub began_at: UnixMs,
    /// When it ends, if it does.
    pub resets_at: Option<UnixMs>,
}

impl Line {
    /// In the order in which a growing sum passes those of one budget.
    const ALL: [Line; 4] = [Line::Soft, Line::Left15, Line::Left5, Line::Max];

    /// Names it among the lines of one budget.
    pub fn bit(self) -> u8 {
        match self {
            Line::Soft => 1,
            Line::Left15 => 2,
            Line::Left5 => 4,
            Line::Max => 8,
        }
    }
}

/// An account's lines, and which of them have been told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    soft: Option<Nanos>,
    max: Option<Nanos>,
    /// Below it there is nothing to tell.
    next: Nanos,
    told: u8,
    drawn: bool,
}

impl Lines {
    /// None yet.
    pub const NONE: Lines = Lines { soft: None, max: None, next: Nanos::MAX, told: 0, drawn: false };

    /// What the account's owner has now. Lines that are behind `spent` when they are drawn first have been told by
    /// an earlier process; later, a line that moves ahead of what is spent can be passed again.
    pub fn draw(&mut self, soft: Option<Nanos>, max: Option<Nanos>, spent: Nanos) {
        if self.drawn && (self.soft, self.max) == (soft, max) {
            return;
        }
        (self.soft, self.max) = (soft, max);
        let behind = self.behind(spent);
        self.told = if self.drawn { self.told & behind } else { behind };
        self.drawn = true;
        self.look_ahead();
    }

    /// A new period: nothing has been told.
    pub fn begin(&mut self) {
        self.told = 0;
        self.look_ahead();
    }

    /// The lines that have to be told now: of those of one budget only the last.
    pub fn pass(&mut self, spent: Nanos) -> SmallVec<[(Line, Nanos); 1]> {
        let mut passed = SmallVec::new();
        if spent < self.next {
            return passed;
        }
        let untold = self.behind(spent) & !self.told;
        self.told |= untold;
        self.look_ahead();
        let is_new = |line: &Line| untold & line.bit() != 0;
        let last = Line::ALL.into_iter().rev().filter(|line| *line != Line::Soft).find(is_new);
        for line in Some(Line::Soft).filter(is_new).into_iter().chain(last) {
            passed.extend(self.place(line).map(|at| (line, at)));
        }
        passed
    }

    fn place(&self, line: Line) -> Option<Nanos> {
        let max = self.max.filter(|max| *max > Nanos::ZERO);
        // Divided first, so that no budget is too large.
        let part = |hundredths: i64| max.map(|max| Nanos::new((max.get() / 100).saturating_mul(hundredths)));
        match line {
            Line::Soft => self.soft,
            Line::Left15 => part(85),
            Line::Left5 => part(95),
            Line::Max => max,
        }
    }

    /// The lines at or below a sum, as bits.
    fn behind(&self, spent: Nanos) -> u8 {
        let behind = Line::ALL.into_iter().filter(|line| self.place(*line).is_some_and(|at| at <= spent));
        behind.fold(0, |bits, line| bits | line.bit())
    }

    fn look_ahead(&mut self) {
        let untold = Line::ALL.into_iter().filter(|line| self.told & line.bit() == 0);
        self.next = untold.filter_map(|line| self.place(line)).min().unwrap_or(Nanos::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollars(dollars: i64) -> Option<Nanos> {
        Some(Nanos::from_usd(dollars))
    }

    fn told(lines: &mut Lines, spent: i64) -> Vec<Line> {
        lines.pass(Nanos::from_usd(spent)).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn each_line_is_told_once_in_a_period() {
        let mut lines = Lines::NONE;
        lines.draw(dollars(50), dollars(100), Nanos::ZERO);
        assert_eq!(told(&mut lines, 49), []);
        assert_eq!(told(&mut lines, 50), [Line::Soft]);
        assert_eq!(told(&mut lines, 84), []);
        assert_eq!(told(&mut lines, 86), [Line::Left15]);
        assert_eq!(told(&mut lines, 100), [Line::Max], "the last of those that one call passes");
        assert_eq!(told(&mut lines, 200), []);
        lines.begin();
        assert_eq!(told(&mut lines, 100), [Line::Soft, Line::Max]);
    }

    #[test]
    fn what_an_earlier_process_has_told_is_not_repeated() {
        let mut lines = Lines::NONE;
        lines.draw(dollars(50), dollars(100), Nanos::from_usd(60));
        assert_eq!(told(&mut lines, 70), []);
        assert_eq!(told(&mut lines, 95), [Line::Left5]);
    }

    #[test]
    fn a_line_that_is_moved_ahead_can_be_passed_again() {
        let mut lines = Lines::NONE;
        lines.draw(dollars(10), None, Nanos::ZERO);
        assert_eq!(told(&mut lines, 10), [Line::Soft]);
        lines.draw(dollars(20), None, Nanos::from_usd(10));
        assert_eq!(told(&mut lines, 15), []);
        assert_eq!(told(&mut lines, 20), [Line::Soft]);
        // And one that is moved behind is passed by the next call.
        lines.draw(dollars(30), dollars(1), Nanos::from_usd(20));
        assert_eq!(told(&mut lines, 20), [Line::Max]);
    }
}
