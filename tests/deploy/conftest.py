"""Fixtures: one cluster for the tests that need one, started as a person starts it."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pytest

from tools import PATH, ROOT, program, stagedoor

sys.path.insert(0, str(ROOT / "cluster"))
from local.tools import free_ports  # noqa: E402

PATIENCE = 60.0


def eventually(what, ready, within=PATIENCE):
    """Polls until `ready` answers something, and returns that."""
    deadline = time.monotonic() + within
    while True:
        found = ready()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.02)


def call(method, url, key=None, body=None, timeout=10):
    """(status, text); status 0 where nobody answers."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def session_of(pid):
    """All living processes that have that process among their ancestors, with what they are."""
    parents, names = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if rest.split()[0] != "Z":
                parents[int(entry)], names[int(entry)] = int(rest.split()[1]), name
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return {one: names.get(one, "?") for one in found}
        found |= more


class Up:
    """cluster/up, running."""

    def __init__(self, folder, *arguments, env=None):
        self.folder = folder
        # Nobody has to notice the end of a test; nothing of the developer's own environment reaches the replicas.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LITELLM_", "DATABASE_", "REDIS_"))}
        quick = {"PATH": PATH, "GRACEFUL_SHUTDOWN_TIMEOUT": "5"}
        with (folder / "said").open("wb") as said:
            self.child = subprocess.Popen(
                [str(ROOT / "cluster" / "up"), "--binary", stagedoor(), "--folder", str(folder / "cluster"), "--json", *arguments],
                stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL, env={**clean, **quick, **(env or {})}, text=True,
            )
        line = self.child.stdout.readline()
        assert line, f"it did not start:\n{self.said()}"
        self.info = json.loads(line)
        self.key = self.info["master_key"]

    def said(self):
        return (self.folder / "said").read_text()

    def now(self):
        """What cluster.json says at this moment."""
        return json.loads((self.folder / "cluster" / "cluster.json").read_text())

    def chat(self, address=None):
        body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
        return call("POST", f"{address or self.info['address']}/v1/chat/completions", self.key, body)

    def stop(self, number=signal.SIGINT):
        if self.child.poll() is None:
            self.child.send_signal(number)
        code = self.child.wait(PATIENCE)
        self.child.stdout.close()
        return code


@contextlib.contextmanager
def open_folder():
    """A temporary folder that everybody may enter: as root, PostgreSQL runs as somebody else."""
    with tempfile.TemporaryDirectory(prefix="stagedoor-deploy-") as folder:
        os.chmod(folder, 0o711)
        yield pathlib.Path(folder)


@pytest.fixture
def folder():
    with open_folder() as made:
        yield made


@pytest.fixture(scope="session")
def cluster():
    with open_folder() as made:
        up = Up(made)
        yield up
        up.stop()


@pytest.fixture(scope="session")
def prometheus(cluster, tmp_path_factory):
    """A Prometheus that scrapes the cluster's replicas and its load balancer under the rules of the repository."""
    folder = tmp_path_factory.mktemp("prometheus")
    (port,) = free_ports(1)
    hosts = [replica["address"].removeprefix("http://") for replica in cluster.info["replicas"]]
    balancer = cluster.info["balancer"]["metrics"].removeprefix("http://").removesuffix("/metrics")
    jobs = [{"job_name": "stagedoor", "static_configs": [{"targets": hosts}]},
            {"job_name": "balancer", "static_configs": [{"targets": [balancer]}]}]
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": jobs,
              "rule_files": [str(ROOT / "cluster" / "prometheus" / "alerts.yml")]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )
    yield f"http://127.0.0.1:{port}"
    child.terminate()
    child.wait(PATIENCE)
