"""What was measured, in rounds, and whether it is within its bar."""

import dataclasses
import operator
import statistics

COMPARISONS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


@dataclasses.dataclass
class Bar:
    """What a figure has to be: `Bar("<=", 1.2)`."""

    comparison: str
    limit: float

    def holds(self, figure):
        return COMPARISONS[self.comparison](figure, self.limit)


@dataclasses.dataclass
class Finding:
    """One measure of one row. `figures` is what the bar is about, one for each round; the lists beside it are what
    the programs came to in the same rounds."""

    row: str
    work: str
    measure: str
    figures: list
    bar: Bar | None = None
    nginx: list = dataclasses.field(default_factory=list)
    stagedoor: list = dataclasses.field(default_factory=list)
    litellm: list = dataclasses.field(default_factory=list)
    # Whether a figure is how many times nginx' measure the gateway's is.
    ratio: bool = False
    # What belongs to the figure: the rate it was measured at, what could not be had on this machine.
    note: str = ""

    @property
    def figure(self):
        return statistics.median(self.figures)

    @property
    def spread(self):
        return min(self.figures), max(self.figures)

    @property
    def verdict(self):
        if self.bar is None:
            return ""
        return "PASS" if self.bar.holds(self.figure) else "MISS"

    def as_json(self):
        bar = {"bar": f"{self.bar.comparison} {self.bar.limit:g}"} if self.bar else {}
        return {**dataclasses.asdict(self), **bar, "figure": self.figure, "spread": self.spread, "verdict": self.verdict}


def ratios(row, work, measure, per_program, bar, **more):
    """A finding about how many times nginx' measure the gateway's is, round by round."""
    pairs = zip(per_program["nginx"], per_program["stagedoor"])
    return Finding(row, work, measure, [own / bare for bare, own in pairs], bar, **per_program, ratio=True, **more)


def differences(row, work, measure, per_program, bar, **more):
    """A finding about how much more than nginx' measure the gateway's is, round by round."""
    pairs = zip(per_program["nginx"], per_program["stagedoor"])
    return Finding(row, work, measure, [own - bare for bare, own in pairs], bar, **per_program, **more)
