"""Runs a snippet of a public document as it stands and prints what it leaves in `response` or `result`.

    python run_snippet.py PORT < SNIPPET

Two things are changed, neither of them in the snippet's own calls:

* the port of `http://localhost:PORT` is replaced by the gateway's free one, so that suites can run side by side;
* packages have moved since the documents were written. `langchain.chat_models.ChatOpenAI` is now
  `langchain_openai.ChatOpenAI`, `langchain.chains` is `langchain_classic.chains`, `langchain.prompts` is
  `langchain_core.prompts`, and what `llama_index` and `llama_index.llms` exported is in `llama_index.core` and
  `llama_index.llms.openai`. The old names are put back here, so that the import lines run literally too.
"""

import json
import re
import sys


def restore_langchain():
    import langchain.chat_models
    import langchain_classic.chains
    import langchain_core.prompts
    import langchain_openai

    langchain.chat_models.ChatOpenAI = langchain_openai.ChatOpenAI
    sys.modules["langchain.chains"] = langchain_classic.chains
    sys.modules["langchain.prompts"] = langchain_core.prompts


def restore_llama_index():
    import llama_index
    import llama_index.core
    import llama_index.llms
    import llama_index.llms.openai

    llama_index.VectorStoreIndex = llama_index.core.VectorStoreIndex
    llama_index.SimpleDirectoryReader = llama_index.core.SimpleDirectoryReader
    llama_index.llms.OpenAI = llama_index.llms.openai.OpenAI


def shown(value):
    """The text of an answer, whatever library it came from."""
    if hasattr(value, "choices"):
        return value.choices[0].message.content
    if hasattr(value, "status_code"):
        return {"status": value.status_code, "json": value.json()}
    return str(value)


def main():
    port, text = sys.argv[1], sys.stdin.read()
    if "langchain" in text:
        restore_langchain()
    if "llama_index" in text:
        restore_llama_index()
    text = re.sub(r"http://localhost:\d+", f"http://localhost:{port}", text)
    names = {"__name__": "__main__"}
    exec(compile(text, "snippet", "exec"), names)
    print("RESULT " + json.dumps(shown(names["response"] if "response" in names else names["result"])))


main()
