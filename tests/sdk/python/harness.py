"""Starts the fake provider and the gateway as processes, and waits for conditions instead of sleeping."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
PATIENCE = 10.0
MASTER_KEY = "sk-suite-master-key"


def binary(name, variable):
    path = pathlib.Path(os.environ.get(variable) or ROOT / "target" / "debug" / name)
    if not path.exists():
        raise SystemExit(f"{path} is missing: build it first (cargo build --workspace), or set {variable}")
    return str(path)


def http(method, url, body=None, headers=None, timeout=PATIENCE):
    """One plain request: (status, headers, parsed JSON or text)."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            status, raw, got = reply.status, reply.read(), reply.headers
    except urllib.error.HTTPError as error:
        status, raw, got = error.code, error.read(), error.headers
    try:
        return status, got, json.loads(raw)
    except ValueError:
        return status, got, raw.decode(errors="replace")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A child process with its output in a file; ended by SIGTERM, then by SIGKILL."""

    def __init__(self, command, cwd, env):
        self.output_path = pathlib.Path(cwd) / (pathlib.Path(command[0]).name + ".log")
        self.output_file = self.output_path.open("wb")
        self.child = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=self.output_file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )

    @property
    def output(self):
        return self.output_path.read_text(errors="replace")

    def wait_for(self, what, ready):
        """Polls `ready` until it holds; fails with the process's output when it dies or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise AssertionError(f"{what}: exited with {self.child.returncode}:\n{self.output}")
            found = ready()
            if found:
                return found
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(0.01)
        raise AssertionError(f"{what}: not ready within {PATIENCE} s:\n{self.output}")

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.output_file.close()


class FakeProvider:
    def __init__(self, folder):
        self.process = Process([binary("fake-provider", "FAKE_PROVIDER_BIN")], folder, dict(os.environ))

        def address():
            output = self.process.output
            return output.split("listening on ", 1)[1].split("\n", 1)[0] if output.endswith("\n") else None

        self.base = self.process.wait_for("fake provider", address)
        self.v1 = self.base + "/v1"

    def script(self, key, **directives):
        status, _, body = http("POST", f"{self.base}/_control/{urllib.parse.quote(key)}", directives)
        assert status == 200, body

    def log(self, key):
        return http("GET", f"{self.base}/_log?key={urllib.parse.quote(key)}")[2]

    def last(self, key):
        """The last request received with that key."""
        return self.log(key)[-1]

    def stats(self, key):
        return http("GET", f"{self.base}/_stats?key={urllib.parse.quote(key)}")[2]

    def wait(self, key, within=5.0, **counts):
        """Waits in the provider until its counts for the key are so: in_flight, requests, completed, aborted."""
        query = urllib.parse.urlencode({"key": key, "within_ms": int(within * 1000), **counts})
        status, _, stats = http("GET", f"{self.base}/_wait?{query}", timeout=within + 5)
        assert status == 200, f"{key}: not {counts} within {within} s, last {stats}"
        return stats

    def stop(self):
        self.process.stop()


class Gateway:
    """A gateway with a config of the test's, on a free port, in a folder of its own."""

    def __init__(self, folder, config, env=None, master_key=MASTER_KEY):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gateway-", dir=folder))
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.key = master_key
        path = self.folder / "config.yaml"
        path.write_text(config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False))
        command = [binary("stagedoor", "STAGEDOOR_BIN"), "--config", str(path)]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        # Nothing of the developer's own environment may decide where requests go.
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "ANTHROPIC_", "AZURE_", "LITELLM_"))}
        # No load balancer has to notice the end of a test; what is still open then has leaked.
        quick = {"SHUTDOWN_DRAIN_DELAY": "0", "GRACEFUL_SHUTDOWN_TIMEOUT": "2"}
        self.process = Process(command, self.folder, {**clean, **quick, **(env or {})})
        self.process.wait_for("gateway", self.alive)

    def alive(self):
        try:
            return http("GET", self.base + "/health/liveliness", timeout=2)[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=None):
        return http(method, self.base + path, body, {"authorization": f"Bearer {self.key}", **(headers or {})})

    def stop(self):
        self.process.stop()
        assert self.process.child.returncode == 0, f"the gateway did not end well:\n{self.process.output}"


def deployment(fake, group, key, model="openai/gpt-4o", **params):
    """An entry of `model_list` that goes to the fake provider with `key`."""
    base = fake.v1 if model.startswith(("openai/", "text-completion-openai/")) else fake.base
    return {"model_name": group, "litellm_params": {"model": model, "api_base": base, "api_key": key, **params}}


def config(*deployments, litellm=None, router=None, general=None):
    """A config with quiet defaults: no retries unless the test wants them."""
    return {
        "model_list": list(deployments),
        "litellm_settings": {"num_retries": 0, **(litellm or {})},
        "router_settings": router or {},
        "general_settings": {"master_key": MASTER_KEY, **(general or {})},
    }
