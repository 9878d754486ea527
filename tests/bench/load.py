"""What is asked of a proxy, and the load generator that asks it."""

import dataclasses
import json
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class Ask:
    """One kind of request: the same for every round of a row."""

    key: str
    model: str = "plain"
    path: str = "/v1/chat/completions"
    # A file with the body; without one, a short question to `model`.
    body: pathlib.Path | None = None
    headers: tuple = ()
    stream: bool = False
    # What a whole stream holds.
    end: str = "data: [DONE]"
    expect: int = 200
    # A file with keys that requests take in turns, instead of `key`.
    keys: pathlib.Path | None = None


def command(binaries, ports, ask, **options):
    """The load generator's command line; options are its own (`rate=100`, `hold=True`)."""
    words = [binaries / "load", "--key", ask.key, "--model", ask.model, "--end", ask.end, "--expect", ask.expect]
    for port in ports:
        words += ["--url", f"http://127.0.0.1:{port}{ask.path}"]
    for header in ask.headers:
        words += ["--header", header]
    for name, file in (("--body", ask.body), ("--keys", ask.keys)):
        words += [name, file] if file else []
    words += ["--stream"] if ask.stream else []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None:
            words += [f"--{name}", value]
    return [str(word) for word in words]


def run(binaries, proxies, ask, spare_errors=0, **options):
    """Sends load to all these proxies and returns what the generator measured, with `cpu_us`: CPU of the proxies for one
    request. Anything that is not the expected answer ends the benchmark, because what remains would be about less work."""
    before = sum(proxy.cpu_seconds() for proxy in proxies)
    done = subprocess.run(command(binaries, [proxy.port for proxy in proxies], ask, **options),
                          capture_output=True, text=True, check=False)
    used = sum(proxy.cpu_seconds() for proxy in proxies) - before
    if done.returncode:
        raise SystemExit(f"{proxies[0].name}: {done.stderr}")
    result = json.loads(done.stdout)
    if result["errors"] > spare_errors or not result["requests"]:
        raise SystemExit(f"{proxies[0].name}, {ask.model}: {result['errors']} errors, {result['requests']} answers: "
                         f"{result['last_error']}")
    result["cpu_us"] = used * 1e6 / result["requests"]
    return result
