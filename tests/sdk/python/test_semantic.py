"""The semantic cache with a real embedding model, in one process, over a Redis that does not search vectors, and over
one that does."""

import itertools
import re
import time

import openai
import pytest

from embedder import Embedder
from harness import config, deployment
from redis_server import Redis

RESET = "How do I reset my password?"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="session")
def embedder():
    server = Embedder()
    yield server
    server.stop()


@pytest.fixture(params=["local", "redis", "searching redis"])
def place(request, tmp_path):
    """Where questions are known: cache_params for a gateway, and the Redis, if there is one."""
    if request.param == "local":
        yield {"type": "local-semantic"}, None
        return
    server = Redis.that_searches(tmp_path) if request.param.startswith("searching") else Redis(tmp_path)
    yield {"type": "redis-semantic", "host": "127.0.0.1", "port": server.port, "ttl": 600}, server
    server.stop()


@pytest.fixture
def gateway(fake, key, start, embedder, place):
    fake.script(key, text="answer {n}")
    params = {**place[0], "similarity_threshold": 0.85, "redis_semantic_cache_embedding_model": "minilm"}
    minilm = deployment(fake, "minilm", "sk-embed", model="openai/all-MiniLM-L6-v2")
    minilm["litellm_params"]["api_base"] = embedder.v1
    made = start(config(deployment(fake, "gpt", key), minilm, litellm={"cache": True, "cache_params": params}))
    if place[1]:
        eventually("Redis is reached", lambda: "Redis is reached" in made.process.output)
    return made


def eventually(what, look, within=15):
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {within} s: {what}")


def ask(gateway, text, **more):
    """What is answered, and to how similar a question (`None`: to this one)."""
    client = openai.OpenAI(api_key=gateway.key, base_url=gateway.base, max_retries=0)
    raw = client.chat.completions.with_raw_response.create(
        model="gpt", messages=[{"role": "user", "content": text}], extra_body=more or None
    )
    similarity = raw.headers.get("x-litellm-semantic-similarity")
    return raw.parse().choices[0].message.content, float(similarity) if similarity else None


def look(gateway, text):
    """The same without leaving anything behind."""
    return ask(gateway, text, cache={"no-store": True})


def known(gateway, text):
    """Answers are kept behind the request's back: waits until a question finds one."""

    def similar():
        found = look(gateway, text)
        return found if found[1] else None

    return eventually(f"something like {text!r} is known", similar)


def test_the_embedder_is_the_real_model(embedder):
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    one, two, three = (embedder.embed(text)[0] for text in texts)
    # The similarities that the documentation of Sentence Transformers shows for these sentences.
    assert [round(float(pair), 4) for pair in (one @ two, one @ three, two @ three)] == [0.6660, 0.1046, 0.1411]


def test_paraphrases_share_an_answer_and_other_questions_do_not(gateway, embedder):
    first, _ = ask(gateway, RESET)
    for text in ["What are the steps to reset my password?", "How can I reset my password, please?"]:
        answer, similarity = known(gateway, text)
        expected = float(embedder.embed(RESET)[0] @ embedder.embed(text)[0])
        assert answer == first and similarity == pytest.approx(expected, abs=1e-3), text
    for text in ["Where can I download my invoice?", "How do I delete my account?", FRANCE]:
        assert look(gateway, text)[1] is None, text
    capital, _ = ask(gateway, FRANCE)
    assert known(gateway, "Which city is the capital of France?")[0] == capital != first
    assert look(gateway, "What is the capital of Germany?")[1] is None
    # To a model of meanings numbers are nearly the same; to a question they are not.
    ask(gateway, "How much are 3 tickets to Paris?")
    known(gateway, "What do 3 tickets to Paris cost?")
    three, four = (embedder.embed(f"How much are {number} tickets to Paris?")[0] for number in (3, 4))
    assert three @ four > 0.95
    assert look(gateway, "How much are 4 tickets to Paris?")[1] is None


OTHERS = [
    ("How do I translate from French to German?", "How do I translate from German to French?"),
    ("Is it safe to fly in a storm?", "Is it not safe to fly in a storm?"),
    ("How do I open the valve?", "How do I close the valve?"),
    ("Should I eat before the test?", "Should I eat after the test?"),
    ("What does 😀 mean in a message?", "What does 😡 mean in a message?"),
    ("Wie übersetze ich Deutsch in Englisch?", "Wie übersetze ich Englisch in Deutsch?"),
    ("Est-ce que je dois payer ?", "Est-ce que je ne dois pas payer ?"),
    ("Можно есть эти грибы?", "Нельзя есть эти грибы?"),
    ("法国的首都是哪里？", "德国的首都是哪里？"),
    ("这个能吃吗？", "这个不能吃吗？"),
    ("東京から大阪まで何時間ですか", "大阪から東京まで何時間ですか"),
    ("이 버섯을 먹어요", "이 버섯을 안 먹어요"),
]


def test_what_a_model_hardly_tells_apart_is_another_question(gateway, embedder):
    like = [float(embedder.embed(one)[0] @ embedder.embed(other)[0]) for one, other in OTHERS]
    assert sum(similarity > 0.85 for similarity in like) >= 10, like
    for one, other in OTHERS:
        ask(gateway, one)
        assert look(gateway, other)[1] is None, (one, other)
        assert ask(gateway, other)[1] is None, (one, other)


@pytest.mark.parametrize(
    "one, other",
    [
        (FRANCE, "what's the capital city of france"),
        ("法国的首都是哪里？", "请问法国的首都是哪里？"),
        ("Какая столица Франции?", "Скажите, какая столица Франции"),
        ("Quelle est la capitale de la France ?", "Quelle ville est la capitale de la France ?"),
    ],
)
def test_other_languages_and_spellings_share_answers(gateway, embedder, one, other):
    assert float(embedder.embed(one)[0] @ embedder.embed(other)[0]) > 0.85
    first, _ = ask(gateway, one)
    assert known(gateway, other)[0] == first


@pytest.mark.parametrize("place", ["redis", "searching redis"], indirect=True)
def test_a_server_that_searches_is_asked_and_others_are_not(gateway, place, request):
    server, searches = place[1], request.node.callspec.params["place"].startswith("searching")
    ask(gateway, RESET)
    known(gateway, "What are the steps to reset my password?")
    assert ("stagedoor:cache:questions:384" in server.tell("FT._LIST")) == searches
    shown = re.findall(r"^stagedoor_semantic_cache_entries (\S+)$", gateway.request("GET", "/metrics")[2], re.MULTILINE)
    assert float(shown[0]) == (0 if searches else 1), "what the server searches is not kept here"
    # Whoever empties Redis takes a search index along: a miss, and then it is made again.
    server.tell("FLUSHALL")
    assert look(gateway, "What are the steps to reset my password?")[1] is None
    ask(gateway, RESET)
    assert known(gateway, "How can I reset my password, please?")


def test_answers_end_with_their_time(gateway):
    seeds = itertools.count()

    def similar(seed):
        return ask(gateway, "What are the steps to reset my password?", seed=seed, cache={"no-store": True})[1]

    def found():
        seed = next(seeds)
        ask(gateway, RESET, seed=seed, cache={"ttl": 2})
        return seed if similar(seed) else None

    seed = eventually("a similar question is known", found)
    eventually("its time is over", lambda: similar(seed) is None)


def test_a_slow_embedding_model_is_not_waited_for(fake, key, start, embedder):
    slow = Embedder(embedder.model, delay=30)
    params = {"type": "local-semantic", "similarity_threshold": 0.85, "semantic_cache_embedding_timeout": 0.3,
              "redis_semantic_cache_embedding_model": "minilm"}
    minilm = deployment(fake, "minilm", "sk-embed", model="openai/all-MiniLM-L6-v2")
    minilm["litellm_params"]["api_base"] = slow.v1
    gateway = start(config(deployment(fake, "gpt", key), minilm, litellm={"cache": True, "cache_params": params}))
    began = time.monotonic()
    for number in range(5):
        assert ask(gateway, f"{RESET} Once more, please: {number}")[1] is None
    assert time.monotonic() - began < 10 and len(slow.asked) <= 3
    slow.stop()
