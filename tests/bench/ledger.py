#!/usr/bin/env python3
"""How long the management API takes to answer over a large ledger.

    tests/bench/ledger.py --binary target/dist/stagedoor [--rows 10000000] [--database sqlite|postgresql]
                          [--url postgresql://...] [--folder DIR] [--keep] [--bar 200]

Fills a database with rows by SQL of its own (the program would do the same, row by row), starts the gateway on it, asks
every report that reads the ledger or its totals, and prints the median and the slowest of several answers. The exit code
is 1 when a median is above the bar (milliseconds). With `--keep` the database stays, and is used again by the next run
with the same folder. PostgreSQL is the server at `--url`, whose database must be empty or one that this has filled; the
`psql` program is used.

What is filled in: rows spread evenly over the last 90 days, 1 000 keys of 200 users in 50 teams and 10 organizations,
3 000 end users, 100 tags, 5 models; every twentieth row failed. SQLite needs about 0.8 kB a row, PostgreSQL 0.9 kB.
"""

import argparse
import pathlib
import statistics
import sys
import time

import config
import programs
from ledger_rows import DAYS, Postgres, Sqlite, fill


def start(binary, url, folder):
    """The gateway over that database, when it answers what has to read it."""
    settings = {"model_list": [], "general_settings": {
        "master_key": config.MASTER_KEY, "database_url": url, "spool_dir": str(folder / "spool")}}
    gateway = programs.gateway(binary, folder, settings)
    gateway.start()
    gateway.wait_for(lambda: ask(gateway, "/global/spend")[1] == 200)
    return gateway


def ask(gateway, path, body=None):
    """(milliseconds, status, bytes)"""
    began = time.monotonic()
    status, text = programs.answer(gateway.port, path, body, 120)
    return (time.monotonic() - began) * 1000, status, len(text)


def questions():
    """Everything that reads rows or totals: over a month, and over all that there is."""
    today = time.time()
    date = lambda back: time.strftime("%Y-%m-%d", time.gmtime(today - back * 86400))
    month, all_of_it = f"start_date={date(30)}&end_date={date(0)}", f"start_date={date(DAYS)}&end_date={date(0)}"
    key = "0" * 61 + "2a7"
    v2 = "/spend/logs/v2?" + all_of_it
    found = ["/spend/logs?page_size=50", f"/spend/logs?{month}", f"/spend/logs?{all_of_it}&user_id=user-7",
             f"/spend/logs?api_key={key}&{month}", f"/spend/logs?request_id=chatcmpl-{'0' * 18}0f4240"]
    found += [v2 + more for more in (
        "", "&page=20&page_size=50", f"&api_key={key}", "&user_id=user-7", "&team_id=team-7", "&end_user=customer-9",
        "&status_filter=failure", "&model=model-3", "&model_id=deployment-2", "&tag=tag-7", "&error_code=429",
        "&min_spend=0.0009", "&max_spend=0.000001", "&key_alias=key-7", "&error_message=many", "&search=customer-17",
        "&cache_hit_filter=true", "&organization_id=org-3", f"&request_id=chatcmpl-{'0' * 18}0f4240",
        "&sort_by=spend", "&sort_by=total_tokens", "&sort_by=request_duration_ms", "&sort_by=endTime",
        "&sort_by=startTime&sort_order=asc", "&user_id=user-7&sort_by=spend", "&error_code=nothing",
        "&search=nothing-has-this")]
    found += ["/spend/keys", "/spend/users", "/spend/tags", f"/spend/tags?{all_of_it}", "/global/spend",
              "/global/spend/logs", "/global/spend/keys?limit=10", "/global/spend/models?limit=10",
              "/global/spend/teams", "/global/spend/provider", f"/global/spend/tags?{month}", "/global/spend/all_tag_names",
              f"/global/spend/report?{month}&group_by=team", f"/global/spend/report?{month}&group_by=customer",
              f"/global/spend/report?{month}&group_by=api_key", f"/global/activity?{month}",
              f"/global/activity?{all_of_it}", f"/global/activity/model?{all_of_it}", f"/global/activity/cache_hits?{month}",
              f"/user/daily/activity?{month}", f"/user/daily/activity?{month}&user_id=user-7",
              f"/team/daily/activity?{month}&team_ids=team-7", f"/tag/daily/activity?{month}&tags=tag-7",
              f"/customer/daily/activity?{month}&end_user_ids=customer-9",
              f"/organization/daily/activity?{month}&organization_ids=org-3"]
    return [(path, None) for path in found] + [("/global/spend/end_users", {})]


def measure(gateway, rounds, bar):
    slow = 0
    print(f"{'median':>9} {'slowest':>9} {'kB':>8}  asked")
    for path, body in questions():
        times, size, code = [], 0, 0
        for _ in range(rounds):
            took, code, size = ask(gateway, path, body)
            times.append(took)
            if took > 20_000:
                break
        median = statistics.median(times)
        bad = median > bar or code != 200
        slow += bad
        print(f"{median:9.1f} {max(times):9.1f} {size / 1000:8.0f}  {path}{'  <-- ' + str(code) if bad else ''}", flush=True)
    return slow


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--binary", type=pathlib.Path, required=True)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--url", help="of the PostgreSQL database")
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("target/ledger-bench"))
    arguments.add_argument("--keep", action="store_true")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--bar", type=float, default=200)
    asked = arguments.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    folder, binary = asked.folder.resolve(), asked.binary.resolve()
    if asked.database == "postgresql" and not asked.url:
        arguments.error("--database postgresql needs --url")
    database = Postgres(asked.url) if asked.url else Sqlite(folder / "ledger.db")
    # The first start makes the tables.
    start(binary, database.url, folder).end()
    fill(database, asked.rows)
    gateway = start(binary, database.url, folder)
    try:
        slow = measure(gateway, asked.rounds, asked.bar)
    finally:
        gateway.end()
        if not asked.keep and not asked.url:
            for ending in ("", "-wal", "-shm"):
                pathlib.Path(f"{database.file}{ending}").unlink(missing_ok=True)
    print(f"{slow} of {len(questions())} above {asked.bar:.0f} ms")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
