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
import json
import os
import pathlib
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

MASTER = "sk-bench-master-key"
DAY_MS = 86_400_000
DAYS = 90
PIECE = 500_000
INDEXES = ("key", "user", "team", "end_user", "session", "response", "call")

# What a row is, as a function of its number `n` and its moment `ms`. {hex:x:w} is x as w hexadecimal digits.
COLUMNS = {
    "day": "ms / 86400000",
    "id": "{hex:ms / 65536:8} || '-' || {hex:ms % 65536:4} || '-7' || {hex:n % 4096:3} || '-8' || "
          "{hex:n / 4096 % 4096:3} || '-' || {hex:n:12}",
    "started_ms": "ms",
    "first_token_ms": "ms + 200",
    "ended_ms": "ms + 400 + n % 700",
    "response_id": "'chatcmpl-' || {hex:n:24}",
    "call_id": "{hex:n * 31:32}",
    "session_id": "''",
    "call_type": "'acompletion'",
    "key_hash": "{hex:k:64}",
    "key_alias": "'key-' || k",
    "user_id": "'user-' || (k % 200)",
    "team_id": "'team-' || (k % 50)",
    "organization_id": "'org-' || (k % 10)",
    "end_user": "'customer-' || (k * 3 + n % 3)",
    "tags": "'[\"tag-' || (k % 100) || '\"]'",
    "model": "'openai/model-' || (n / 7 % 5)",
    "model_id": "'deployment-' || (n / 7 % 5)",
    "model_group": "'model-' || (n / 7 % 5)",
    "provider": "'openai'",
    "api_base": "'https://api.openai.com'",
    "spend": "1000 * (n % 997)",
    "prompt_tokens": "100 + n % 300",
    "completion_tokens": "50 + n % 200",
    "cached_tokens": "0",
    "cache_write_tokens": "0",
    "reasoning_tokens": "0",
    "estimated": "{no}",
    "unpriced": "{no}",
    "status": "CASE WHEN n % 20 = 0 THEN 'failure' ELSE 'success' END",
    "error_class": "CASE WHEN n % 20 = 0 THEN 'RateLimitError' ELSE '' END",
    "error_code": "CASE WHEN n % 20 = 0 THEN '429' ELSE '' END",
    "error_message": "CASE WHEN n % 20 = 0 THEN 'Too many requests' ELSE '' END",
    "cache_hit": "NULL",
    "cache_key": "''",
    "requester_ip": "''",
    "cost_breakdown": "'{{}}'",
    "metadata": "'{{}}'",
}
NUMBERS = """SUM(spend), SUM(prompt_tokens), SUM(completion_tokens), 0, 0, 0, COUNT(*),
    SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END), SUM(CASE WHEN status = 'success' THEN 0 ELSE 1 END), 0,
    SUM(ended_ms - started_ms)"""
SUMS = """CAST(SUM(spend) AS BIGINT), CAST(SUM(prompt) AS BIGINT), CAST(SUM(completion) AS BIGINT), 0, 0, 0,
    CAST(SUM(requests) AS BIGINT), CAST(SUM(successes) AS BIGINT), CAST(SUM(failures) AS BIGINT), 0,
    CAST(SUM(duration) AS BIGINT)"""
OWNERS = {"key": "key_hash", "user": "user_id", "team": "team_id", "organization": "organization_id",
          "end_user": "end_user", "tag": "tag"}


class Sqlite:
    def __init__(self, file):
        self.url = f"sqlite:///{file}"
        self.file = file

    def open(self):
        self.db = sqlite3.connect(self.file, isolation_level=None)
        # Only while it is filled: a crash would cost the file, which is made again.
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000", "temp_store = FILE"):
            self.db.execute(f"PRAGMA {setting}")

    def run(self, sql):
        self.db.execute(sql)

    def number(self, sql):
        return self.db.execute(sql).fetchone()[0]

    def hex(self, value, width):
        return f"printf('%0{width}x', {value})"

    no = "0"

    def numbers(self, first, last):
        return f"""(WITH RECURSIVE numbers (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last - 1})
            SELECT n FROM numbers)"""

    def parts(self, first_day, last_day):
        pass

    def close(self):
        self.run("ANALYZE")
        self.run("PRAGMA journal_mode = WAL")
        self.db.close()


class Postgres:
    def __init__(self, url):
        self.url = url

    def open(self):
        pass

    def psql(self, sql):
        done = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", self.url], input=sql, text=True,
                              capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"psql: {done.stderr}")
        return done.stdout.strip()

    def run(self, sql):
        self.psql("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB';\n" + sql)

    def number(self, sql):
        return int(self.psql(sql))

    def hex(self, value, width):
        return f"lpad(to_hex(({value})::bigint), {width}, '0')"

    no = "FALSE"

    def numbers(self, first, last):
        return f"(SELECT generate_series({first}, {last - 1})::bigint AS n)"

    def parts(self, first_day, last_day):
        for part in range(first_day // 7, last_day // 7 + 3):
            self.run(f"""CREATE TABLE IF NOT EXISTS stagedoor_ledger_p{part} PARTITION OF stagedoor_ledger
                         FOR VALUES FROM ({part * 7}) TO ({part * 7 + 7})""")

    def close(self):
        self.run("VACUUM ANALYZE")


def expression(database, text):
    """A column's expression in the database's own words."""
    out, rest = "", text
    while "{hex:" in rest:
        before, _, rest = rest.partition("{hex:")
        inside, _, rest = rest.partition("}")
        value, _, width = inside.rpartition(":")
        out += before + database.hex(value, int(width))
    return (out + rest).replace("{no}", database.no).replace("{{}}", "{}")


def fill(database, rows):
    database.open()
    if database.number("SELECT COUNT(*) FROM (SELECT 1 FROM stagedoor_ledger LIMIT 1) AS one"):
        print("the database is filled already")
        return
    today = int(time.time() * 1000) // DAY_MS
    first = (today - DAYS + 1) * DAY_MS
    span = int(time.time() * 1000) - first
    database.parts(today - DAYS, today)
    definitions = []
    if isinstance(database, Sqlite):
        # Indexes are made afterwards, sorted, which is what makes this quick.
        definitions = [sql for (sql,) in database.db.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'stagedoor_ledger' AND sql IS NOT NULL")]
    else:
        definitions = database.psql("""SELECT pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indrelid = 'stagedoor_ledger'::regclass AND NOT indisprimary""").replace(" ON ONLY ", " ON ").splitlines()
    for sql in definitions:
        name = sql.split(" INDEX ")[1].split(" ")[0]
        database.run(f"DROP INDEX {name}")
    names = ", ".join(COLUMNS)
    values = ", ".join(expression(database, text) for text in COLUMNS.values())
    began = time.monotonic()
    for start in range(0, rows, PIECE):
        end = min(start + PIECE, rows)
        database.run(f"""INSERT INTO stagedoor_ledger ({names}) SELECT {values} FROM
            (SELECT n, n * 7919 % 1000 AS k, {first} + n * {span} / {rows} AS ms FROM {database.numbers(start, end)} AS a) AS b""")
        print(f"\r{end:>12,} rows, {time.monotonic() - began:.0f} s", end="", flush=True)
    print()
    for sql in definitions:
        database.run(sql)
    print(f"indexes after {time.monotonic() - began:.0f} s")
    sums(database, first)
    database.close()
    print(f"filled in {time.monotonic() - began:.0f} s")


def sums(database, first):
    """Totals of the days, accounts and the rows of their owners: what the program would have kept on the way."""
    database.run(f"""CREATE TABLE bench_days AS SELECT day, key_hash, user_id, team_id, organization_id, end_user,
        substr(tags, 3, length(tags) - 4) AS tag, model_group, model, provider, call_type, SUM(spend) AS spend,
        SUM(prompt_tokens) AS prompt, SUM(completion_tokens) AS completion, COUNT(*) AS requests,
        SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END) AS successes,
        SUM(CASE WHEN status = 'success' THEN 0 ELSE 1 END) AS failures, SUM(ended_ms - started_ms) AS duration
        FROM stagedoor_ledger GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11""")
    rest = "model_group, model, provider, call_type"
    database.run(f"INSERT INTO stagedoor_totals SELECT day, 'all', '', '', {rest}, {SUMS} FROM bench_days GROUP BY day, {rest}")
    kinds = {"all": None, **OWNERS}
    for kind, column in OWNERS.items():
        key = "''" if kind == "key" else "key_hash"
        group = "" if kind == "key" else ", key_hash"
        database.run(f"""INSERT INTO stagedoor_totals SELECT day, '{kind}', {column}, {key}, {rest}, {SUMS}
            FROM bench_days GROUP BY day, {column}{group}, {rest}""")
    database.run("DELETE FROM stagedoor_daily")
    database.run("""INSERT INTO stagedoor_daily (kind, day, owner, spend, requests)
        SELECT kind, day, owner, CAST(SUM(spend) AS BIGINT), CAST(SUM(requests) AS BIGINT) FROM stagedoor_totals
        GROUP BY kind, day, owner""")
    for kind, column in {**OWNERS, "global": "''", "model": "model_group"}.items():
        database.run(f"""INSERT INTO stagedoor_accounts (kind, owner, part, spend, adjust, total, period_start)
            SELECT '{kind}', {column}, '', CAST(SUM(spend) AS BIGINT), 0, CAST(SUM(spend) AS BIGINT), 0
            FROM bench_days {'' if kind == 'global' else 'GROUP BY ' + column}""")
    database.run("DROP TABLE bench_days")
    document = "'{{\"{}\":\"' || {} || '\"}}'"
    for table, count, name, field, more in [
        ("keys", 1000, expression(database, "{hex:n:64}"), "hash", {"alias": "'key-' || n", "blocked": database.no,
            "user_id": "'user-' || (n % 200)", "team_id": "'team-' || (n % 50)"}),
        ("users", 200, "'user-' || n", "user_id", {}),
        ("teams", 50, "'team-' || n", "team_id", {"alias": "'Team ' || n", "blocked": database.no}),
    ]:
        columns = "".join(f", {column}" for column in more)
        values = "".join(f", {value}" for value in more.values())
        database.run(f"""INSERT INTO stagedoor_{table} (id, part, created_ms, updated_ms, version, doc{columns})
            SELECT {name}, '', {first}, {first}, 1, {document.format(field, name)}{values}
            FROM {database.numbers(0, count)} AS a""")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    def __init__(self, binary, url, folder):
        self.port = free_port()
        config = folder / "ledger-bench.yaml"
        config.write_text(json.dumps({"model_list": [], "general_settings": {
            "master_key": MASTER, "database_url": url, "spool_dir": str(folder / "spool")}}))
        self.log = (folder / "gateway.log").open("wb")
        self.child = subprocess.Popen([binary, "--config", config, "--port", str(self.port), "--num_workers", "1"],
                                      stdout=self.log, stderr=self.log)
        end = time.monotonic() + 60
        while self.ask("/global/spend")[1] != 200:
            if self.child.poll() is not None or time.monotonic() > end:
                self.child.kill()
                raise SystemExit("the gateway does not answer:\n" + (folder / "gateway.log").read_text()[-2000:])
            time.sleep(0.1)

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {MASTER}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                size = len(reply.read())
                return (time.monotonic() - began) * 1000, reply.status, size
        except urllib.error.HTTPError as error:
            return (time.monotonic() - began) * 1000, error.code, 0
        except OSError:
            return 0, 0, 0

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()


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
            took, code, size = gateway.ask(path, body)
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
    Gateway(binary, database.url, folder).stop()
    fill(database, asked.rows)
    gateway = Gateway(binary, database.url, folder)
    try:
        slow = measure(gateway, asked.rounds, asked.bar)
    finally:
        gateway.stop()
        if not asked.keep and not asked.url:
            for ending in ("", "-wal", "-shm"):
                pathlib.Path(f"{database.file}{ending}").unlink(missing_ok=True)
    print(f"{slow} of {len(questions())} above {asked.bar:.0f} ms")
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
