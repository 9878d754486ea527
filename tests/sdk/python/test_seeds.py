"""The code of the two public documents, cut out of them and run as it stands (see run_snippet.py)."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from harness import ROOT, config, deployment

TEXT = "Hello there friend"
GUIDE = (ROOT / "tests/seeds/litellm-proxy-guide.txt").read_text()
TUTORIAL = (ROOT / "tests/seeds/litellm-proxy-tutorial.md").read_text()


def between(first, after):
    """The guide's lines from the one that begins with `first` up to the one that begins with `after`."""
    lines = GUIDE.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(first))
    end = next(i for i, line in enumerate(lines) if i > start and line.startswith(after))
    return "\n".join(lines[start:end]) + "\n"


def block(language, heading):
    """The first code block of a language under a heading of the tutorial."""
    section = TUTORIAL.split(f"# {heading}\n", 1)[1]
    return re.search(rf"```{language}\n(.*?)```", section, re.DOTALL).group(1)


def run(snippet, gateway, cwd, env=None):
    done = subprocess.run(
        [sys.executable, str(pathlib.Path(__file__).parent / "run_snippet.py"), str(gateway.port)],
        input=snippet, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    line = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")][-1]
    return json.loads(line.removeprefix("RESULT "))


def provider_env(fake):
    """Where the documents' deployments go: nothing in their configs names an address."""
    return {
        "OPENAI_API_KEY": "sk-seed-openai", "OPENAI_API_BASE": fake.v1,
        "OPENAI_API_KEY_1": "sk-seed-openai-1", "OPENAI_API_KEY_2": "sk-seed-openai-2",
        "ANTHROPIC_API_KEY": "sk-ant-seed", "ANTHROPIC_API_BASE": fake.base,
    }


def test_guide_openai(fake, start, tmp_path):
    env = {**provider_env(fake), "LITELLM_MASTER_KEY": "sk-your-virtual-key", "DATABASE_URL": "sqlite:///guide.db"}
    settings = between("model_list:", "os.environ/VARIABLE_NAME")
    gateway = start(settings, env=env, master_key="sk-your-virtual-key")
    assert run(between("from openai import OpenAI", "This means LangChain"), gateway, tmp_path) == TEXT
    assert fake.last("sk-ant-seed")["body"]["model"] == "claude-sonnet-4-6"


def test_tutorial_openai(fake, start, tmp_path):
    text = block("yaml", "Configuration File").replace('"sk-1234"', '"your-proxy-key"')
    gateway = start(text, env=provider_env(fake), master_key="your-proxy-key")
    assert run(block("python", "Using the Proxy"), gateway, tmp_path) == TEXT
    assert fake.last("sk-seed-openai")["body"]["model"] == "gpt-4"
    assert fake.last("sk-ant-seed")["body"]["model"] == "claude-3-opus-20240229"


@pytest.fixture
def tutorial(fake, start):
    """The tutorial's config with the key that its integration examples use."""
    settings = yaml.safe_load(block("yaml", "Configuration File"))
    settings["general_settings"]["master_key"] = "sk-your-proxy-key"
    # The index of the LlamaIndex example needs embeddings, which the document leaves to the defaults.
    settings["model_list"].append(deployment(fake, "text-embedding-ada-002", "sk-seed-embed",
                                             model="openai/text-embedding-ada-002"))
    return start(settings, env=provider_env(fake), master_key="sk-your-proxy-key")


def test_tutorial_integration_openai(tutorial, tmp_path):
    assert run(block("python", "OpenAI SDK Integration"), tutorial, tmp_path) == TEXT


def test_tutorial_langchain(tutorial, fake, tmp_path):
    assert run(block("python", "LangChain Integration"), tutorial, tmp_path) == TEXT
    assert "quantum computing" in json.dumps(fake.last("sk-seed-openai")["body"]["messages"])


def test_tutorial_llamaindex(tutorial, fake, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "essay.txt").write_text("The meaning of life is forty-two.\n" * 20)
    env = {"OPENAI_API_KEY": tutorial.key, "OPENAI_API_BASE": tutorial.base}
    assert run(block("python", "LlamaIndex Integration"), tutorial, tmp_path, env) == TEXT
    assert fake.stats("sk-seed-embed")["requests"] >= 2, "the documents and the question are embedded"
    assert "forty-two" in json.dumps(fake.last("sk-seed-openai")["body"]["messages"])


def test_tutorial_endpoints(start, fake, tmp_path):
    gateway = start(config(deployment(fake, "gpt-4", "sk-seed-endpoints")))
    # The rest of the block asks for spending, which needs a database.
    snippet = "import requests\n" + block("python", "API Endpoints").split("# Get user spending")[0]
    assert run(snippet, gateway, tmp_path)["status"] == 401, "the document sends no key for the models"
    assert gateway.request("GET", "/health", headers={"authorization": ""})[0] == 200
    status, _, models = gateway.request("GET", "/v1/models")
    assert (status, [m["id"] for m in models["data"]]) == (200, ["gpt-4"])
