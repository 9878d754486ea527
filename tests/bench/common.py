"""What it costs that limits and budgets are counted in Redis, with all replicas together.

The governed chat of bench.py (a virtual key with limits on everything and a budget, the ledger in SQLite) once without
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

import bench

ROWS = [("16 connections", 16, 0), ("64 connections", 64, 0), ("2000/s", 32, 2000)]


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


def round_trip(port):
    """Milliseconds for a PING, the median of many."""
    took = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(200):
            began = time.monotonic()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


def start_redis(folder):
    port = bench.free_port()
    command = [shutil.which("redis-server"), "--port", str(port), "--save", "", "--dir", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).stdout != b"PONG\n":
        pass
    return child, port


def calls(port):
    """How often a script was run, and the microseconds that took."""
    told = subprocess.run(["redis-cli", "-p", str(port), "info", "commandstats"], capture_output=True, text=True)
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
    fake, upstream = bench.start_fake(binaries, folder)
    redis, port = start_redis(folder)
    delay = Delay(port, options.delay)
    delay.start()
    print(f"a round trip to Redis takes {round_trip(port):.2f} ms, to the one far away {round_trip(delay.port):.2f} ms\n")
    at = lambda port: {"router_settings": {"redis_url": f"redis://127.0.0.1:{port}"}}
    places = [("no Redis", None), ("Redis at hand", at(port)), (f"Redis {options.delay:g} ms away", at(delay.port))]
    print("| row | where | requests/s | p50 µs | p99 µs | CPU µs/request | Redis calls/request | Redis µs/request |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    gateways = []
    try:
        gateways = [(name, bench.start_governed(binaries, upstream, folder, name, more)) for name, more in places]
        for title, connections, rate in ROWS:
            found = {}
            for _ in range(options.rounds):
                for name, proxy in gateways:
                    before = calls(port)
                    row = (title, "plain", None, False, connections, rate)
                    result = bench.measure(binaries, proxy, row, options)
                    after = calls(port)
                    of_redis = [(b - a) / max(result["requests"], 1) for a, b in zip(before, after)]
                    found.setdefault(name, []).append(result | {"calls": of_redis[0], "redis_us": of_redis[1]})
            for name, results in found.items():
                middle = {key: statistics.median(one[key] for one in results) for key in results[0] if key != "last_error"}
                print(f"| {title} | {name} | {middle['per_second']:.0f} | {middle['p50_us']:.0f} | {middle['p99_us']:.0f} | "
                      f"{middle['cpu_us']:.0f} | {middle['calls']:.2f} | {middle['redis_us']:.1f} |")
    finally:
        for _, proxy in gateways:
            proxy.stop()
        for child in (fake, redis):
            child.kill()
            child.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
