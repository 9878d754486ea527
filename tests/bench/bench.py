"""CPU, latency, memory and start time of the gateway, beside an nginx that does nothing but proxy_pass.

How it measures, and why so:

* One fake provider answers for both; it is far from saturated, so what is measured is the hop in the middle.
* nginx and the gateway get the same number of workers (default 1: worker_processes 1 and --num_workers 1). A proxy
  with more threads pays more for scheduling, so unequal numbers would compare machines, not programs.
* nginx keeps its upstream connections open and buffers nothing, as one would configure it for streams; access logs
  are off. The gateway runs as it is shipped: master key checked, request parsed, metrics counted, usage scanned.
* CPU per request is user + system time of all the proxy's processes (/proc/PID/stat) over the requests in that time.
  It does not depend on what else the machine does, much less than rates and latencies do.
* Rounds alternate between the two and the table shows medians, so a slow minute hits both.
* Where no rate stands, the loop is closed: N connections, each sends its next request when its last one is
  answered. That shows what each hop can carry, but not the same work: the slower hop leaves the others idle, and
  waking them is charged to it. So there are rows at a fixed rate, too, where both do the same.

Rows: a plain chat completion; a stream of 50 chunks as fast as they come; both also at a fixed rate; a stream of 10
chunks, 20 ms apart, where a proxy that leaves Nagle's algorithm on shows 40 ms before the first token or between two
of them. "Governed" rows go to a second gateway, with a virtual key that has limits on everything and a budget, and
with the ledger in a SQLite file: every request is looked up, limited, priced, paid for, and becomes a row.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

MASTER_KEY = "sk-bench-master-key"
VIRTUAL_KEY = "sk-bench-virtual-key"
TICKS = os.sysconf("SC_CLK_TCK")
ROWS = [
    # name, model, provider key, streams, connections (None: as asked for), requests a second (None: as many as go)
    # A row whose name begins so is measured with a virtual key, limits, a budget and a ledger.
    ("chat, plain", "plain", "sk-fake.bench.id=plain", False, None, None),
    ("chat, plain, 5000/s", "plain", "sk-fake.bench.id=plain", False, 32, 5000),
    ("governed chat", "plain", "sk-fake.bench.id=plain", False, None, None),
    ("governed chat, 5000/s", "plain", "sk-fake.bench.id=plain", False, 32, 5000),
    ("stream, 50 chunks at once", "burst", "sk-fake.bench.chunks=50", True, None, None),
    ("stream, 50 chunks, 400/s", "burst", "sk-fake.bench.chunks=50", True, 32, 400),
    ("stream, paced 20 ms", "paced", "sk-fake.bench.chunks=10.chunk_delay=20", True, 32, None),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Proxy:
    """A program under test: its processes, its port."""

    def __init__(self, name, command, port, ready_path, folder, env=None):
        self.name, self.port = name, port
        self.log = (folder / f"{name}.log").open("wb")
        began = time.monotonic()
        self.child = subprocess.Popen(command, cwd=folder, stdout=self.log, stderr=self.log, env=env)
        # Polls without a pause: it is the time of the first answer that is wanted.
        while status(f"http://127.0.0.1:{port}{ready_path}") != 200:
            if self.child.poll() is not None or time.monotonic() - began > 10:
                self.stop()
                raise SystemExit(f"{name} did not start:\n" + (folder / f"{name}.log").read_text())
        self.start_ms = (time.monotonic() - began) * 1000

    def pids(self):
        """The process and all its children."""
        found, todo = [], [self.child.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                todo.extend(int(child) for child in children.read_text().split())
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            # The second field is the name in parentheses, which may hold spaces.
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def resident_mb(self):
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()


def start_fake(binaries, folder):
    child = subprocess.Popen([binaries / "fake-provider"], stdout=subprocess.PIPE, cwd=folder, text=True)
    return child, int(child.stdout.readline().rsplit(":", 1)[1])


def start_nginx(upstream, workers, folder):
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off;
worker_processes {workers};
error_log stderr error;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    upstream provider {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location = /ready {{ return 200; }}
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
""")
    command = [shutil.which("nginx"), "-p", str(folder), "-c", str(config), "-e", "stderr"]
    return Proxy("nginx", command, port, "/ready", folder)


def is_governed(row):
    return row[0].startswith("governed")


def start_gateway(binaries, upstream, workers, folder, name="stagedoor", settings=None, environment=None):
    port = free_port()
    folder = folder / name
    folder.mkdir(exist_ok=True)
    config = folder / "config.yaml"
    general = {"master_key": MASTER_KEY}
    if name == "governed":
        general["database_url"] = f"sqlite:///{folder}/ledger.db"
    deployments = [
        {"model_name": model, "litellm_params": {
            "model": "openai/gpt-4o", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": key}}
        for model, key in dict.fromkeys((row[1], row[2]) for row in ROWS)
    ]
    # JSON is YAML too.
    config.write_text(json.dumps({"model_list": deployments, "general_settings": general, **(settings or {})}))
    command = [binaries / "stagedoor", "--config", config, "--host", "127.0.0.1", "--port", str(port),
               "--num_workers", str(workers)]
    command = [str(part) for part in command]
    environment = {**os.environ, **environment} if environment else None
    return Proxy(name, command, port, "/health/liveliness", folder, environment)


def start_governed(binaries, upstream, folder, place, settings=None, environment=None):
    """A gateway with one worker for governed rows, with sections of the configuration and variables beside the usual."""
    folder = folder / place.replace(" ", "-")
    folder.mkdir()
    proxy = start_gateway(binaries, upstream, 1, folder, "governed", settings, environment)
    make_key(proxy)
    return proxy


def make_key(proxy):
    """The virtual key of the governed rows: nothing is unlimited, and nothing is used up."""
    limits = {"key": VIRTUAL_KEY, "max_budget": 1e6, "budget_duration": "30d", "rpm_limit": 10**9, "tpm_limit": 10**12,
              "max_parallel_requests": 10**6}
    request = urllib.request.Request(
        f"http://127.0.0.1:{proxy.port}/key/generate", json.dumps(limits).encode(),
        {"Authorization": f"Bearer {MASTER_KEY}", "Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).read()


def measure(binaries, proxy, row, options):
    _, model, key, stream, connections, rate = row
    key = {"stagedoor": MASTER_KEY, "governed": VIRTUAL_KEY}.get(proxy.name, key)
    command = [binaries / "load", "--url", f"http://127.0.0.1:{proxy.port}/v1/chat/completions", "--key", key,
               "--model", model, "--connections", str(connections or options.connections),
               "--seconds", str(options.seconds)]
    if rate:
        command += ["--rate", str(rate)]
    if stream:
        command.append("--stream")
    before = proxy.cpu_seconds()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    used = proxy.cpu_seconds() - before
    result = json.loads(done.stdout)
    if result["errors"]:
        raise SystemExit(f"{proxy.name}, {row[0]}: {result['errors']} errors: {result['last_error']}")
    result["cpu_us"] = used * 1e6 / max(result["requests"], 1)
    return result


def medians(results):
    return {name: statistics.median(r[name] for r in results) for name in results[0] if name != "last_error"}


def table(measured):
    columns = [("CPU µs/request", "cpu_us"), ("p50 µs", "p50_us"), ("p99 µs", "p99_us"),
               ("first token p50 µs", "first_p50_us"), ("first token p99 µs", "first_p99_us"),
               ("gap p99 µs", "gap_p99_us"), ("requests/s", "per_second")]
    lines = ["| row | measure | nginx | stagedoor | ratio |", "|---|---|---:|---:|---:|"]
    for row in ROWS:
        nginx, gateway = measured[row[0], "nginx"], measured[row[0], "governed" if is_governed(row) else "stagedoor"]
        for title, name in columns:
            if not row[3] and name.startswith(("first", "gap")):
                continue
            ratio = gateway[name] / nginx[name] if nginx[name] else float("nan")
            lines.append(f"| {row[0]} | {title} | {nginx[name]:.0f} | {gateway[name]:.0f} | {ratio:.2f} |")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", type=pathlib.Path, help="write all results there, too")
    options = parser.parse_args()
    binaries = options.binaries.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stagedoor-bench-"))
    # nginx started by root would drop to a user who cannot write into a private folder.
    folder.chmod(0o777)
    fake, upstream = start_fake(binaries, folder)
    proxies = []
    try:
        starts = []
        for _ in range(5):
            proxy = start_gateway(binaries, upstream, options.workers, folder)
            starts.append(proxy.start_ms)
            proxy.stop()
        proxies = [start_nginx(upstream, options.workers, folder),
                   start_gateway(binaries, upstream, options.workers, folder),
                   start_gateway(binaries, upstream, options.workers, folder, "governed")]
        make_key(proxies[-1])
        idle = {proxy.name: proxy.resident_mb() for proxy in proxies}
        all_results, measured = {}, {}
        for row in ROWS:
            pair = [proxies[0], proxies[2 if is_governed(row) else 1]]
            for proxy in pair:
                measure(binaries, proxy, row, argparse.Namespace(connections=options.connections, seconds=0.5))
            for _ in range(options.rounds):
                for proxy in pair:
                    result = measure(binaries, proxy, row, options)
                    all_results.setdefault((row[0], proxy.name), []).append(result)
        measured = {name: medians(results) for name, results in all_results.items()}
        print(f"{options.rounds} rounds of {options.seconds:g} s, {options.connections} connections "
              f"(paced: 32), {options.workers} worker(s) each; medians\n")
        print("\n".join(table(measured)))
        print("\n| | nginx | stagedoor | governed |\n|---|---:|---:|---:|")
        busy = {proxy.name: proxy.resident_mb() for proxy in proxies}
        for title, figures in (("resident MB, idle", idle), ("resident MB, after load", busy)):
            print(f"| {title} | " + " | ".join(f"{figures[proxy.name]:.1f}" for proxy in proxies) + " |")
        print(f"| start to first 200, ms | | {statistics.median(starts):.0f} | |")
        if options.json:
            options.json.write_text(json.dumps({
                "rows": [{"row": row, "proxy": proxy, "median": measured[row, proxy], "rounds": rounds}
                         for (row, proxy), rounds in all_results.items()],
                "resident_mb": {"idle": idle, "busy": busy}, "start_ms": starts}, indent=1))
    finally:
        for proxy in proxies:
            proxy.stop()
        fake.kill()
        fake.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
