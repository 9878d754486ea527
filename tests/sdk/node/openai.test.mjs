// openai-node against the gateway, with and without /v1 in the base URL.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import OpenAI, { toFile } from "openai";

import { FakeProvider, Gateway, MASTER_KEY } from "./harness.mjs";

const TEXT = "Hello there friend";
const CLAUDE = "anthropic/claude-sonnet-4-5";
const messages = [{ role: "user", content: "Hello!" }];
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
  { type: "function", function: { name: "get_time", parameters: { type: "object", properties: {} } } },
];

let fake;
let gateway;

before(async () => {
  fake = await FakeProvider.start();
  gateway = await Gateway.start(fake, [
    ["gpt-4", "sk-node-openai"],
    ["claude", "sk-node-anthropic", CLAUDE],
    ["tools", "sk-fake.tool=get_weather,get_time"],
    ["claude-tools", "sk-fake.id=c.tool=get_weather,get_time", CLAUDE],
    ["embed", "sk-node-embed"],
    ["hang", "sk-node-hang"],
    ["slow-stream", "sk-node-slow"],
    ["cut", "sk-fake.cut=3.chunks=10"],
    ["clean-cut", "sk-fake.clean_cut=3.chunks=10"],
    ["limited", "sk-fake.status=429.retry_after=7"],
    ["refusing", "sk-fake.status=400.error_code=unsupported_value.error_param=temperature"],
  ]);
});

after(async () => {
  await gateway?.stop();
  await fake?.stop();
});

const client = (suffix = "") =>
  new OpenAI({ apiKey: MASTER_KEY, baseURL: gateway.base + suffix, maxRetries: 0 });

for (const suffix of ["", "/v1"]) {
  describe(`base URL ending in ${suffix || "the port"}`, () => {
    for (const model of ["gpt-4", "claude"]) {
      test(`chat with ${model}`, async () => {
        const answer = await client(suffix).chat.completions.create({ model, messages });
        assert.equal(answer.choices[0].message.content, TEXT);
        assert.equal(answer.choices[0].finish_reason, "stop");
        assert.equal(answer.usage.total_tokens, 12);
      });

      test(`stream with ${model}`, async () => {
        const options = { model, messages, stream: true, stream_options: { include_usage: true } };
        let text = "";
        const ends = [];
        const usages = [];
        for await (const chunk of await client(suffix).chat.completions.create(options)) {
          text += chunk.choices[0]?.delta?.content ?? "";
          if (chunk.choices[0]?.finish_reason) ends.push(chunk.choices[0].finish_reason);
          if (chunk.usage) usages.push(chunk.usage.total_tokens);
        }
        assert.deepEqual([text, ends, usages], [TEXT, ["stop"], [12]]);
      });
    }

    for (const model of ["tools", "claude-tools"]) {
      test(`parallel tool calls with ${model}`, async () => {
        const answer = await client(suffix).chat.completions.create({ model, messages, tools });
        const calls = answer.choices[0].message.tool_calls;
        assert.deepEqual(calls.map((c) => c.function.name), ["get_weather", "get_time"]);
        assert.deepEqual(JSON.parse(calls[0].function.arguments), { city: "text" });
      });

      test(`the SDK's tool runner with ${model}`, async () => {
        const asked = [];
        const runnable = (name, parameters) => ({
          type: "function",
          function: { name, parameters, parse: JSON.parse, description: name, function: (args) => (asked.push(name), JSON.stringify(args)) },
        });
        const runner = client(suffix).chat.completions.runTools({
          model,
          messages,
          stream: true,
          tools: tools.map((t) => runnable(t.function.name, t.function.parameters)),
        });
        assert.equal(await runner.finalContent(), TEXT);
        assert.deepEqual(asked.sort(), ["get_time", "get_weather"]);
      });
    }

    test("embeddings", async () => {
      const answer = await client(suffix).embeddings.create({ model: "embed", input: ["a", "b"] });
      assert.equal(answer.data.length, 2);
      assert.equal(answer.data[0].embedding.length, 8);
      assert.ok(answer.data[0].embedding.every((n) => Math.abs(n) <= 1));
    });

    test("models", async () => {
      const ids = [];
      for await (const model of client(suffix).models.list()) ids.push(model.id);
      assert.ok(ids.includes("gpt-4") && ids.includes("claude"));
    });
  });
}

describe("errors", () => {
  test("a provider's limit is a RateLimitError with its Retry-After", async () => {
    await assert.rejects(client().chat.completions.create({ model: "limited", messages }), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.headers.get("retry-after"), "7");
      return true;
    });
  });

  test("code and param are kept", async () => {
    await assert.rejects(client().chat.completions.create({ model: "refusing", messages }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.deepEqual([error.code, error.param], ["unsupported_value", "temperature"]);
      return true;
    });
  });

  test("unknown models and wrong keys", async () => {
    await assert.rejects(client().chat.completions.create({ model: "nope", messages }), OpenAI.NotFoundError);
    const stranger = new OpenAI({ apiKey: "sk-wrong", baseURL: gateway.base, maxRetries: 0 });
    await assert.rejects(stranger.chat.completions.create({ model: "gpt-4", messages }), OpenAI.AuthenticationError);
  });

  for (const model of ["cut", "clean-cut"]) {
    test(`a broken stream (${model}) throws and has no end`, async () => {
      let text = "";
      const read = async () => {
        for await (const chunk of await client().chat.completions.create({ model, messages, stream: true })) {
          assert.equal(chunk.choices[0]?.finish_reason ?? null, null);
          text += chunk.choices[0]?.delta?.content ?? "";
        }
      };
      await assert.rejects(read(), OpenAI.APIError);
      assert.equal(text, "tok0 tok1 tok2 ");
    });
  }
});

describe("hanging up", () => {
  const closedWithin = async (key, leftAt) => {
    await fake.wait(key, { aborted: 1, in_flight: 0 });
    const log = await fake.log(key);
    assert.equal(log.length, 1, "nothing was retried");
    assert.ok(log[0].closed_at_ms - leftAt < 250, `closed after ${log[0].closed_at_ms - leftAt} ms`);
  };

  test("abort before the answer", async () => {
    await fake.script("sk-node-hang", { hang: true });
    const controller = new AbortController();
    const call = client().chat.completions.create({ model: "hang", messages }, { signal: controller.signal });
    const aborted = assert.rejects(call, OpenAI.APIUserAbortError);
    await fake.wait("sk-node-hang", { in_flight: 1 });
    const leftAt = Date.now();
    controller.abort();
    await aborted;
    await closedWithin("sk-node-hang", leftAt);
  });

  test("abort in the middle of a stream", async () => {
    await fake.script("sk-node-slow", { chunks: 1000, chunk_delay: 20 });
    const stream = await client().chat.completions.create({ model: "slow-stream", messages, stream: true });
    for await (const _ of stream) break;
    const leftAt = Date.now();
    stream.controller.abort();
    await closedWithin("sk-node-slow", leftAt);
  });
});

test("a file is passed through", async () => {
  const file = await toFile(Buffer.alloc(100_000, 7), "speech.mp3");
  const answer = await client().audio.transcriptions.create({ model: "gpt-4", file });
  assert.equal(answer.text, TEXT);
  const form = (await fake.log("sk-node-openai")).at(-1).form;
  assert.deepEqual([form.find((p) => p.name === "file").len, form.find((p) => p.name === "model").text], [100_000, "gpt-4o"]);
});
