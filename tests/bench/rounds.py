"""Measures a row: rounds in which nginx comes first and the gateway after it."""

import statistics

import load
from findings import Bar, differences, ratios

MEASURES = {"p99_us": "p99 added, µs", "first_p99_us": "first token p99 added, µs"}


class Rounds:
    """Rows are measured one after the other; a slow minute of the machine hits both programs of a round."""

    def __init__(self, stage, options, litellm=None):
        self.stage, self.options, self.litellm = stage, options, litellm

    def measure(self, row):
        """The findings of a row."""
        gateways = self.stage.use(row.kind)
        turns = [("nginx", [self.stage.nginx], row.nginx, 0), ("stagedoor", gateways, row.gateway, row.spare)]
        if self.litellm and row.litellm:
            turns.append(("litellm", [self.litellm], row.gateway, 0))
        self.warm(row, turns)
        full = self.rounds(row, turns)
        found = [self.cpu(row, full)]
        rates = {name: statistics.median(one["per_second"] for one in results) for name, results in full.items()}
        # LiteLLM cannot follow at the rate of the others.
        if row.half:
            rate = min(rates["nginx"], rates["stagedoor"]) / 2
            half = self.rounds(row, turns[:2], rate=round(rate, 1))
            found.append(self.cpu(row, half, None, f"at half load, {rate:,.0f}/s"))
            found.append(self.latency(row, half, f"at half load, {rate:,.0f}/s"))
        elif not row.ramp:
            # Streams that come at their own pace are as many for everybody.
            found.append(ratios(row.name, row.work, "requests/s", column(full, "per_second"), None))
        if row.latency and not row.half:
            found.append(self.latency(row, full, ""))
        return found

    def connections(self, row):
        return row.connections or self.options.connections

    def warm(self, row, turns):
        for _, proxies, ask, spare in turns:
            load.run(self.stage.binaries, proxies, ask, spare, connections=self.connections(row), seconds=0.5, ramp=row.ramp)

    def rounds(self, row, turns, rate=None):
        """Results of each program, round by round."""
        results = {name: [] for name, *_ in turns}
        for _ in range(self.options.rounds):
            for name, proxies, ask, spare in turns:
                results[name].append(load.run(
                    self.stage.binaries, proxies, ask, spare, connections=self.connections(row),
                    seconds=self.options.seconds, rate=rate, ramp=row.ramp))
        return results

    def cpu(self, row, results, limit=True, note=""):
        spent = {name: [one / row.per for one in values] for name, values in column(results, "cpu_us").items()}
        bar = Bar("<=", row.cpu) if limit else None
        return ratios(row.name, row.work, f"CPU µs a {row.unit}", spent, bar, note=note)

    def latency(self, row, results, note):
        limit = row.added
        if row.redis:
            trip = self.stage.round_trip_us()
            limit += trip
            note += f"; a round trip to Redis takes {trip:.0f} µs"
        bar = Bar("<", round(limit))
        return differences(row.name, row.work, MEASURES[row.latency], column(results, row.latency), bar, note=note)


def column(results, name):
    return {program: [one[name] for one in rounds] for program, rounds in results.items()}
