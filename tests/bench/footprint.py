"""The rows with a bar of their own: start, memory, idle streams, workers, latency near the limit."""

import concurrent.futures
import json
import os
import statistics
import subprocess

import config
import load
import programs
from config import VIRTUAL_KEY
from findings import Bar, Finding

MB = 1024


def fresh(stage):
    """A governed gateway that has done nothing yet."""
    stage.end_gateways()
    return stage.use("governed")[0]


def start(stage, options):
    """From exec to the first answer, and what is resident then."""
    took, resident = [], []
    for _ in range(3 if options.quick else 10):
        gateway = fresh(stage)
        took.append(gateway.start_ms)
        resident.append(gateway.resident_kb() / MB)
    work = "start, with a ledger in SQLite"
    return [
        Finding("start", work, "ms from exec to the first answer", took, Bar("<", 100)),
        Finding("start", work, "MB resident", resident, Bar("<", 25)),
    ]


def memory(stage, options):
    """Many governed requests with many keys: how much is resident at last, and whether it still grows."""
    keys, requests = (500, 50_000) if options.quick else (10_000, 1_000_000)
    gateway = fresh(stage)
    names = [f"sk-bench-{number:08}" for number in range(keys)]
    with concurrent.futures.ThreadPoolExecutor(8) as several:
        list(several.map(lambda name: programs.make_key(gateway, name), names))
    file = stage.folder / "keys"
    file.write_text("\n".join(names) + "\n")
    ask, parts, resident = load.Ask("", keys=file), 20, []
    for _ in range(parts):
        load.run(stage.binaries, [gateway], ask, connections=options.connections, requests=requests // parts, seconds=3600)
        resident.append(gateway.resident_kb() / MB)
    work = f"{requests:,} governed requests, {keys:,} keys"
    note = "fewer requests and keys than the bar is about" if options.quick else ""
    # From the middle on every key is known and every cache full.
    growth = statistics.median(resident[-3:]) / statistics.median(resident[parts // 2 - 1:parts // 2 + 2])
    return [
        Finding("memory", work, "MB resident", [max(resident)], Bar("<", 64), stagedoor=resident, note=note),
        Finding("memory", work, "resident at the end, of that in the middle", [growth], Bar("<", 1.05), note=note),
    ]


def idle(stage, options):
    """Streams that are open and silent: what each keeps resident."""
    wanted = 500 if options.quick else 10_000
    # A stream takes two sockets of the gateway, one to the client and one to the provider.
    allowed = (options.open_files - 300) // 2
    streams = min(wanted, allowed)
    gateway = fresh(stage)
    ask = load.Ask(VIRTUAL_KEY, "idle", stream=True)
    before = gateway.resident_kb()
    command = load.command(stage.binaries, [gateway.port], ask, connections=streams, hold=True, ramp=5, seconds=600)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        opened = json.loads(child.stdout.readline() or "{}")
        if opened.get("open") != streams:
            raise SystemExit(f"idle streams: {opened} instead of {streams} open streams")
        each = (gateway.resident_kb() - before) / streams
    finally:
        child.stdin.close()
        child.wait()
    note = "" if streams == wanted else f"the machine's limit of {options.open_files:,} open files allows no more"
    note = f"fewer than the bar's 10,000: {note or 'a quick run'}" if streams < 10_000 else note
    return [Finding("idle-streams", f"{streams:,} idle streams held open", "kB resident each", [each], Bar("<", 30), note=note)]


def tail(stage, options):
    """How long the slowest wait when there is little room left."""
    ask = load.Ask(VIRTUAL_KEY)
    gateway = stage.use("governed")
    ask_nginx = load.Ask(config.provider_key("plain"))
    turns = {"nginx": ([stage.nginx], ask_nginx), "stagedoor": (gateway, ask)}
    full, found = {name: [] for name in turns}, {name: [] for name in turns}
    shared = {"connections": options.connections, "seconds": options.seconds}
    for _ in range(options.rounds):
        for name, (proxies, asked) in turns.items():
            full[name].append(load.run(stage.binaries, proxies, asked, **shared)["per_second"])
    rates = {name: round(statistics.median(each) * 0.9, 1) for name, each in full.items()}
    for _ in range(options.rounds):
        for name, (proxies, asked) in turns.items():
            one = load.run(stage.binaries, proxies, asked, rate=rates[name], **shared)
            found[name].append(one["p99_us"] / max(one["p50_us"], 1))
    return [Finding("tail", "governed chat at 90 % of its own limit", "p99 / p50", found["stagedoor"], Bar("<", 10), **found,
                    note=f"{rates['stagedoor']:,.0f}/s; nginx {rates['nginx']:,.0f}/s")]


def workers(stage, options):
    """Throughput with more workers, held against what the cores have left for them."""
    cores, each = os.cpu_count(), []
    for count in range(1, cores + 1):
        stage.end_gateways()
        stage.start_governed(stage.place("workers"), count)
        gateway = stage.gateways[0]
        each.append([saturated(stage, gateway, options) for _ in range(options.rounds)])
    alone = statistics.median(one["per_second"] for one in each[0])
    findings = []
    for count, results in enumerate(each[1:], 2):
        # The generator and the provider take part in it, and each of them has one thread.
        possible = statistics.median(
            min(count * alone, cores * 1e6 / (one["cpu_us"] + one["load_us"] + one["fake_us"]),
                1e6 / one["load_us"], 1e6 / one["fake_us"]) for one in results)
        rates = [one["per_second"] for one in results]
        note = f"{alone:,.0f}/s with one; {possible:,.0f}/s are possible beside the generator and the provider on {cores} cores"
        findings.append(Finding("workers", f"governed chat, {count} workers", "requests/s of what is possible",
                                [rate / possible for rate in rates], Bar(">=", 0.8), stagedoor=rates, note=note))
    stage.end_gateways()
    return findings


def saturated(stage, gateway, options):
    """A round with the CPU that everybody spends on one request."""
    before = os.times()
    fake = stage.fake.cpu_seconds()
    ask = load.Ask(VIRTUAL_KEY)
    one = load.run(stage.binaries, [gateway], ask, connections=max(32, options.connections), seconds=options.seconds)
    after = os.times()
    generator = after.children_user + after.children_system - before.children_user - before.children_system
    one["load_us"] = generator * 1e6 / one["requests"]
    one["fake_us"] = (stage.fake.cpu_seconds() - fake) * 1e6 / one["requests"]
    return one


ROWS = {"start": start, "memory": memory, "idle-streams": idle, "tail": tail, "workers": workers}
