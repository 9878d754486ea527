"""The table: on the screen, as JSON, as a page."""

import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import time

from cluster.local import tools

VERSION = r"(\d[\d.]*\S*)"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def said(command, pattern="(.+)"):
    """What a program says of itself; "" where it is not installed."""
    program = shutil.which(str(command[0]), path=tools.search_path())
    if not program:
        return ""
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, cwd=ROOT, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1].strip() if found else ""


def moment(seconds):
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def about(options):
    """When, where and with what: without it figures mean nothing."""
    cpu = re.search(r"model name\s*: (.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    binary = options.binaries / "stagedoor"
    changed = " and changes" if said(["git", "status", "--porcelain", "--untracked-files=no"]) else ""
    programs = {
        "stagedoor": f"{said([binary, '--version'], VERSION)} (built {moment(binary.stat().st_mtime)})",
        "nginx": said(["nginx", "-v"], "nginx/(.+)"),
        "redis": said(["redis-server", "--version"], "v=([^ ]+)"),
        "postgresql": said(["postgres", "--version"], VERSION),
        "rustc": said(["rustc", "-V"], "rustc (.+)"),
    }
    if options.litellm:
        programs["litellm"] = said([options.litellm / "bin" / "litellm", "--version"], VERSION)
    return {
        "date": moment(time.time()),
        "machine": f"{os.cpu_count()} cores of {cpu[1] if cpu else platform.machine()}, {int(memory[1]) >> 20} GB, "
                   f"{platform.system()} {platform.release()}",
        "commit": said(["git", "rev-parse", "--short=12", "HEAD"]) + changed,
        "programs": programs,
        "how": f"{options.rounds} rounds of {options.seconds:g} s, {options.connections} connections, "
               f"{options.workers} worker{'s' if options.workers > 1 else ''} each",
        "quick": options.quick,
        # Above the number of cores somebody else is working, too.
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def figure(value):
    """Three digits are all that such a measurement knows."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def middle(values):
    return figure(statistics.median(values)) if values else ""


def shown(finding):
    """The figure and its spread."""
    low, high = finding.spread
    if finding.ratio:
        return f"{finding.figure:.2f}x", f"{low:.2f} to {high:.2f}"
    return figure(finding.figure), f"{figure(low)} to {figure(high)}"


def of_litellm(finding):
    """What LiteLLM came to, and how many times nginx' measure that is."""
    if not finding.litellm or not finding.ratio:
        return middle(finding.litellm)
    times = statistics.median(own / bare for own, bare in zip(finding.litellm, finding.nginx))
    return f"{middle(finding.litellm)} ({figure(times)}x)"


def line(finding, litellm):
    value, spread = shown(finding)
    bar = f"{finding.bar.comparison} {figure(finding.bar.limit)}" if finding.bar else ""
    cells = [finding.work, finding.measure, middle(finding.nginx), middle(finding.stagedoor)]
    cells += [of_litellm(finding)] if litellm else []
    return [*cells, value, spread, bar, finding.verdict, finding.note]


def head(litellm):
    return ["work", "measure", "nginx", "stagedoor", *(["LiteLLM"] if litellm else []), "figure", "spread", "bar", "", "note"]


def markdown_table(findings, litellm):
    rows = [head(litellm), *(line(one, litellm) for one in findings)]
    # What was measured of the same work stands together; the work is named once.
    works = [row[0] for row in rows]
    for row, above in zip(rows[1:], works):
        row[0] = "" if row[0] == above else row[0]
    numbers = range(2, len(rows[0]) - 2)
    marks = ["---:" if place in numbers else "---" for place in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [rows[0], marks, *rows[1:]])


def screen_line(finding):
    """One finding as soon as there is one."""
    value, spread = shown(finding)
    sides = [f"{name} {middle(values)}" for name, values in
             (("nginx", finding.nginx), ("stagedoor", finding.stagedoor), ("LiteLLM", finding.litellm)) if values]
    bar = f"{finding.bar.comparison} {figure(finding.bar.limit)}" if finding.bar else ""
    note = f"  [{finding.note}]" if finding.note else ""
    return (f"{finding.verdict:4} {finding.row:18} {finding.measure:40} {value:>9} {bar:9} ({spread})  "
            f"{', '.join(sides)}{note}")


def as_json(about_it, findings):
    return json.dumps({**about_it, "findings": [finding.as_json() for finding in findings]}, indent=1) + "\n"


PAGE = """# Performance

What a hop over the gateway costs, beside a bare nginx `proxy_pass` hop that was measured in the same minutes on the same
machine. `tests/bench/run --markdown docs/performance.md` makes this page; `tests/bench/run` prints the same and fails where
a bar is missed.

{facts}

{warning}{table}

{missed}

## How it is measured

- One fake provider answers for both. It renders its answers once and is far from saturated: what is measured is the hop
  in the middle. Questions have about 200 bytes and answers 680, where nothing else is said. Everything is on this machine and
  shares its cores with the load generator and the provider.
- nginx and the gateway have the same number of workers: a proxy with more threads pays more for scheduling, so unequal
  numbers would compare machines. nginx keeps its upstream connections, buffers no answers, keeps bodies in memory and logs
  nothing. The gateway runs as it is shipped: metrics are counted, usage is scanned, each request leaves a line in the log.
- Rounds alternate, nginx first, so that a slow minute hits both. A **figure** is the median of the rounds' own ratios or
  differences, the **spread** goes from the least round to the greatest, and what stands under a program is its median.
- **CPU** is user and system time of all the proxy's processes over the requests (chunks, streams) in that time. It depends
  much less than rates and latencies on what else the machine does. Replicas are counted together; Redis and PostgreSQL are not.
- Where no rate stands, the loop is closed: each connection sends its next request when the last one is answered. That
  shows what a hop can carry. **Half load** is half of the rate that the slower one of both has reached so, and both do the
  same then. Requests go out in groups, once a millisecond; the time of one that had to wait for its connection counts from
  when it was due.
- **Governed** means a virtual key with limits of requests, tokens and parallel requests and with a budget: every request is
  looked up, limited, priced, paid for, counted, logged, and becomes a row of the ledger. None of it is switched off.
- Where the gateway speaks to an Anthropic upstream for an OpenAI client, nginx passes on what that upstream gets and answers.
- Exact hits and refusals are compared with nginx passing the plain question on to the provider.

## How to read it

`1.20x` means: 1.20 times what nginx took for the same. `PASS` and `MISS` are about the bar beside them; a line without a bar is
there to be known. Differences in p99 of a few hundred microseconds come and go with the machine: look at the spread.
"""


def page(about_it, findings, litellm):
    used = ", ".join(f"{name} {version}" for name, version in about_it["programs"].items() if version)
    facts = [f"- {about_it['date']}, commit `{about_it['commit']}`", f"- {about_it['machine']}", f"- {used}",
             f"- {about_it['how']}; load average before: {about_it['load before']}"]
    missed = [finding for finding in findings if finding.verdict == "MISS"]
    held = sum(finding.verdict == "PASS" for finding in findings)
    told = f"{held} of {held + len(missed)} bars are held."
    warning = "**A quick run: few and short rounds. These are not figures to quote.**\n\n" if about_it["quick"] else ""
    return PAGE.format(facts="\n".join(facts), warning=warning, table=markdown_table(findings, litellm), missed=told)
