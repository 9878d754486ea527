"""Provider errors reach the SDK as the exception that the provider itself would have caused."""

import openai
import pytest

from harness import config, deployment

HELLO = [{"role": "user", "content": "Hello!"}]
CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    408: openai.APIStatusError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
    529: openai.InternalServerError,
}


@pytest.fixture(params=["openai/gpt-4o", "anthropic/claude-sonnet-4-5"], ids=["openai", "anthropic"])
def failing(fake, start, sdk, key, request):
    """A client whose only deployment does what the test scripts."""
    # Cooldowns are off: each test sends several requests to a deployment that fails on purpose.
    gateway = start(config(deployment(fake, "m", key, model=request.param), router={"disable_cooldowns": True}))
    return sdk(gateway)


@pytest.mark.parametrize("status", CLASSES)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_status_and_class(failing, fake, key, status, stream):
    fake.script(key, status=status, error_message="words of the provider")
    with pytest.raises(CLASSES[status]) as caught:
        failing.chat.completions.create(model="m", messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert "words of the provider" in caught.value.message
    assert {"message", "type", "param", "code"} <= set(caught.value.body)
    assert fake.stats(key)["requests"] == 1, "no retry was allowed"


def test_code_and_param_are_kept(fake, start, sdk, key):
    client = sdk(start(config(deployment(fake, "m", key))))
    fake.script(key, status=400, error_code="unsupported_value", error_param="temperature", error_type="invalid_request_error")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "temperature")
    assert caught.value.type == "invalid_request_error"


def test_retry_after_is_passed_on(failing, fake, key):
    fake.script(key, status=429, retry_after="7")
    with pytest.raises(openai.RateLimitError) as caught:
        failing.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "7"


def test_context_window(failing, fake, key):
    fake.script(key, context_window=True)
    with pytest.raises(openai.BadRequestError) as caught:
        failing.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.code == "context_length_exceeded"


def test_content_policy_of_azure(fake, start, sdk, key):
    gateway = start(config(deployment(fake, "m", key, model="azure/dep", api_version="2025-02-01-preview")))
    fake.script(key, content_policy=True)
    with pytest.raises(openai.BadRequestError) as caught:
        sdk(gateway).chat.completions.create(model="m", messages=HELLO)
    assert caught.value.code in ("content_filter", "content_policy_violation")


@pytest.mark.parametrize("fault", ["garbage", "error_in_200", "close", "reset", "cut"])
def test_never_200_with_an_error_inside(failing, fake, key, fault):
    fake.script(key, **{fault: 1 if fault == "cut" else True})
    with pytest.raises(openai.APIStatusError) as caught:
        failing.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.status_code >= 500


def test_timeout(fake, start, sdk, key):
    client = sdk(start(config(deployment(fake, "m", key, timeout=0.3))))
    fake.script(key, hang=True)
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.status_code in (408, 504)
    fake.wait(key, aborted=1, in_flight=0)


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-44", messages=HELLO)
    assert caught.value.code == "model_not_found"
    assert "gpt-4" in caught.value.message, "the nearest name is offered"


def test_wrong_key(shared):
    client = openai.OpenAI(api_key="sk-wrong", base_url=shared.base, max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model="gpt-4", messages=HELLO)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"\xff\xfe{}", b'{"model": 7, "messages": []}', b'{"model": "gpt-4"}',
     b'{"model":"gpt-4","messages":"x"}', b"[" * 100_000],
    ids=["empty", "broken", "array", "string", "not-utf8", "model-type", "no-messages", "messages-type", "deep"],
)
def test_bad_bodies_are_the_callers_mistake(shared, body):
    import http.client
    import json

    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=10)
    headers = {"authorization": f"Bearer {shared.key}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    reply = connection.getresponse()
    answer = json.loads(reply.read())
    assert 400 <= reply.status < 500, answer
    assert {"message", "type", "param", "code"} <= set(answer["error"])
