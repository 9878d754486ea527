"""What it costs that finished requests are exported, when every sink is dead.

Two gateways of the same build side by side: one without callbacks, one with every exporter on and each of them pointed at
a server that is dead in one of three ways: nobody listens, connections are taken and never answered, or every answer is a
503. The chat of the table with a virtual key and the ledger, in turns; the numbers are medians over the rounds.

    python3 tests/bench/export.py --binaries target/dist
"""

import argparse
import asyncio
import pathlib
import shutil
import statistics
import tempfile
import threading

import load
import programs
from config import VIRTUAL_KEY
from programs import tools

ROWS = [("16 connections", 16), ("64 connections", 64)]


class Dead(threading.Thread):
    """Takes connections; answers each request with a 503, or with nothing."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer, self.port, self.ready = answer, tools.free_ports(1)[0], threading.Event()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        server = await asyncio.start_server(self.take, "127.0.0.1", self.port, limit=1 << 26)
        self.ready.set()
        async with server:
            await server.serve_forever()

    async def take(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                if not self.answer:
                    await asyncio.sleep(3600)
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def settings(refused, hanging, failing):
    """The callbacks and the environment that point each at a dead server."""
    at = lambda port: f"http://127.0.0.1:{port}"
    environment = {
        "DD_API_KEY": "k", "DD_BASE_URL": at(failing), "SENTRY_DSN": f"http://k@127.0.0.1:{hanging}/1",
        "SENTRY_API_TRACE_RATE": "0.01", "LANGSMITH_API_KEY": "k", "LANGSMITH_BASE_URL": at(hanging),
        "LANGFUSE_PUBLIC_KEY": "p", "LANGFUSE_SECRET_KEY": "s", "LANGFUSE_HOST": at(failing),
        "OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": at(refused), "LITELLM_OTEL_INTEGRATION_ENABLE_METRICS": "true",
        "GENERIC_LOGGER_ENDPOINT": at(refused),
    }
    s3 = {"s3_bucket_name": "b", "s3_endpoint_url": at(hanging), "s3_aws_access_key_id": "a", "s3_aws_secret_access_key": "s"}
    names = ["datadog", "datadog_metrics", "sentry", "langsmith", "langfuse", "otel", "generic_api", "s3_v2"]
    return {"callbacks": names, "s3_callback_params": s3}, environment


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    binaries = options.binaries.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stagedoor-bench-"))
    fake = programs.Fake(binaries, folder)
    hanging, failing = Dead(b""), Dead(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
    for server in (hanging, failing):
        server.start()
        server.ready.wait()
    litellm, environment = settings(tools.free_ports(1)[0], hanging.port, failing.port)
    gateways = []
    print("| row | exporters | requests/s | of off | p50 µs | p99 µs | CPU µs/request |")
    print("|---|---|---:|---:|---:|---:|---:|")
    try:
        for name, on in (("off", False), ("on, all dead", True)):
            more = {"litellm_settings": litellm, "environment": environment} if on else {}
            started = programs.governed(binaries, fake.port, folder / name.replace(" ", "-"), **more)
            gateways.append((name, started))
        for title, connections in ROWS:
            found = {}
            for turn in range(options.rounds):
                # Whoever comes second finds a warmer machine: they take turns.
                for name, proxy in gateways if turn % 2 else gateways[::-1]:
                    result = load.run(binaries, [proxy], load.Ask(VIRTUAL_KEY), connections=connections, seconds=options.seconds)
                    found.setdefault(name, []).append(result)
            middle = {
                name: {key: statistics.median(one[key] for one in results) for key in results[0] if key != "last_error"}
                for name, results in found.items()
            }
            for name, _ in gateways:
                one = middle[name]
                share = one["per_second"] / middle["off"]["per_second"]
                print(f"| {title} | {name} | {one['per_second']:.0f} | {share:.3f} | {one['p50_us']:.0f} | "
                      f"{one['p99_us']:.0f} | {one['cpu_us']:.0f} |")
    finally:
        for _, proxy in gateways:
            proxy.end()
        fake.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
