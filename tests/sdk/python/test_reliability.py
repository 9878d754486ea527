"""Retries and fallbacks, as a client can see them in headers and the provider in its log."""

import time

import openai
import pytest

from harness import config, deployment

HELLO = [{"role": "user", "content": "Hello!"}]


def ask(client, model="m", **options):
    return client.chat.completions.with_raw_response.create(model=model, messages=HELLO, **options)


def test_headers_of_a_plain_answer(fake, start, sdk, key):
    raw = ask(sdk(start(config(deployment(fake, "m", key)))))
    assert raw.headers["x-litellm-model-group"] == "m"
    assert raw.headers["x-litellm-model-id"]
    assert raw.headers["x-litellm-call-id"]
    assert raw.headers["x-litellm-attempted-retries"] == "0"
    assert raw.headers["x-litellm-attempted-fallbacks"] == "0"
    assert raw.headers["server-timing"]
    assert raw.headers["llm_provider-x-request-id"].startswith("req_fake_")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_failure_is_retried(fake, start, sdk, key, stream):
    client = sdk(start(config(deployment(fake, "m", key), litellm={"num_retries": 2})))
    fake.script(key, fail_times=1, status=503, text="at last")
    raw = ask(client, stream=stream)
    assert raw.headers["x-litellm-attempted-retries"] == "1"
    if stream:
        assert "".join(c.choices[0].delta.content or "" for c in raw.parse() if c.choices) == "at last"
    else:
        assert raw.parse().choices[0].message.content == "at last"
    assert fake.stats(key)["requests"] == 2


def test_a_retry_goes_to_another_deployment(fake, start, sdk, key):
    bad, good = key + "-bad", key + "-good"
    fake.script(bad, status=500)
    fake.script(good, text="from the good one")
    gateway = start(config(deployment(fake, "m", bad), deployment(fake, "m", good), litellm={"num_retries": 1}))
    for _ in range(6):
        assert ask(sdk(gateway)).parse().choices[0].message.content == "from the good one"


def test_attempts_are_bounded(fake, start, sdk, key):
    fake.script(key, status=500)
    client = sdk(start(config(deployment(fake, "m", key), litellm={"num_retries": 2},
                              router={"disable_cooldowns": True})))
    with pytest.raises(openai.InternalServerError):
        ask(client)
    assert fake.stats(key)["requests"] == 3, "one attempt and two retries"


def test_a_callers_mistake_is_not_retried(fake, start, sdk, key):
    fake.script(key, status=400)
    client = sdk(start(config(deployment(fake, "m", key), litellm={"num_retries": 2})))
    with pytest.raises(openai.BadRequestError):
        ask(client)
    assert fake.stats(key)["requests"] == 1


def fallback_gateway(fake, start, key, **litellm):
    fake.script(key + "-b", text="from the fallback")
    return start(config(deployment(fake, "a", key + "-a"),
                        deployment(fake, "b", key + "-b", model="anthropic/claude-sonnet-4-5"), litellm=litellm))


@pytest.mark.parametrize("fault", [{"status": 500}, {"close": True}, {"garbage": True}, {"status": 429}])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_fallback(fake, start, sdk, key, fault, stream):
    gateway = fallback_gateway(fake, start, key, fallbacks=[{"a": ["b"]}])
    fake.script(key + "-a", **fault)
    raw = ask(sdk(gateway), model="a", stream=stream)
    assert raw.headers["x-litellm-attempted-fallbacks"] == "1"
    assert raw.headers["x-litellm-model-group"] == "b"
    if stream:
        text = "".join(c.choices[0].delta.content or "" for c in raw.parse() if c.choices)
    else:
        text = raw.parse().choices[0].message.content
    assert text == "from the fallback"


@pytest.mark.parametrize("setting,fault", [("context_window_fallbacks", "context_window"),
                                           ("content_policy_fallbacks", "content_policy")])
def test_special_fallbacks(fake, start, sdk, key, setting, fault):
    gateway = fallback_gateway(fake, start, key, **{setting: [{"a": ["b"]}]})
    fake.script(key + "-a", **{fault: True})
    assert ask(sdk(gateway), model="a").parse().choices[0].message.content == "from the fallback"


def test_fallback_of_a_request(fake, start, sdk, key):
    gateway = fallback_gateway(fake, start, key)
    fake.script(key + "-a", status=500)
    raw = ask(sdk(gateway), model="a", extra_body={"fallbacks": ["b"]})
    assert raw.parse().choices[0].message.content == "from the fallback"
    assert "fallbacks" not in fake.last(key + "-a")["body"], "the gateway's own field does not travel"


def test_no_fallback_for_a_callers_mistake(fake, start, sdk, key):
    gateway = fallback_gateway(fake, start, key, fallbacks=[{"a": ["b"]}])
    fake.script(key + "-a", status=400)
    with pytest.raises(openai.BadRequestError):
        ask(sdk(gateway), model="a")
    assert fake.stats(key + "-b")["requests"] == 0


def test_the_callers_timeout_bounds_the_whole(fake, start, sdk, key):
    fake.script(key, hang=True)
    client = sdk(start(config(deployment(fake, "m", key), litellm={"num_retries": 5})))
    began = time.monotonic()
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, extra_headers={"x-litellm-timeout": "0.5"})
    assert time.monotonic() - began < 1.5
    assert caught.value.status_code in (408, 504)
    fake.wait(key, in_flight=0)


def test_errors_tell_what_was_tried(fake, start, sdk, key):
    fake.script(key, status=500)
    client = sdk(start(config(deployment(fake, "m", key), litellm={"num_retries": 1},
                              router={"disable_cooldowns": True})))
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client)
    headers = caught.value.response.headers
    assert headers["x-litellm-attempted-retries"] == "1"
    assert headers["x-litellm-model-id"] and headers["x-litellm-call-id"]


def test_weights_are_kept(fake, start, sdk, key):
    heavy, light = key + "-heavy", key + "-light"
    client = sdk(start(config(deployment(fake, "m", heavy, weight=3), deployment(fake, "m", light, weight=1))))
    for _ in range(400):
        client.chat.completions.create(model="m", messages=HELLO)
    share = fake.stats(heavy)["requests"] / 400
    # Four standard deviations of 400 draws: a healthy gateway fails this once in 16 000 runs.
    assert abs(share - 0.75) < 0.087
    assert fake.stats(heavy)["requests"] + fake.stats(light)["requests"] == 400
