"""LangChain, LangGraph and LlamaIndex on top of the gateway."""

import asyncio

import pydantic
import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI as LlamaOpenAI
from llama_index.llms.openai_like import OpenAILike

TEXT = "Hello there friend"


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@tool
def get_time() -> str:
    """The time of day."""
    return "noon"


@pytest.fixture
def chat(shared):
    return lambda model="gpt-4", **options: ChatOpenAI(
        model=model, api_key=shared.key, base_url=shared.base, max_retries=0, **options
    )


@pytest.fixture(scope="module")
def wait_for():
    """Runs coroutines on one loop: the libraries keep their connections, and with them the loop, between calls."""
    loop = asyncio.new_event_loop()
    yield loop.run_until_complete
    loop.close()


@pytest.mark.parametrize("model", ["gpt-4", "claude"])
def test_langchain_chat(chat, wait_for, model):
    assert chat(model).invoke("Hello!").content == TEXT
    assert "".join(c.content for c in chat(model).stream("Hello!")) == TEXT
    assert wait_for(chat(model).ainvoke("Hello!")).content == TEXT


@pytest.mark.parametrize("model", ["gpt-4", "claude"])
def test_langchain_stream_usage(chat, model):
    chunks = list(chat(model, stream_usage=True).stream("Hello!"))
    assert sum(c.usage_metadata["total_tokens"] for c in chunks if c.usage_metadata) == 12


@pytest.mark.parametrize("model", ["two-tools", "claude-tools"])
def test_langchain_tools(chat, model):
    bound = chat(model).bind_tools([get_weather, get_time])
    answer = bound.invoke("Hello!")
    assert [c["name"] for c in answer.tool_calls] == ["get_weather", "get_time"]
    whole = None
    for chunk in bound.stream("Hello!"):
        whole = chunk if whole is None else whole + chunk
    assert [(c["name"], c["args"]) for c in whole.tool_calls] == [("get_weather", {"city": "text"}), ("get_time", {})]


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("model", ["gpt-4o", "claude"])
def test_langchain_structured_output(chat, model, method):
    answer = chat(model).with_structured_output(Person, method=method).invoke("Who is it?")
    assert answer == Person(name="text", age=7)


def test_langchain_embeddings(shared, fake):
    """LangChain sends lists of tokens unless told otherwise."""
    embeddings = OpenAIEmbeddings(model="text-embedding-ada-002", api_key=shared.key, base_url=shared.base)
    assert len(embeddings.embed_documents(["one", "two"])) == 2
    sent = fake.last("sk-shared-embed")["body"]["input"]
    assert all(isinstance(tokens, list) and isinstance(tokens[0], int) for tokens in sent)


@pytest.mark.parametrize("model", ["tools", "claude-tools"])
def test_langchain_agent(chat, model):
    agent = create_agent(chat(model), [get_weather, get_time])
    messages = agent.invoke({"messages": [("user", "How is the weather?")]})["messages"]
    assert any(m.type == "tool" and m.content == "sunny in text" for m in messages)
    assert messages[-1].content == TEXT


@pytest.mark.parametrize("model", ["tools", "claude-tools"])
def test_langgraph(chat, model):
    bound = chat(model).bind_tools([get_weather, get_time])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([get_weather, get_time]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition, {"tools": "tools", END: END})
    graph.add_edge("tools", "model")
    messages = graph.compile().invoke({"messages": [("user", "How is the weather?")]})["messages"]
    assert any(m.type == "tool" and m.content == "sunny in text" for m in messages)
    assert messages[-1].content == TEXT


def llama_models(shared):
    yield LlamaOpenAI(model="gpt-4", api_key=shared.key, api_base=shared.base, max_retries=0)
    # LlamaIndex knows the names of OpenAI's models and refuses others, except here.
    yield OpenAILike(model="claude", api_key=shared.key, api_base=shared.base, is_chat_model=True, max_retries=0)


def test_llamaindex_chat(shared, wait_for):
    for llm in llama_models(shared):
        message = [ChatMessage(role="user", content="Hello!")]
        assert llm.chat(message).message.content == TEXT
        assert "".join(part.delta for part in llm.stream_chat(message)) == TEXT
        assert wait_for(llm.achat(message)).message.content == TEXT


def test_llamaindex_index(shared, fake):
    embed = OpenAIEmbedding(model="text-embedding-ada-002", api_key=shared.key, api_base=shared.base)
    documents = [Document(text=f"Fact {i}: the answer is {i}.") for i in range(5)]
    index = VectorStoreIndex.from_documents(documents, embed_model=embed)
    for llm in llama_models(shared):
        engine = index.as_query_engine(llm=llm, similarity_top_k=2)
        assert str(engine.query("What is the answer?")) == TEXT
    asked = str(fake.last("sk-shared-openai")["body"]["messages"])
    assert "the answer is" in asked, "what was found is in the prompt"
