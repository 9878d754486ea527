"""Ledger rows by the million, made by SQL in the database itself: the program would do the same, row by row."""

import sqlite3
import subprocess
import time

DAY_MS = 86_400_000
DAYS = 90
PIECE = 500_000

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
