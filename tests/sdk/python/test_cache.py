"""The response cache as the SDKs' users see it: the documents' caching snippets, and what a request says of the cache."""

import shutil
import subprocess

import openai
import pytest

from harness import config, deployment, free_port
from test_seeds import GUIDE, block

HELLO = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
def redis(tmp_path):
    """A Redis of the test's own; its port."""
    assert shutil.which("redis-server"), "redis-server is not installed"
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    yield port
    server.kill()
    server.wait()


def client(gateway):
    return openai.OpenAI(api_key=gateway.key, base_url=gateway.base, max_retries=0)


def ask(client, content="Hello!", **more):
    """What was said, and whether the cache said it."""
    messages = [{"role": "user", "content": content}]
    reply = client.chat.completions.with_raw_response.create(model="gpt-4", messages=messages, **more)
    return reply.parse().choices[0].message.content, reply.headers.get("x-litellm-cache-hit")


def hits(client, content):
    """Asks until the answer is kept, which happens behind the first request."""
    return next((True for _ in range(200) if ask(client, content)[1] == "True"), False)


def test_guide_redis_caching(fake, start, key, redis):
    """"Identical messages to the same model return the cached response", "a single character difference [is] a miss"."""
    _, snippet = GUIDE.split("exact-match caching via Redis:\n", 1)
    snippet = snippet.split("With exact-match caching", 1)[0].replace("port: 6379", f"port: {redis}")
    models = f"model_list:\n- model_name: gpt-4\nlitellm_params:\nmodel: openai/gpt-4o\napi_base: {fake.v1}\napi_key: {key}\n"
    gateway = start(models + snippet + "general_settings:\nmaster_key: sk-suite-master-key\n", env={"REDIS_HOST": "127.0.0.1"})
    sdk = client(gateway)
    assert hits(sdk, "Hello!")
    calls = fake.stats(key)["requests"]
    assert ask(sdk, "Hello!")[1] == "True" and fake.stats(key)["requests"] == calls
    assert ask(sdk, "Hello?")[1] == "False"


def test_tutorial_cache_settings(fake, start, key, redis):
    snippet = block("yaml", "Caching")
    models = f"model_list:\n  - model_name: gpt-4\n    litellm_params: {{model: openai/gpt-4o, api_base: '{fake.v1}', api_key: {key}}}\n"
    text = models + "general_settings: {master_key: sk-suite-master-key}\n" + snippet.replace("port: 6379", f"port: {redis}")
    assert hits(client(start(text)), "Hello!")


def test_requests_say_what_they_want(fake, start, key):
    local = {"cache": True, "cache_params": {"type": "local", "cache_streams": True}}
    sdk = client(start(config(deployment(fake, "gpt-4", key), litellm=local)))
    fake.script(key, text="answer {n}")
    first, _ = ask(sdk)
    assert ask(sdk) == (first, "True")
    assert ask(sdk, extra_body={"cache": {"no-cache": True}})[1] == "False"
    assert ask(sdk, "other", extra_body={"cache": {"no-store": True}})[1] == "False"
    assert ask(sdk, "other")[1] == "False"
    newest, _ = ask(sdk)
    stream = sdk.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == newest


def test_embeddings_are_kept_input_by_input(fake, start, key):
    local = {"cache": True, "cache_params": {"type": "local"}}
    sdk = client(start(config(deployment(fake, "embed", key, model="openai/text-embedding-3-small"), litellm=local)))
    first = sdk.embeddings.create(model="embed", input=["a", "b"])
    mixed = sdk.embeddings.create(model="embed", input=["c", "a"])
    assert mixed.data[1].embedding == first.data[0].embedding
    assert fake.last(key)["body"]["input"] == ["c"]
