"""The whole table of what the gateway costs, beside an nginx that does nothing but proxy_pass.

Each row is measured in interleaved rounds and held against its bar; the exit code is 1 where one is missed. How it is
measured and how to read it stands in `report.py`, which also writes it under the table.
"""

import argparse
import pathlib
import shutil
import sys
import tempfile
import traceback

import config
import footprint
import programs
import report
from rounds import Rounds
from rows import rows
from stage import Stage


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, help="folder with stagedoor, fake-provider and load; without it "
                        "they are built (tests/bench/build)")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="only these rows; --list names them")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument("--rounds", type=int, help="of each row (5; --quick: 2)")
    parser.add_argument("--seconds", type=float, help="of each round (4; --quick: 1)")
    parser.add_argument("--workers", type=int, default=1, help="of each program (1)")
    parser.add_argument("--connections", type=int, default=16, help="of each row that does not have its own number (16)")
    parser.add_argument("--quick", action="store_true", help="few short rounds, fewer requests, keys and streams")
    parser.add_argument("--litellm", type=pathlib.Path, metavar="VENV", help="a virtual environment with litellm[proxy], to "
                        "be measured, too, in the rows that it can serve without a database")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write everything there")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write a page there")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 4.0)
    return parser, options


def chosen(parser, options, compared):
    """The names of the rows to measure, in their order."""
    names = [row.name for row in compared] + list(footprint.ROWS)
    unknown = [name for name in options.rows or [] if name not in names]
    if unknown:
        parser.error(f"--rows: no such row: {', '.join(unknown)}; there are: {', '.join(names)}")
    return [name for name in names if not options.rows or name in options.rows]


def measure(names, compared, stage, options, litellm):
    """All findings; each is told at once. A row that cannot be measured ends neither the others nor is it forgotten."""
    findings, broken = [], []
    rounds = Rounds(stage, options, litellm)
    by_name = {row.name: row for row in compared}
    for name in names:
        try:
            row = by_name.get(name)
            found = rounds.measure(row) if row else footprint.ROWS[name](stage, options)
        except (SystemExit, Exception) as problem:
            broken.append(name)
            print(f"FAIL {name}: {problem}", file=sys.stderr)
            if not isinstance(problem, SystemExit):
                traceback.print_exc()
            for gateway in stage.gateways:
                print(gateway.last_words(), file=sys.stderr)
            stage.end_gateways()
            continue
        findings += found
        for finding in found:
            print(report.screen_line(finding), flush=True)
    return findings, broken


def main():
    parser, options = arguments()
    options.open_files = programs.raise_open_files()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stagedoor-bench-"))
    # Whoever runs PostgreSQL has to reach its folder.
    folder.chmod(0o755)
    stage, litellm = None, None
    try:
        compared = rows(folder)
        names = chosen(parser, options, compared)
        if options.list:
            print("\n".join(names))
            return 0
        if not options.binaries:
            parser.error("--binaries is missing")
        options.binaries = options.binaries.resolve()
        about = report.about(options)
        told = about | {"programs": ", ".join(f"{name} {version}" for name, version in about["programs"].items())}
        print("\n".join(f"{what}: {told[what]}" for what in told if what != "quick"), "\n")
        if options.quick:
            print("A quick run: these are not figures to quote.\n")
        stage = Stage(options.binaries, folder, options.workers)
        stage.begin()
        if options.litellm:
            litellm = programs.litellm(options.litellm.resolve(), folder, config.passing(stage.fake.port), options.workers)
        findings, broken = measure(names, compared, stage, options, litellm)
        if options.json:
            options.json.write_text(report.as_json(about | {"broken": broken}, findings))
        if options.markdown and not broken:
            options.markdown.parent.mkdir(parents=True, exist_ok=True)
            options.markdown.write_text(report.page(about, findings, litellm is not None))
        missed = [finding for finding in findings if finding.verdict == "MISS"]
        print(f"\n{sum(finding.verdict == 'PASS' for finding in findings)} bars held, {len(missed)} missed, "
              f"{len(broken)} rows not measured")
        return 1 if missed or broken else 0
    finally:
        if litellm:
            litellm.end()
        if stage:
            stage.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
