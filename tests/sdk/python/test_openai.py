"""openai-python against healthy deployments: every endpoint, sync and async, with and without /v1."""

import asyncio
import base64
import json

import openai
import pytest

TEXT = "Hello there friend"
HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
CHAT_MODELS = ["gpt-4", "claude", "azure"]


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_chat(client, model):
    answer = client.chat.completions.create(model=model, messages=HELLO)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.model == model
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (9, 3, 12)


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_stream(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=HELLO, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    roles = [c.choices[0].delta.role for c in chunks if c.choices and c.choices[0].delta.role]
    assert roles == ["assistant"]
    assert all(c.usage is None for c in chunks), "usage was not asked for"


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_usage_chunk_comes_exactly_once(client, model):
    options = {"include_usage": True}
    chunks = list(client.chat.completions.create(model=model, messages=HELLO, stream=True, stream_options=options))
    usages = [c.usage for c in chunks if c.usage]
    assert len(usages) == 1 and usages[0].total_tokens == 12
    assert chunks[-1].usage is not None, "usage is the last chunk"


def test_async(shared):
    async def run():
        client = openai.AsyncOpenAI(api_key=shared.key, base_url=shared.base, max_retries=0)
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="gpt-4", messages=HELLO) for _ in range(20))
        )
        stream = await client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)
        text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
        return answers, text

    answers, text = asyncio.run(run())
    assert [a.choices[0].message.content for a in answers] == [TEXT] * 20
    assert text == TEXT


def test_several_choices(client):
    answer = client.chat.completions.create(model="gpt-4", messages=HELLO, n=3)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    chunks = list(client.chat.completions.create(model="gpt-4", messages=HELLO, n=2, stream=True))
    ends = sorted(c.choices[0].index for c in chunks if c.choices and c.choices[0].finish_reason)
    assert ends == [0, 1], "each choice has its own end"


@pytest.mark.parametrize("model", ["two-tools", "claude-tools"])
def test_parallel_tool_calls(client, model):
    answer = client.chat.completions.create(model=model, messages=HELLO, tools=[WEATHER, TIME])
    calls = answer.choices[0].message.tool_calls
    assert [c.function.name for c in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[0].function.arguments) == {"city": "text"}
    assert json.loads(calls[1].function.arguments) == {}
    assert answer.choices[0].finish_reason == "tool_calls"
    assert len({c.id for c in calls}) == 2


@pytest.mark.parametrize("model", ["two-tools", "claude-tools"])
def test_parallel_tool_calls_keep_their_indexes_in_a_stream(client, model):
    calls = {}
    for chunk in client.chat.completions.create(model=model, messages=HELLO, tools=[WEATHER, TIME], stream=True):
        for part in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            call = calls.setdefault(part.index, {"name": "", "arguments": "", "id": part.id})
            call["name"] += part.function.name or ""
            call["arguments"] += part.function.arguments or ""
    assert sorted(calls) == [0, 1]
    assert [calls[i]["name"] for i in (0, 1)] == ["get_weather", "get_time"]
    assert json.loads(calls[0]["arguments"]) == {"city": "text"}
    assert json.loads(calls[1]["arguments"]) == {}
    assert all(c["id"] for c in calls.values())


@pytest.mark.parametrize("model", ["tools", "claude-tools"])
def test_a_tool_result_is_answered(client, model):
    messages = list(HELLO)
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER, TIME])
    messages.append(answer.choices[0].message)
    for call in answer.choices[0].message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER, TIME])
    assert answer.choices[0].message.content == TEXT


@pytest.mark.parametrize("model", CHAT_MODELS)
def test_structured_output(client, model):
    import pydantic

    class Person(pydantic.BaseModel):
        name: str
        age: int

    answer = client.chat.completions.parse(model=model, messages=HELLO, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="text", age=7)


def test_embeddings(client, fake):
    answer = client.embeddings.create(model="text-embedding-ada-002", input=["a", "b"])
    assert fake.last("sk-shared-embed")["body"]["encoding_format"] == "base64", "the SDK's own choice travels"
    floats = client.embeddings.create(model="text-embedding-ada-002", input=["a", "b"], encoding_format="float")
    assert [d.embedding for d in answer.data] == [d.embedding for d in floats.data]
    assert len(answer.data) == 2 and len(answer.data[0].embedding) == 8


def test_base64_embeddings_stay_base64(shared):
    body = {"model": "text-embedding-ada-002", "input": "a", "encoding_format": "base64"}
    status, _, answer = shared.request("POST", "/v1/embeddings", body)
    assert status == 200
    assert len(base64.b64decode(answer["data"][0]["embedding"], validate=True)) == 8 * 4


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_token_arrays(client, fake, tokens):
    answer = client.embeddings.create(model="text-embedding-ada-002", input=tokens)
    assert fake.last("sk-shared-embed")["body"]["input"] == tokens
    assert len(answer.data) == (2 if isinstance(tokens[0], list) else 1)


def test_completions(client):
    answer = client.completions.create(model="instruct", prompt=["a", "b"])
    assert [c.text for c in answer.choices] == [TEXT, TEXT]
    chunks = client.completions.create(model="instruct", prompt="a", stream=True)
    assert "".join(c.choices[0].text for c in chunks if c.choices) == TEXT


def test_models(client):
    assert {"gpt-4", "claude", "azure"} <= {m.id for m in client.models.list()}
    assert client.models.retrieve("gpt-4").id == "gpt-4"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nope")


def test_moderations(client):
    assert client.moderations.create(model="moderator", input="x").results[0].flagged is False


def test_images(client):
    answer = client.images.generate(model="painter", prompt="a dot", response_format="b64_json")
    assert base64.b64decode(answer.data[0].b64_json).startswith(b"\x89PNG")


def test_transcription_passes_the_form_through(client, fake):
    sound = bytes(range(256)) * 400
    answer = client.audio.transcriptions.create(
        model="whisper", file=("speech.mp3", sound), language="de", extra_body={"unknown_field": "kept"}
    )
    assert answer.text == TEXT
    form = {part["name"]: part for part in fake.last("sk-shared-audio")["form"]}
    assert form["model"]["text"] == "whisper-1"
    assert (form["file"]["filename"], form["file"]["len"]) == ("speech.mp3", len(sound))
    assert (form["language"]["text"], form["unknown_field"]["text"]) == ("de", "kept")
    text = client.audio.transcriptions.create(model="whisper", file=("a.mp3", b"abc"), response_format="text")
    assert text.strip() == TEXT


def test_speech_is_not_touched(client):
    answer = client.audio.speech.create(model="speaker", input="hello", voice="alloy")
    body = answer.read()
    assert body[:6] == b"ID3\x04\x00\x00" and len(body) == 4096
    assert body[6:] == (bytes(range(255, -1, -1)) * 17)[: 4096 - 6]
    assert answer.response.headers["content-type"] == "audio/mpeg"


def test_responses(client):
    answer = client.responses.create(model="gpt-4", input="Hello!")
    assert answer.output_text == TEXT and answer.status == "completed"
    kinds, text = [], ""
    for event in client.responses.create(model="gpt-4", input="Hello!", stream=True):
        kinds.append(event.type)
        text += event.delta if event.type == "response.output_text.delta" else ""
    assert (kinds[0], kinds[-1], text) == ("response.created", "response.completed", TEXT)


def test_responses_through_chat(client):
    """Anthropic has no such endpoint: the gateway builds it from chat."""
    assert client.responses.create(model="claude", input="Hello!").output_text == TEXT
    events = list(client.responses.create(model="claude", input="Hello!", stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert events[-1].response.output_text == TEXT


def test_rerank(shared):
    body = {"model": "reranker", "query": "q", "documents": ["a", "b", "c"], "top_n": 2}
    for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
        status, _, answer = shared.request("POST", path, body)
        assert status == 200, answer
        assert [r["index"] for r in answer["results"]] == [2, 1]


@pytest.mark.parametrize("path", ["/openai/deployments/gpt-4/chat/completions", "/engines/gpt-4/chat/completions"])
def test_model_in_the_path(shared, path):
    status, _, answer = shared.request("POST", path, {"messages": HELLO})
    assert (status, answer["choices"][0]["message"]["content"]) == (200, TEXT)


def test_azure_client(shared):
    client = openai.AzureOpenAI(
        api_key=shared.key, azure_endpoint=shared.base, api_version="2025-02-01-preview", max_retries=0
    )
    assert client.chat.completions.create(model="azure", messages=HELLO).choices[0].message.content == TEXT
    assert client.embeddings.create(model="text-embedding-ada-002", input="a").data[0].index == 0
