"""What a client sends arrives, what a provider answers comes back."""

import base64

import pytest

from harness import config, deployment

HELLO = [{"role": "user", "content": "Hello!"}]


def test_unknown_request_fields_travel(client, fake):
    extra = {"made_up_option": {"deep": [1, 2.5, None, "ü"]}, "logit_bias": {"50256": -100}}
    client.chat.completions.create(model="gpt-4", messages=HELLO, seed=7, user="u", extra_body=extra)
    body = fake.last("sk-shared-openai")["body"]
    assert body["made_up_option"] == extra["made_up_option"]
    assert body["logit_bias"] == extra["logit_bias"]
    assert (body["seed"], body["user"], body["model"]) == (7, "u", "gpt-4o")


def test_unknown_message_fields_travel(client, fake):
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi", "odd": True}], "name": "n", "odd": 1}]
    client.chat.completions.create(model="gpt-4", messages=messages)
    assert fake.last("sk-shared-openai")["body"]["messages"] == messages


def test_unknown_reply_fields_come_back(fake, start, sdk):
    client = sdk(start(config(deployment(fake, "gpt-4", "sk-fake.extra.id=fields"))))
    answer = client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert answer.model_extra["provider_extra"] == {"kept": True}
    assert (answer.system_fingerprint, answer.service_tier) == ("fp_fake", "default")
    chunks = list(client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True))
    assert all(c.model_extra["provider_extra"] == {"kept": True} for c in chunks)
    assert client.embeddings.create(model="gpt-4", input="a").model_extra["provider_extra"] == {"kept": True}


def test_numbers_keep_their_text(shared, fake):
    """A float that went through a float type would come out rounded."""
    import urllib.request

    raw = '{"model":"gpt-4","messages":[{"role":"user","content":"x"}],"big":12345678901234567890123,"f":0.10000000000000000001}'
    request = urllib.request.Request(
        shared.base + "/v1/chat/completions", data=raw.encode(),
        headers={"authorization": f"Bearer {shared.key}", "content-type": "application/json"},
    )
    assert urllib.request.urlopen(request).status == 200
    assert fake.last("sk-shared-openai")["body_len"] >= len(raw) - len('"gpt-4"')


@pytest.mark.parametrize("model,key", [("gpt-4", "sk-shared-openai"), ("claude", "sk-shared-anthropic")])
def test_an_image_of_20_megabytes(client, fake, model, key):
    picture = base64.b64encode(bytes(range(256)) * (20 * 1024 * 1024 // 256)).decode()
    content = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
    ]
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
    entry = fake.last(key)
    assert entry["body_len"] > len(picture)
    part = entry["body"]["messages"][0]["content"][1]
    sent = part["image_url"]["url"].split(",", 1)[1] if model == "gpt-4" else part["source"]["data"]
    assert sent == picture


def test_the_provider_never_sees_the_clients_key(client, fake, shared):
    client.chat.completions.create(model="gpt-4", messages=HELLO)
    entry = fake.last("sk-shared-openai")
    assert shared.key not in str(entry)


def test_anthropic_thinking_and_cache_usage(fake, start, sdk):
    key = "sk-fake.id=think.reasoning=Hmm%2E.cached_tokens=7.cache_creation_tokens=5.prompt_tokens=11.completion_tokens=6"
    client = sdk(start(config(deployment(fake, "claude", key, model="anthropic/claude-sonnet-4-5"))))
    answer = client.chat.completions.create(model="claude", messages=HELLO, reasoning_effort="low")
    assert answer.choices[0].message.reasoning_content == "Hmm."
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (23, 6, 29)
    assert usage.prompt_tokens_details.cached_tokens == 7
    assert fake.last(key)["body"]["thinking"]["type"] == "enabled"
    chunks = list(client.chat.completions.create(model="claude", messages=HELLO, reasoning_effort="low", stream=True))
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    assert "".join(getattr(d, "reasoning_content", None) or "" for d in deltas) == "Hmm."


@pytest.mark.parametrize("wire", ["split", "crlf", "comments", "coalesce"])
def test_however_the_stream_lies_on_the_wire(fake, start, sdk, wire):
    gateway = start(
        config(
            deployment(fake, "gpt-4", f"sk-fake.{wire}"),
            deployment(fake, "claude", f"sk-fake.{wire}.id=a", model="anthropic/claude-sonnet-4-5"),
        )
    )
    for model in ("gpt-4", "claude"):
        stream = sdk(gateway).chat.completions.create(model=model, messages=HELLO, stream=True)
        chunks = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello there friend"
        assert chunks[-1].choices[0].finish_reason == "stop"
