"""Keys, spend and budgets as the two public documents show them: their commands and code cut out of the documents and run
as they stand, on SQLite and on PostgreSQL. The only changes are the gateway's port and, in the tutorial, the address of
the PostgreSQL server."""

import hashlib
import json
import os
import re
import subprocess
import time

import pytest
import yaml

from harness import binary, deployment
from postgres import Postgres
from test_seeds import GUIDE, TEXT, between, block, provider_env, run

MASTER = "sk-master-key"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Postgres(tmp_path_factory.mktemp("postgres") / "server")
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The URL of an empty database."""
    return "sqlite:///seeds.db" if request.param == "sqlite" else request.getfixturevalue("server").url()


def shell(command, gateway, cwd, env=None):
    """Runs a shell command of a document; its JSON or text."""
    command = re.sub(r"http://localhost:\d+", f"http://localhost:{gateway.port}", command)
    done = subprocess.run(["bash", "-c", command], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout.strip()


def eventually(what, look, within=15):
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within} s: {what}")


# The tutorial's keys are shorter than what one may choose without saying so.
SHORT_KEYS = {"LITELLM_MASTER_KEY": MASTER, "MINIMUM_CUSTOM_KEY_LENGTH": "8"}


def key(gateway, text, **more):
    """A key with this text, as the documents' snippets have one."""
    status, _, made = gateway.request("POST", "/key/generate", {"key": text, **more})
    assert status == 200, made
    return made


def chat(gateway, api_key, model):
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    status, _, answer = gateway.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {api_key}"})
    return status, answer


def test_guide_keys_and_spend(fake, start, database, tmp_path):
    env = {**provider_env(fake), "LITELLM_MASTER_KEY": "YOUR_MASTER_KEY", "DATABASE_URL": database}
    gateway = start(between("model_list:", "os.environ/VARIABLE_NAME"), env=env, master_key="YOUR_MASTER_KEY")
    made = shell(between("curl -X POST http://localhost:4000/key/generate", "The response contains"), gateway, tmp_path)
    assert made["key"].startswith("sk-")
    assert (made["max_budget"], made["budget_duration"], made["rpm_limit"]) == (5.0, "30d", 100)
    assert made["models"] == ["gpt-fast", "gpt4o-pool"]
    # "It can only call the models you specified."
    assert chat(gateway, made["key"], "gpt-fast")[0] == 200
    assert chat(gateway, made["key"], "claude-quality")[0] == 403
    key(gateway, "sk-your-virtual-key")
    assert run(between("from openai import OpenAI", "This means LangChain"), gateway, tmp_path) == TEXT
    spend = between("curl http://localhost:4000/spend/logs", "The proxy exposes a Prometheus")

    def rows():
        found = shell(spend, gateway, tmp_path)
        assert isinstance(found, list), found
        good = [row for row in found if row["spend"] > 0]
        return good if len(good) == 2 else None

    hashes = {hashlib.sha256(text.encode()).hexdigest() for text in (made["key"], "sk-your-virtual-key")}
    assert {row["api_key"] for row in eventually("two rows that cost something", rows)} == hashes
    assert "YOUR_MASTER_KEY" in GUIDE and "status" in shell("curl http://localhost:4000/health/readiness", gateway, tmp_path)


def priced(fake):
    """The models of the tutorial's user blocks, which name none."""
    models = [deployment(fake, name, f"sk-money-{name}", model=f"openai/{name}") for name in ("gpt-4", "gpt-3.5-turbo")]
    return "\n" + yaml.safe_dump({"model_list": models})


def test_tutorial_generates_a_key_for_a_user(fake, start, database, tmp_path):
    text = block("yaml", "Authentication")
    settings, rest = text.split("# Virtual keys (recommended for production)")
    command, use = rest.split("# Returns: sk-user1-key-12345")
    if database.startswith("postgresql"):
        settings += command.split("# Create virtual keys")[0].replace("postgresql://user:pass@host:5432/litellm", database)
    gateway = start(settings + priced(fake), env={"LITELLM_MASTER_KEY": MASTER}, master_key=MASTER)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "litellm").symlink_to(binary("stagedoor", "STAGEDOOR_BIN"))
    line = next(line for line in command.splitlines() if line.startswith("litellm "))
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "LITELLM_MASTER_KEY": MASTER}
    made = shell(line, gateway, gateway.folder, env)
    assert made.startswith("sk-") and chat(gateway, made, "gpt-3.5-turbo")[0] == 200
    assert chat(gateway, made, "gpt-4")[0] == 403, "the file's user1 may not"
    key(gateway, "sk-user1-key-12345", user_id="user1")
    asks = """
response = client.chat.completions.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Hello"}])
"""
    use = use.split("# Use virtual key")[1]
    assert run("import openai\n" + use + asks, gateway, tmp_path) == TEXT


def test_tutorial_spend_and_budgets(fake, start, database, tmp_path):
    settings = block("yaml", "Cost Tracking").replace("sqlite:///costs.db", database)
    gateway = start(settings + priced(fake), env=SHORT_KEYS, master_key=MASTER)
    key(gateway, "sk-user1-key", user_id="team_a")
    assert gateway.request("POST", "/user/new", {"user_id": "user123", "max_budget": 10})[0] == 200
    key(gateway, "sk-user-key", user_id="user123")
    for text in ("sk-user1-key", "sk-user-key"):
        assert chat(gateway, text, "gpt-4")[0] == 200
    own = block("python", "Cost Tracking")
    spent = lambda snippet: run(snippet, gateway, tmp_path)
    first = eventually("team_a has spent", lambda: (got := spent(own))["json"]["total_spend"] > 0 and got)
    assert first["status"] == 200
    endpoints = "import requests\n" + block("python", "API Endpoints")
    mine = endpoints.split("# Admin endpoints")[0]
    user = eventually("user123 has spent", lambda: (got := spent(mine))["json"]["total_spend"] > 0 and got)
    everybody = spent(endpoints.split("# Reset budget")[0])
    assert everybody["status"] == 200
    total = user["json"]["total_spend"] + first["json"]["total_spend"]
    assert abs(everybody["json"]["spend"] - total) < 1e-12, everybody
    assert spent(endpoints)["status"] == 200
    assert spent(mine)["json"]["spend"] == 0
    assert spent(own)["json"]["total_spend"] == first["json"]["total_spend"], "nobody else's budget was reset"
