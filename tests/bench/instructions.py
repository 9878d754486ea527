#!/usr/bin/env python3
"""How many instructions a request takes, held against what it took before.

    tests/bench/instructions.py [--binaries target/debug] [--update] [CASE ...]

Time depends on the machine and on who else uses it; the number of instructions hardly does. So this is what can be held to
a few percent in continuous integration. The gateway runs with one worker under `valgrind --tool=callgrind`, and one
connection sends it N requests, then another gateway twice as many. The difference, divided by N, is what one request takes:
start, first connections and shutdown are the same in both.

What is compared is the worker's thread (the one whose count grows most), because what is on a request's way is there.
What other threads do (writing the ledger and the log) goes by the clock and by batches, and a program under valgrind has a
slow clock: it is shown beside, and not compared.

`instructions.json` holds the counts. More than the tolerance above them is a failure; as much below them asks for renewing
the file with `--update`, so that what was won is kept. The counts are those of the build that the tests have made anyway:
several times as many as of what is shipped, and guarded is how they change, which needs no build of its own. Those of
another build (`--binaries target/dist`) are printed and not compared. Compiler and C library have a part in them, too: the
file names the compiler.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import config
import load
import programs

FILE = pathlib.Path(__file__).with_name("instructions.json")
GUARDED = pathlib.Path("target/debug")

# name: (kind of gateway, model, stream, what a virtual key is given, requests, tolerance)
# Runs of the same build differ by up to 1.5 %, on a machine that does four other things, too. Chunks of a stream are 5 ms
# apart; on such a machine some travel together all the same, and runs differ by up to 4 %.
CASES = {
    "chat": ("passing", "plain", False, None, 400, 0.05),
    "governed chat": ("governed", "plain", False, {}, 400, 0.05),
    "governed stream, 50 chunks": ("governed", "slow", True, {}, 24, 0.10),
    "cache hit": ("cached", "plain", False, None, 400, 0.05),
    "refusal, 429": ("governed", "plain", False, {"rpm_limit": 1}, 400, 0.05),
    "translated chat": ("passing", "claude", False, None, 400, 0.05),
}


def counted(folder):
    """Instructions of each thread, by its number."""
    counts = {}
    for file in folder.glob("callgrind.out*"):
        text = file.read_text(errors="replace")
        thread = re.search(r"^thread: (\d+)", text, re.MULTILINE)
        total = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
        if thread and total:
            counts[int(thread[1])] = counts.get(int(thread[1]), 0) + int(total[1])
    if not counts:
        raise SystemExit(f"callgrind has left no counts in {folder}")
    return counts


def run(binaries, folder, case, requests):
    """Instructions of each thread of a gateway that served so many requests."""
    kind, model, stream, limits, *_ = CASES[case]
    folder = folder / f"{case.replace(' ', '-')}-{requests}"
    folder.mkdir()
    fake = programs.Fake(binaries, folder)
    make = {"passing": config.passing, "cached": config.cached, "governed": lambda port: config.governed(port, folder)}
    wrap = [shutil.which("valgrind"), "--tool=callgrind", "--separate-threads=yes", "--compress-strings=no",
            "--compress-pos=no", f"--callgrind-out-file={folder}/callgrind.out"]
    proxy = programs.gateway(binaries / "stagedoor", folder, make[kind](fake.port), wrap=wrap)
    try:
        proxy.begin()
        key = config.MASTER_KEY
        if limits is not None:
            key = config.VIRTUAL_KEY
            programs.make_key(proxy, **limits)
        expect = 429 if limits else 200
        ask = load.Ask(key, model, stream=stream, expect=expect)
        # A limit of one request lets one through each minute.
        spare = 10 if limits else 0
        load.run(binaries, [proxy], ask, spare_errors=spare, connections=1, requests=requests, seconds=600)
        proxy.end()
        return counted(folder)
    finally:
        proxy.kill()
        fake.end()


def measure(binaries, folder, case):
    """Instructions of one request: (in the worker's thread, in all threads)."""
    requests = CASES[case][4]
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        once, twice = both.map(lambda times: run(binaries, folder, case, times * requests), (1, 2))
    grown = {thread: (count - once.get(thread, 0)) / requests for thread, count in twice.items()}
    return max(grown.values()), sum(grown.values())


def verdict(count, before, tolerance):
    """(what to say, whether it is a failure)"""
    if before is None:
        return "not known before: --update keeps it", True
    change = count / before - 1
    if change > tolerance:
        return f"{change:+.1%}: MORE than before ({before:,})", True
    if change < -tolerance:
        return f"{change:+.1%}: less than before ({before:,}); keep that with --update", False
    return f"{change:+.1%}", False


def compiler():
    return subprocess.run(["rustc", "-V"], capture_output=True, text=True, check=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=pathlib.Path, default=GUARDED)
    parser.add_argument("--update", action="store_true", help="keep the counts instead of comparing them")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of: {', '.join(CASES)}")
    options = parser.parse_args()
    unknown = [case for case in options.cases if case not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are: {', '.join(CASES)}")
    compared = options.binaries == GUARDED
    if options.update and not compared:
        parser.error(f"--update keeps the counts of {GUARDED}")
    if not shutil.which("valgrind"):
        raise SystemExit("valgrind is not installed (tests/run installs it)")
    kept = json.loads(FILE.read_text()) if FILE.exists() else {"compiler": "", "instructions": {}}
    before, failed = kept["instructions"], []
    with tempfile.TemporaryDirectory(prefix="stagedoor-instructions-") as folder:
        for case in options.cases or CASES:
            worker, everything = measure(options.binaries.resolve(), pathlib.Path(folder), case)
            said, bad = "", False
            if compared and not options.update:
                said, bad = verdict(round(worker), before.get(case), CASES[case][-1])
            print(f"{case:28} {worker:10,.0f}  {said:40} (all threads: {everything:,.0f})", flush=True)
            failed += [case] if bad else []
            if options.update:
                before[case] = round(worker)
    if options.update:
        kept = {"compiler": compiler(), "instructions": {case: before[case] for case in CASES if case in before}}
        FILE.write_text(json.dumps(kept, indent=2) + "\n")
    if failed and kept["compiler"] != compiler():
        print(f"the counts that are kept were made by {kept['compiler']}, this is {compiler()}: renew them if that is why")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
