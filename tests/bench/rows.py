"""The rows that compare with nginx: what is asked of whom, and the bars."""

import dataclasses
import json

import config
from config import MASTER_KEY, VIRTUAL_KEY
from load import Ask

ANTHROPIC = {"path": "/v1/messages", "headers": ("anthropic-version: 2023-06-01",), "end": "event: message_stop"}
CHUNKS = 100


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work. Both programs get as many requests as they answer on the same number of connections; where
    `latency` is about whole answers, then both at half the rate that the slower one reached."""

    name: str
    work: str
    # What Stage.use starts.
    kind: str
    nginx: Ask
    gateway: Ask
    cpu: float
    # What CPU is counted for: a request, or a part of one.
    unit: str = "request"
    per: int = 1
    # The measure of latency with a bar, and the most microseconds that may be added.
    latency: str | None = None
    added: float = 1000
    # Whether a round trip to Redis is allowed beside.
    redis: bool = False
    connections: int | None = None
    ramp: float | None = None
    # What LiteLLM is asked, if it can do this without a database.
    litellm: bool = False
    # How many requests may be answered otherwise: the one that a limit of one request lets through each minute.
    spare: int = 0

    @property
    def half(self):
        return self.latency == "p99_us"


def direct(model, **more):
    """What nginx is asked: the provider's key is in the request."""
    return Ask(config.provider_key(model), model, **more)


def bodies(folder):
    """Files with the bodies that are not the usual question."""
    text = "The quick brown fox jumps over the lazy dog and wonders what it was about. "
    image = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAA" * ((1 << 20) // 24)
    look = [{"type": "text", "text": "What is in this image?"}, {"type": "image_url", "image_url": {"url": image}}]
    chat = lambda content: {"model": "plain", "messages": [{"role": "user", "content": content}], "max_tokens": 256}
    messages = {"model": "claude-sonnet-4-5", "max_tokens": 256, "temperature": 0.2, "system": "You are a helpful assistant.",
                "messages": [{"role": "user", "content": "Say hello to my friend, please."}]}
    made = {"prompt": chat(text * (16384 // len(text) + 1)), "image": chat(look), "messages": messages,
            "messages-stream": {**messages, "stream": True}}
    files = {}
    for name, body in made.items():
        files[name] = folder / f"body-{name}.json"
        files[name].write_text(json.dumps(body, separators=(",", ":")))
    return files


def rows(folder):
    files = bodies(folder)
    plain = direct("plain")
    own = lambda key, model="plain", **more: Ask(key, model, **more)
    return [
        Row("chat", "chat completion, pass-through, master key", "passing", plain, own(MASTER_KEY), 1.2,
            latency="p99_us", litellm=True),
        Row("translated", "OpenAI client, Anthropic upstream", "passing", direct("claude", body=files["messages"], **ANTHROPIC),
            own(MASTER_KEY, "claude"), 2.0, litellm=True),
        Row("translated-stream", "OpenAI client, Anthropic upstream, streams of 50 chunks at once", "passing",
            direct("claude-burst", body=files["messages-stream"], stream=True, **ANTHROPIC),
            own(MASTER_KEY, "claude-burst", stream=True), 2.0, "stream", litellm=True),
        Row("prompt-16k", "prompt of 16 KB, pass-through", "passing", direct("plain", body=files["prompt"]),
            own(MASTER_KEY, body=files["prompt"]), 1.3, litellm=True),
        Row("image-1mb", "image of 1 MB, pass-through", "passing", direct("plain", body=files["image"]),
            own(MASTER_KEY, body=files["image"]), 1.3, litellm=True),
        Row("governed", "chat completion; virtual key, rpm, tpm and parallel limits, budget, ledger in SQLite, metrics, request log",
            "governed", plain, own(VIRTUAL_KEY), 1.5, latency="p99_us"),
        Row("stream-paced", f"200 streams of {CHUNKS} chunks, 20 ms apart, governed", "governed", direct("paced", stream=True),
            own(VIRTUAL_KEY, "paced", stream=True), 1.3, "chunk", CHUNKS, latency="first_p99_us", connections=200, ramp=1),
        Row("stream-burst", "streams of 50 chunks at once, governed", "governed", direct("burst", stream=True),
            own(VIRTUAL_KEY, "burst", stream=True), 2.0, "stream"),
        Row("refusal", "429 of a key over its limit", "refusing", plain, own(VIRTUAL_KEY, expect=429), 0.6, spare=10),
        Row("cache-local", "exact hit, kept in memory", "cache-local", plain, own(MASTER_KEY), 0.7),
        Row("cache-redis", "exact hit, kept in Redis", "cache-redis", plain, own(MASTER_KEY), 1.5),
        Row("cluster", "governed chat, 3 replicas on one Redis and one PostgreSQL", "cluster", plain, own(VIRTUAL_KEY), 2.0,
            latency="p99_us", redis=True),
    ]

