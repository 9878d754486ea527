"""The programs of a benchmark, each on a free port of 127.0.0.1 and in a folder of its own, and what they use.

The processes are those of `cluster/local`: they end with whoever started them, and PostgreSQL runs as somebody else than
root. What is new here is what is measured of them: CPU, memory, the time to the first answer.
"""

import json
import os
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from cluster.local import tools  # noqa: E402
from cluster.local.postgres import Postgres  # noqa: E402
from cluster.local.process import Process  # noqa: E402
from cluster.local.redis import Redis  # noqa: E402

import config  # noqa: E402
from config import MASTER_KEY, VIRTUAL_KEY  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")

# Where gateways look beside their configuration: what is measured is what stands in the configuration.
for name in ("DATABASE_URL", "REDIS_URL", "REDIS_HOST", "LITELLM_MASTER_KEY", "CONFIG_FILE_PATH"):
    os.environ.pop(name, None)


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def raise_open_files():
    """Lets this program and those that it starts open as many files as the machine allows; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    try:
        # Root may go beyond the hard limit, unless it is fenced in.
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(most, 65536), max(most, 65536)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Program(Process):
    """A process that serves HTTP, with all its children."""

    def __init__(self, name, folder, command, port, ready_path, environment=None):
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(name, folder, command, environment)
        self.port, self.ready_path = port, ready_path
        self.start_ms = 0.0

    def begin(self, patience=60.0):
        """Starts it and returns when it answers."""
        began = time.monotonic()
        self.start()
        # Polls without a pause: it is the time of the first answer that is wanted.
        while status(f"http://127.0.0.1:{self.port}{self.ready_path}") != 200:
            if self.ended() or time.monotonic() - began > patience:
                self.kill()
                raise SystemExit(f"{self.name} did not start:\n{self.last_words()}")
        self.start_ms = (time.monotonic() - began) * 1000
        return self

    def end(self):
        self.ask_to_stop()
        self.wait_until_stopped(20)

    def last_words(self, lines=15):
        """What it said at last, but for the lines of requests, of which there are millions."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - (1 << 22)))
            text = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in [line for line in text if " INFO request " not in line][-lines:])

    def pids(self):
        """The process and all its children."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                todo.extend(int(child) for child in children.read_text().split())
        return found

    def cpu_seconds(self):
        """User and system time of all its processes so far."""
        return sum(cpu_seconds(pid) for pid in self.pids())

    def resident_kb(self):
        """Resident memory of all its processes, KiB."""
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return sum(int(re.search(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)[1]) for text in texts)


def cpu_seconds(pid):
    # The second field is the name in parentheses, which may hold spaces.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Fake:
    """The provider that answers for everybody."""

    def __init__(self, binaries, folder):
        command = [str(binaries / "fake-provider")]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder, text=True)
        self.port = int(self.child.stdout.readline().rsplit(":", 1)[1])

    def cpu_seconds(self):
        return cpu_seconds(self.child.pid)

    def end(self):
        self.child.kill()
        self.child.wait()


def nginx(upstream, workers, folder):
    """An nginx that does nothing but pass on."""
    folder = folder / "nginx"
    folder.mkdir()
    # Started by root it would drop to a user who cannot write into a private folder.
    folder.chmod(0o777)
    port = tools.free_ports(1)[0]
    file = folder / "nginx.conf"
    file.write_text(f"""
daemon off;
worker_processes {workers};
error_log stderr error;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # Bodies stay in memory.
    client_max_body_size 16m;
    client_body_buffer_size 4m;
    keepalive_requests 1000000000;
    upstream provider {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
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
    program = shutil.which("nginx", path=tools.search_path())
    if not program:
        raise SystemExit("nginx is not installed (tests/run installs it)")
    return Program("nginx", folder, [program, "-p", folder, "-c", file, "-e", "stderr"], port, "/ready").begin()


def gateway(binary, folder, settings, workers=1, environment=None, wrap=()):
    """A gateway with these settings (its configuration as a dict), not started yet; `wrap` is a program that runs it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = tools.free_ports(1)[0]
    file = folder / "config.yaml"
    # JSON is YAML too.
    file.write_text(json.dumps(settings))
    command = [*wrap, binary, "--config", file, "--host", "127.0.0.1", "--port", port, "--num_workers", workers]
    # The wait for load balancers, of which there are none here.
    environment = {"SHUTDOWN_DRAIN_DELAY": "0", **(environment or {})}
    return Program("stagedoor", folder, command, port, "/health/liveliness", environment)


def governed(binaries, upstream, place, environment=None, **sections):
    """A gateway with one worker, a ledger, and the virtual key; sections of the configuration beside the usual ones."""
    place.mkdir(parents=True)
    settings = config.governed(upstream, place, **sections)
    started = gateway(binaries / "stagedoor", place, settings, environment=environment).begin()
    make_key(started)
    return started


def answer(port, path, body=None, patience=30):
    """Asks a gateway's management, by GET where there is no body; (status, text), or (0, "") where nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {MASTER_KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=patience) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def make_key(proxy, key=VIRTUAL_KEY, **more):
    """A virtual key on which nothing is unlimited, and nothing is used up."""
    limits = {"max_budget": 1e6, "budget_duration": "30d", "rpm_limit": 10**9, "tpm_limit": 10**12,
              "max_parallel_requests": 10**6}
    code, text = answer(proxy.port, "/key/generate", {"key": key, **limits, **more})
    if code != 200:
        raise SystemExit(f"{proxy.name} makes no key: status {code} {text}")


def redis(folder):
    folder = folder / "redis"
    folder.mkdir()
    started = Redis(tools.programs()["redis"], folder, tools.free_ports(1)[0], "bench")
    started.start()
    started.wait_for(started.ready)
    return started


def postgres(folder):
    folder = folder / "postgres"
    folder.mkdir()
    started = Postgres(tools.programs(), folder, tools.free_ports(1)[0], "bench", True)
    started.start()
    started.wait_for(started.ready)
    return started


def round_trip_us(port, password):
    """A PING to a Redis, the median of many, microseconds."""
    took = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"AUTH {password}\r\n".encode())
        connection.recv(64)
        for _ in range(500):
            began = time.monotonic()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            took.append((time.monotonic() - began) * 1e6)
    return statistics.median(took)


def end(process):
    """Ends a Redis or a PostgreSQL."""
    process.ask_to_stop()
    process.wait_until_stopped(20)


def litellm(venv, folder, settings, workers):
    """The LiteLLM proxy of a virtual environment, with the same models as the gateway and without a database."""
    folder = folder / "litellm"
    folder.mkdir()
    program = venv / "bin" / "litellm"
    if not os.access(program, os.X_OK):
        raise SystemExit(f"--litellm: {program} is not there; a virtual environment with litellm[proxy] is wanted")
    port = tools.free_ports(1)[0]
    file = folder / "config.yaml"
    file.write_text(json.dumps(settings))
    command = [program, "--config", file, "--host", "127.0.0.1", "--port", port, "--num_workers", workers]
    # Its price list comes from the package instead of the network.
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    return Program("litellm", folder, command, port, "/health/liveliness", environment).begin(300)
