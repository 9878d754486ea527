// Starts the fake provider and the gateway as processes, and waits for conditions instead of sleeping.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const PATIENCE_MS = 10_000;
export const MASTER_KEY = "sk-suite-master-key";

function binary(name, variable) {
  const path = process.env[variable] ?? join(ROOT, "target", "debug", name);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it first, or set ${variable}`);
  return path;
}

// A child process and what it has written so far.
class Child {
  constructor(command, args, options = {}) {
    this.output = "";
    this.child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    this.ended = once(this.child, "exit");
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => (this.output += text));
    }
  }

  // Polls until `ready` gives something; fails with the output when the process dies or takes too long.
  async waitFor(what, ready) {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) throw new Error(`${what} exited:\n${this.output}`);
      const found = await ready();
      if (found) return found;
      await pause(10);
    }
    throw new Error(`${what} was not ready within ${PATIENCE_MS} ms:\n${this.output}`);
  }

  async stop() {
    this.child.kill("SIGTERM");
    const [code] = await this.ended;
    return code;
  }
}

export class FakeProvider {
  static async start() {
    const provider = new FakeProvider();
    provider.process = new Child(binary("fake-provider", "FAKE_PROVIDER_BIN"), []);
    const listening = () => provider.process.output.match(/listening on (\S+)\n/)?.[1];
    provider.base = await provider.process.waitFor("fake provider", listening);
    return provider;
  }

  async script(key, directives) {
    const url = `${this.base}/_control/${encodeURIComponent(key)}`;
    const reply = await fetch(url, { method: "POST", body: JSON.stringify(directives) });
    if (!reply.ok) throw new Error(await reply.text());
  }

  async log(key) {
    return (await fetch(`${this.base}/_log?key=${encodeURIComponent(key)}`)).json();
  }

  // Waits in the provider until its counts for the key are so: in_flight, requests, completed, aborted.
  async wait(key, counts) {
    const query = new URLSearchParams({ key, ...counts });
    const reply = await fetch(`${this.base}/_wait?${query}`);
    const stats = await reply.json();
    if (!reply.ok) throw new Error(`${key}: not ${JSON.stringify(counts)}, last ${JSON.stringify(stats)}`);
    return stats;
  }

  stop() {
    return this.process.stop();
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

export class Gateway {
  // `deployments`: [group, key, litellm model] each, all going to the fake provider.
  static async start(fake, deployments, settings = {}) {
    const gateway = new Gateway();
    gateway.folder = mkdtempSync(join(tmpdir(), "gateway-"));
    const model_list = deployments.map(([model_name, api_key, model = "openai/gpt-4o"]) => ({
      model_name,
      litellm_params: { model, api_key, api_base: model.startsWith("openai/") ? `${fake.base}/v1` : fake.base },
    }));
    const config = {
      model_list,
      litellm_settings: { num_retries: 0, ...settings },
      general_settings: { master_key: MASTER_KEY },
    };
    // JSON is YAML too.
    const path = join(gateway.folder, "config.yaml");
    writeFileSync(path, JSON.stringify(config, null, 1));
    const port = await freePort();
    gateway.base = `http://127.0.0.1:${port}`;
    const env = Object.entries(process.env).filter(([name]) => !/^(OPENAI|ANTHROPIC|AZURE|LITELLM)_/.test(name));
    gateway.process = new Child(
      binary("stagedoor", "STAGEDOOR_BIN"),
      ["--config", path, "--host", "127.0.0.1", "--port", String(port)],
      { cwd: gateway.folder, env: { ...Object.fromEntries(env), SHUTDOWN_DRAIN_DELAY: "0", GRACEFUL_SHUTDOWN_TIMEOUT: "2" } },
    );
    await gateway.process.waitFor("gateway", async () => {
      try {
        return (await fetch(`${gateway.base}/health/liveliness`)).ok;
      } catch {
        return false;
      }
    });
    return gateway;
  }

  async stop() {
    const code = await this.process.stop();
    if (code !== 0) throw new Error(`the gateway did not end well (${code}):\n${this.process.output}`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
