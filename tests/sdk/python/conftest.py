"""Fixtures: one fake provider for the whole run, one gateway for most tests, more gateways on demand."""

import os
import pathlib

import openai
import pytest

from harness import FakeProvider, Gateway, config, deployment

# LlamaIndex brings the token tables that LangChain would otherwise fetch from the internet.
os.environ.setdefault(
    "TIKTOKEN_CACHE_DIR",
    str(pathlib.Path(__import__("llama_index.core").core.__file__).parent / "_static" / "tiktoken_cache"),
)
for name in [n for n in os.environ if n.startswith(("OPENAI_", "ANTHROPIC_", "LANGCHAIN_", "LANGSMITH_"))]:
    del os.environ[name]


@pytest.fixture(scope="session")
def fake(tmp_path_factory):
    provider = FakeProvider(tmp_path_factory.mktemp("fake"))
    yield provider
    provider.stop()


@pytest.fixture
def key(request):
    """A provider key of this test's own: what it scripts and counts is nobody else's."""
    return f"sk-{request.node.name}"


@pytest.fixture
def start(tmp_path):
    """Starts gateways that end with the test."""
    gateways = []

    def start_gateway(text, **options):
        gateways.append(Gateway(tmp_path, text, **options))
        return gateways[-1]

    yield start_gateway
    for gateway in gateways:
        gateway.stop()


@pytest.fixture(scope="session")
def shared(fake, tmp_path_factory):
    """The gateway for tests that need nothing special: healthy deployments of each kind."""
    gateway = Gateway(
        tmp_path_factory.mktemp("shared"),
        config(
            deployment(fake, "gpt-4", "sk-shared-openai"),
            deployment(fake, "gpt-4o", "sk-shared-4o"),
            deployment(fake, "claude", "sk-shared-anthropic", model="anthropic/claude-sonnet-4-5"),
            deployment(fake, "azure", "sk-shared-azure", model="azure/dep", api_version="2025-02-01-preview"),
            deployment(fake, "tools", "sk-fake.id=tools.tool=get_weather"),
            deployment(fake, "two-tools", "sk-fake.id=two.tool=get_weather,get_time"),
            deployment(fake, "claude-tools", "sk-fake.id=ct.tool=get_weather,get_time", model="anthropic/claude-sonnet-4-5"),
            deployment(fake, "text-embedding-ada-002", "sk-shared-embed", model="openai/text-embedding-ada-002"),
            deployment(fake, "instruct", "sk-shared-text", model="text-completion-openai/gpt-3.5-turbo-instruct"),
            deployment(fake, "moderator", "sk-shared-mod", model="openai/omni-moderation-latest"),
            deployment(fake, "painter", "sk-shared-image", model="openai/dall-e-3"),
            deployment(fake, "whisper", "sk-shared-audio", model="openai/whisper-1"),
            deployment(fake, "speaker", "sk-shared-speech", model="openai/tts-1"),
            deployment(fake, "reranker", "sk-shared-rerank", model="cohere/rerank-v3.5"),
        ),
    )
    yield gateway
    gateway.stop()


@pytest.fixture(params=["", "/v1"], ids=["bare", "v1"])
def client(shared, request):
    """The SDK's client, once with each form of base URL. It does not retry: the gateway is what is tested."""
    return openai.OpenAI(api_key=shared.key, base_url=shared.base + request.param, max_retries=0)


@pytest.fixture
def sdk():
    """Makes clients for gateways of a test's own."""

    def make(gateway, kind=openai.OpenAI, **options):
        return kind(api_key=gateway.key, base_url=gateway.base, max_retries=0, **options)

    return make
