"""Streams: nothing broken looks complete, nothing arrives late, hanging up is felt upstream."""

import asyncio
import http.client
import json
import time

import httpx
import openai
import pytest

from harness import config, deployment

HELLO = [{"role": "user", "content": "Hello!"}]
MODELS = {"openai": "openai/gpt-4o", "anthropic": "anthropic/claude-sonnet-4-5"}
HANG_UP_MS = 250


@pytest.fixture(params=MODELS)
def provider(request):
    return MODELS[request.param]


@pytest.fixture
def gateway(fake, start, key, provider):
    return start(config(deployment(fake, "m", key, model=provider)))


@pytest.mark.parametrize("fault", ["cut", "clean_cut", "midstream_error"])
def test_a_broken_stream_raises_and_never_ends_as_complete(gateway, sdk, fake, key, fault):
    fake.script(key, chunks=10, **{fault: 3})
    seen = []
    with pytest.raises(openai.APIError):
        for chunk in sdk(gateway).chat.completions.create(model="m", messages=HELLO, stream=True):
            seen.extend(chunk.choices)
    assert "".join(c.delta.content or "" for c in seen) == "tok0 tok1 tok2 "
    assert not any(c.finish_reason for c in seen), "no end was invented"


@pytest.mark.parametrize("fault", ["cut", "clean_cut", "midstream_error"])
def test_a_broken_stream_has_no_done(gateway, fake, key, fault):
    fake.script(key, chunks=10, **{fault: 3})
    raw = raw_stream(gateway)
    assert b"[DONE]" not in raw
    events = [json.loads(line[6:]) for line in raw.decode().split("\n") if line.startswith("data: ")]
    assert events[-1]["error"]["message"]


def raw_stream(gateway):
    body = {"model": "m", "messages": HELLO, "stream": True}
    with httpx.stream("POST", gateway.base + "/v1/chat/completions", json=body, timeout=10,
                      headers={"authorization": f"Bearer {gateway.key}"}) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["content-type"].startswith("text/event-stream")
        return b"".join(reply.iter_raw())


@pytest.mark.parametrize("fault", ["cut", "clean_cut", "midstream_error", "error_in_200"])
def test_broken_before_the_first_token_is_an_honest_status(gateway, sdk, fake, key, fault):
    fake.script(key, **{fault: True if fault == "error_in_200" else 0})
    with pytest.raises(openai.APIStatusError) as caught:
        sdk(gateway).chat.completions.create(model="m", messages=HELLO, stream=True)
    assert caught.value.status_code >= 500


def test_a_stalled_stream_is_given_up(fake, start, sdk, key, provider):
    gateway = start(config(deployment(fake, "m", key, model=provider, stream_timeout=0.3)))
    fake.script(key, chunks=10, stall_after=2)
    with pytest.raises(openai.APIError):
        list(sdk(gateway).chat.completions.create(model="m", messages=HELLO, stream=True))
    fake.wait(key, aborted=1, in_flight=0)


def test_chunks_leave_as_they_arrive(gateway, sdk, fake, key):
    fake.script(key, chunks=8, chunk_delay=60)
    times = []
    for chunk in sdk(gateway).chat.completions.create(model="m", messages=HELLO, stream=True):
        if chunk.choices and chunk.choices[0].delta.content:
            times.append(time.monotonic())
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(times) == 8
    # Had chunks been gathered, some gap would be near zero and another near a multiple of the pace.
    assert max(gaps) < 0.150 and min(gaps) > 0.020, gaps


def closed_early(fake, key, left_at):
    fake.wait(key, aborted=1, in_flight=0)
    entry = fake.last(key)
    assert entry["outcome"] == "client_closed"
    assert entry["closed_at_ms"] - left_at * 1000 < HANG_UP_MS


def test_hanging_up_in_a_stream_closes_the_upstream(gateway, sdk, fake, key):
    fake.script(key, chunks=1000, chunk_delay=20)
    stream = sdk(gateway).chat.completions.create(model="m", messages=HELLO, stream=True)
    next(iter(stream))
    left_at = time.time()
    stream.response.close()
    closed_early(fake, key, left_at)
    assert fake.stats(key)["requests"] == 1, "nothing was retried"


def test_hanging_up_while_a_stream_is_silent(gateway, sdk, fake, key):
    fake.script(key, chunks=10, stall_after=2)
    stream = sdk(gateway).chat.completions.create(model="m", messages=HELLO, stream=True)
    next(iter(stream))
    left_at = time.time()
    stream.response.close()
    closed_early(fake, key, left_at)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "before-the-first-token"])
def test_hanging_up_before_the_answer(gateway, fake, key, stream):
    fake.script(key, hang=True)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    body = json.dumps({"model": "m", "messages": HELLO, "stream": stream})
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    fake.wait(key, in_flight=1)
    left_at = time.time()
    connection.close()
    closed_early(fake, key, left_at)
    assert fake.stats(key)["requests"] == 1, "nothing was retried"


def test_cancelling_an_async_call(gateway, fake, key):
    fake.script(key, hang=True)

    async def run():
        client = openai.AsyncOpenAI(api_key=gateway.key, base_url=gateway.base, max_retries=0)
        call = asyncio.create_task(client.chat.completions.create(model="m", messages=HELLO))
        await asyncio.to_thread(fake.wait, key, in_flight=1)
        left_at = time.time()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return left_at

    closed_early(fake, key, asyncio.run(run()))


def test_many_streams_at_once_leave_nothing_behind(gateway, fake, key):
    fake.script(key, chunks=20, chunk_delay=5)

    async def one(client, leave_early):
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        text, end = "", None
        async for chunk in stream:
            for choice in chunk.choices:
                text += choice.delta.content or ""
                end = choice.finish_reason or end
            if leave_early and text:
                await stream.close()
                return None
        return text, end

    async def run():
        client = openai.AsyncOpenAI(api_key=gateway.key, base_url=gateway.base, max_retries=0)
        return await asyncio.gather(*(one(client, i % 4 == 0) for i in range(80)))

    whole = "".join(f"tok{i} " for i in range(20))
    results = asyncio.run(run())
    assert [r for r in results if r] == [(whole, "stop")] * 60
    stats = fake.wait(key, in_flight=0, requests=80)
    assert stats["requests"] == 80 and stats["aborted"] + stats["completed"] == 80
