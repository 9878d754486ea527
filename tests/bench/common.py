"""What it costs that limits and budgets are counted in Redis, with all replicas together.

The governed chat of the table (a virtual key with limits on everything and a budget, the ledger in SQLite) once without
Redis, once with Redis at hand, once with a Redis that is a millisecond away: a TCP proxy in this program holds back every
piece for that long, half of it each way. Redis itself says how often it was called: one call for each request and one for
each end of it would be 2.0; requests that arrive together travel together.

    python3 tests/bench/common.py --binaries target/dist
"""

import argparse
import pathlib
import queue
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import load
import programs
from config import VIRTUAL_KEY

ROWS = [("16 connections", 16, None), ("64 connections", 64, None), ("2000/s", 32, 2000)]


class Delay(threading.Thread):
    """A TCP proxy that holds back all bytes for half a delay in each direction.

    Threads that sleep, because timers of event loops are coarser than a millisecond.
    """

    def __init__(self, target, milliseconds):
        super().__init__(daemon=True)
        self.target, self.half = target, milliseconds / 2000
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.carry(near, far)
            self.carry(far, near)

    def carry(self, source, target):
        waiting = queue.SimpleQueue()
        threading.Thread(target=self.take, args=(source, waiting), daemon=True).start()
        threading.Thread(target=self.give, args=(waiting, target), daemon=True).start()

    def take(self, source, waiting):
        data = b"-"
        while data:
            try:
                data = source.recv(1 << 20)
            except OSError:
                data = b""
            waiting.put((time.monotonic() + self.half, data))

    def give(self, waiting, target):
        while True:
            due, data = waiting.get()
            time.sleep(max(0, due - time.monotonic()))
            try:
                target.sendall(data) if data else target.shutdown(socket.SHUT_WR)
            except OSError:
                return
            if not data:
                return


def calls(redis):
    """How often a script was run, and the microseconds that took."""
    command = ["redis-cli", "-p", str(redis.port), "-a", redis.password, "--no-auth-warning", "info", "commandstats"]
    told = subprocess.run(command, capture_output=True, text=True)
    line = next((line for line in told.stdout.splitlines() if line.startswith("cmdstat_evalsha:")), "")
    fields = dict(part.split("=") for part in line.partition(":")[2].split(",") if part)
    return int(fields.get("calls", 0)), int(fields.get("usec", 0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--delay", type=float, default=1.0, help="of the far Redis, milliseconds")
    options = parser.parse_args()
    binaries = options.binaries.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stagedoor-bench-"))
    fake, redis = programs.Fake(binaries, folder), programs.redis(folder)
    port, delay = redis.port, Delay(redis.port, options.delay)
    delay.start()
    trips = [programs.round_trip_us(place, redis.password) / 1000 for place in (port, delay.port)]
    print(f"a round trip to Redis takes {trips[0]:.2f} ms, to the one far away {trips[1]:.2f} ms\n")
    at = lambda port: {"router_settings": {"redis_url": f"redis://:{redis.password}@127.0.0.1:{port}"}}
    places = [("no Redis", None), ("Redis at hand", at(port)), (f"Redis {options.delay:g} ms away", at(delay.port))]
    print("| row | where | requests/s | p50 µs | p99 µs | CPU µs/request | Redis calls/request | Redis µs/request |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    gateways = []
    try:
        for name, more in places:
            place = folder / name.replace(" ", "-")
            gateways.append((name, programs.governed(binaries, fake.port, place, **(more or {}))))
        for title, connections, rate in ROWS:
            found = {}
            for _ in range(options.rounds):
                for name, proxy in gateways:
                    before = calls(redis)
                    result = load.run(binaries, [proxy], load.Ask(VIRTUAL_KEY), connections=connections,
                                      seconds=options.seconds, rate=rate)
                    after = calls(redis)
                    of_redis = [(b - a) / max(result["requests"], 1) for a, b in zip(before, after)]
                    found.setdefault(name, []).append(result | {"calls": of_redis[0], "redis_us": of_redis[1]})
            for name, results in found.items():
                middle = {key: statistics.median(one[key] for one in results) for key in results[0] if key != "last_error"}
                print(f"| {title} | {name} | {middle['per_second']:.0f} | {middle['p50_us']:.0f} | {middle['p99_us']:.0f} | "
                      f"{middle['cpu_us']:.0f} | {middle['calls']:.2f} | {middle['redis_us']:.1f} |")
    finally:
        for _, proxy in gateways:
            proxy.end()
        fake.end()
        programs.end(redis)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
