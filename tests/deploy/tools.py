"""What the tests share: running programs, rendering manifests, files of the repository."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
# Programs that tests/run unpacks where the system has none.
UNPACKED = ROOT / "target" / "deploy" / "kubectl"
PATH = os.pathsep.join([str(BIN), os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(UNPACKED)])


def program(*names):
    """The first of these that is installed."""
    for name in names:
        found = shutil.which(name, path=PATH)
        if found:
            return found
    raise AssertionError(f"{' or '.join(names)} is not installed; tests/run installs it")


def run(*command, text=None, env=None, cwd=ROOT, timeout=120):
    """Runs a program to its end; its whole output is in the failure if it does not succeed."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, input=text, text=True, timeout=timeout,
        env={**os.environ, "PATH": PATH, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def stagedoor():
    return os.environ.get("STAGEDOOR_BIN") or str(ROOT / "target" / "debug" / "stagedoor")


def read(path):
    return (ROOT / path).read_text()


def documents(text):
    return [one for one in yaml.safe_load_all(text) if one]


@functools.cache
def rendered(overlay):
    """What `kubectl apply -k` would send."""
    found = program("kustomize", "kubectl")
    command = [found, "build"] if pathlib.Path(found).name == "kustomize" else [found, "kustomize"]
    return documents(run(*command, f"k8s/overlays/{overlay}"))


def of_kind(resources, kind):
    found = [one for one in resources if one["kind"] == kind]
    assert len(found) == 1, f"{len(found)} of kind {kind}"
    return found[0]


def compose():
    return yaml.safe_load(read("docker-compose.yml"))


def metric_names():
    """Every metric that the gateway has: the constants of src/telemetry/names.rs."""
    return set(re.findall(r'^pub const \w+: &str = "(\w+)";', read("src/telemetry/names.rs"), re.MULTILINE))


def board():
    return json.loads(read("cluster/grafana/boards/stagedoor.json"))


def board_queries(title=None):
    """(panel, query) of the board."""
    return [
        (panel["title"], target["expr"])
        for panel in board()["panels"]
        for target in panel.get("targets", [])
        if title in (None, panel["title"])
    ]


def seed(first_line):
    """The block of the tutorial that begins with this line."""
    blocks = re.findall(r"```\w+\n(.*?)```", read("tests/seeds/litellm-proxy-tutorial.md"), re.DOTALL)
    found = [block for block in blocks if block.startswith(first_line)]
    assert len(found) == 1, f"{len(found)} blocks begin with {first_line}"
    return found[0]
