"""cluster/up: three replicas on this machine, started and stopped as a person does it."""

import collections
import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

import pytest
import yaml

from conftest import Up, call, eventually, free_ports, open_folder, session_of
from tools import ROOT, board_queries, compose, program, run, stagedoor


def test_a_client_reaches_every_replica_through_the_load_balancer(cluster):
    for _ in range(30):
        status, answer = cluster.chat()
        assert status == 200 and "Hello from Stagedoor" in answer, answer
    served = [call("GET", replica["metrics"])[1] for replica in cluster.info["replicas"]]
    assert len(served) == 3
    assert all('litellm_request_total{model_group="demo",status="200"}' in text for text in served)
    # Whose counters would these be?
    assert call("GET", cluster.info["address"] + "/metrics")[0] == 404


def test_promtool_finds_nothing_wrong_with_a_scrape(cluster):
    first = cluster.info["replicas"][0]
    limited = {"key_alias": "a \"quoted\" name", "max_budget": 5, "budget_duration": "1d", "rpm_limit": 50, "tpm_limit": 9000}
    key = json.loads(call("POST", first["address"] + "/key/generate", cluster.key, limited)[1])["key"]
    ask = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
    for body in (ask, {**ask, "stream": True}, {**ask, "model": "nobody"}):
        call("POST", first["address"] + "/v1/chat/completions", key, body)
    scraped = call("GET", first["metrics"])[1]
    wanted = ("litellm_requests_metric_total", "_rate_limit_used_metric", "_claim_batch_size", "_circuit_breaker_state")
    assert all(name in scraped for name in wanted) and "process_cpu_seconds_total" in scraped
    said = subprocess.run([program("promtool"), "check", "metrics"], input=scraped, capture_output=True, text=True)
    # LiteLLM's own names count hours; everything else has to be as Prometheus wants it.
    complaints = [line for line in (said.stdout + said.stderr).splitlines() if "remaining_hours_metric" not in line]
    assert not complaints and said.returncode in (0, 3), complaints


def test_replicas_share_one_database(cluster):
    first, *others = [replica["address"] for replica in cluster.info["replicas"]]
    status, made = call("POST", first + "/key/generate", cluster.key, {"key_alias": "shared"})
    assert status == 200, made
    key = json.loads(made)["key"]
    for other in others:
        assert call("GET", other + "/key/info", key)[0] == 200
    readiness = [json.loads(call("GET", one + "/health/readiness")[1]) for one in (first, *others)]
    assert [one["db"] for one in readiness] == ["connected"] * 3


def test_the_containers_check_asks_a_replica(cluster):
    words = compose()["services"]["stagedoor"]["healthcheck"]["test"][1:]
    port = str(urllib.parse.urlsplit(cluster.info["replicas"][0]["address"]).port)
    ask = lambda port: subprocess.run(
        [stagedoor() if word == "stagedoor" else port if word == "8000" else word for word in words],
        capture_output=True, text=True, timeout=30,
    )
    assert ask(port).returncode == 0
    nobody = ask("1")
    assert nobody.returncode == 1 and "port 1: " in nobody.stderr
    database = ask(str(urllib.parse.urlsplit("//" + cluster.info["postgres"]["address"]).port))
    assert database.returncode == 1, "what is no gateway is not ready"


def test_the_check_also_asks_over_https(folder):
    subject = ["-subj", "/CN=llm.example.com", "-days", "1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject)
    files = ["--ssl_certfile_path", str(folder / "cert.pem"), "--ssl_keyfile_path", str(folder / "key.pem")]
    (port,) = free_ports(1)
    command = [stagedoor(), "--port", str(port), *files]
    with (folder / "log").open("wb") as log:
        gateway = subprocess.Popen([*command, "--config", str(ROOT / "config" / "quickstart.yaml")], stdout=log, stderr=log)
    try:
        ready = lambda: subprocess.run([*command, "health"], capture_output=True, timeout=30).returncode == 0
        eventually("it is ready", ready)
        plain = subprocess.run([stagedoor(), "--port", str(port), "health"], capture_output=True, text=True, timeout=30)
        assert plain.returncode == 1, "HTTPS is asked for by the same flags as it is served with"
    finally:
        gateway.terminate()
        gateway.wait(30)


def test_prometheus_sees_every_replica_and_the_board_has_answers(cluster, prometheus):
    cluster.chat()
    call("POST", cluster.info["address"] + "/v1/chat/completions", cluster.key, {"model": "nobody"})
    call("POST", cluster.info["address"] + "/key/generate", cluster.key, {"max_budget": 5})

    def query(text):
        status, answer = call("GET", f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        return json.loads(answer)["data"]["result"] if status == 200 else None

    up = lambda: (query('sum(up{job="stagedoor"})') or [{"value": [0, "0"]}])[0]["value"][1] == "3"
    eventually("three targets are up", up)
    eventually("the load balancer is up", lambda: query('up{job="balancer"} == 1'))
    eventually("a rate can be told", lambda: query("rate(litellm_request_total[1m])"))
    empty = []
    for panel, text in board_queries():
        text = text.replace("$__rate_interval", "1m").replace("$model_group", ".*")
        answer = query(text)
        assert answer is not None, f"{panel}: Prometheus does not understand {text}"
        if not answer:
            empty.append(panel)
    # What has not happened here: streams, failing deployments, fallbacks, reloads, teams and keys with budgets.
    assert len(empty) < len(board_queries()) / 2, empty
    status, rules = call("GET", prometheus + "/api/v1/rules")
    rules = json.loads(rules)["data"]["groups"][0]["rules"]
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


class SlowProvider(http.server.ThreadingHTTPServer):
    """Sends the first piece of an answer at once, and the rest when it is let."""

    def __init__(self):
        self.go_on = threading.Event()
        super().__init__(("127.0.0.1", 0), SlowAnswer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SlowAnswer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.send({"content": "first "}, None)
        self.server.go_on.wait(60)
        self.send({"content": "last"}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def send(self, delta, reason):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "slow", "choices": [choice]}
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def provider():
    with SlowProvider() as made:
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def restarting(provider):
    config = yaml.safe_load((ROOT / "config" / "cluster.yaml").read_text())
    base = f"http://127.0.0.1:{provider.server_port}/v1"
    slow = {"model": "openai/slow", "api_base": base, "api_key": "sk-of-a-test"}
    config["model_list"].append({"model_name": "slow", "litellm_params": slow})
    with open_folder() as made:
        (made / "config.yaml").write_text(yaml.safe_dump(config))
        up = Up(made, "--restart", "--config", str(made / "config.yaml"))
        yield up
        up.stop()


def test_replicas_are_replaced_and_nobody_notices(restarting):
    """SIGTERM to one replica after the other, as an update does it, under load through the load balancer."""
    up, answers, over = restarting, collections.Counter(), threading.Event()

    def load():
        while not over.is_set():
            status, answer = up.chat()
            answers[status if status == 200 else f"{status} {answer}"] += 1

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for number, replica in enumerate(up.info["replicas"]):
            before = answers[200]
            eventually("requests are answered", lambda: answers[200] > before + 20)
            os.kill(replica["pid"], signal.SIGTERM)
            new = lambda: up.now()["replicas"][number]["pid"] != replica["pid"]
            eventually(f"{replica['name']} is there again", new)
            ready = lambda: call("GET", replica["address"] + "/health/readiness")[0] == 200
            eventually(f"{replica['name']} is ready", ready)
    finally:
        over.set()
        for client in clients:
            client.join()
    assert set(answers) == {200}, answers
    for replica in up.info["replicas"]:
        assert f"{replica['name']} (pid {replica['pid']}) ended with code 0" in up.said()


def test_open_streams_outlive_the_replacement_of_their_replica(restarting, provider):
    body = json.dumps({"model": "slow", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}).encode()
    headers = {"authorization": f"Bearer {restarting.key}", "content-type": "application/json"}
    request = urllib.request.Request(restarting.info["address"] + "/v1/chat/completions", data=body, headers=headers)
    streams = [urllib.request.urlopen(request, timeout=60) for _ in range(12)]
    # The load balancer has given each replica its part of them.
    assert all(b"first" in stream.readline() for stream in streams)
    before = restarting.now()["replicas"]
    for replica in before:
        os.kill(replica["pid"], signal.SIGTERM)
    # Nobody is ready now, and all three wait for the streams.
    eventually("new requests are refused", lambda: restarting.chat()[0] == 503)
    assert all(os.path.exists(f"/proc/{replica['pid']}") for replica in before)
    provider.go_on.set()
    for stream in streams:
        with stream:
            rest = stream.read()
            assert b"last" in rest and rest.endswith(b"data: [DONE]\n\n"), rest
    replaced = lambda: not {one["pid"] for one in before} & {one["pid"] for one in restarting.now()["replicas"]}
    eventually("others have taken their places", replaced)
    eventually("new requests are answered", lambda: restarting.chat()[0] == 200)


def test_what_is_killed_comes_back_unless_it_is_held(restarting):
    first = restarting.now()["replicas"][0]

    def database():
        # A replica that has just taken another's place may not listen yet.
        status, text = call("GET", first["address"] + "/health/readiness")
        return json.loads(text)["db"] if status else None

    eventually("the database is there", lambda: database() == "connected")
    server = restarting.info["postgres"]
    hold = pathlib.Path(server["folder"]) / "hold"
    hold.touch()
    os.kill(server["pid"], signal.SIGKILL)
    eventually("it is told", lambda: f"postgres (pid {server['pid']}) was ended by SIGKILL" in restarting.said())
    eventually("the database is missed", lambda: database() == "unavailable")
    assert restarting.now()["postgres"]["pid"] == server["pid"]
    assert restarting.chat()[0] == 200
    hold.unlink()
    eventually("the database is there again", lambda: database() == "connected")
    assert restarting.now()["postgres"]["pid"] != server["pid"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(folder, number):
    up = Up(folder, "--replicas", "1")
    family = session_of(up.child.pid)
    assert len(family) >= 5, family
    code = up.stop(number)
    assert code == (-number if number == signal.SIGKILL else 0), up.said()
    eventually("every process has ended", lambda: not [pid for pid in family if os.path.exists(f"/proc/{pid}")])


def test_data_and_keys_stay_in_the_folder(folder):
    up = Up(folder, "--replicas", "1")
    made = json.loads(call("POST", up.info["address"] + "/key/generate", up.key, {"key_alias": "kept"})[1])["key"]
    first = up.key
    assert up.stop(signal.SIGTERM) == 0
    again = Up(folder, "--replicas", "2")
    assert again.key == first
    assert call("GET", again.info["address"] + "/key/info", made)[0] == 200
    assert again.stop(signal.SIGTERM) == 0
    private = ["secrets.json", "cluster.json", "redis/redis.conf"]
    assert all((folder / "cluster" / name).stat().st_mode & 0o077 == 0 for name in private)


def start_and_fail(*arguments, path=None, env=None):
    environment = {**os.environ, **({"PATH": path} if path else {}), **(env or {})}
    return subprocess.run(
        [sys.executable, str(ROOT / "cluster" / "up"), *arguments], capture_output=True, text=True, timeout=60, env=environment
    )


def test_it_says_what_is_missing(folder):
    failed = start_and_fail("--binary", str(folder / "nothing"))
    assert failed.returncode == 1 and f"{folder}/nothing is not a program" in failed.stderr
    failed = start_and_fail("--config", str(folder / "nothing.yaml"))
    assert failed.returncode == 2 and "there is no file" in failed.stderr
    # The list of folders that are searched beside the PATH is part of the program; an empty one stands for a machine
    # without servers.
    program = "import sys; sys.path.insert(0, sys.argv[1]); from local import tools; tools.ELSEWHERE = []; tools.programs()"
    bare = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "cluster")], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PATH": str(folder)},
    )
    for word in ("redis-server or valkey-server", "initdb", "haproxy", "install the package"):
        assert word in bare.stderr, bare.stderr


def test_a_configuration_with_errors_is_shown_and_leaves_nothing(folder):
    broken = folder / "broken.yaml"
    broken.write_text("model_list: [\n")
    failed = start_and_fail("--binary", stagedoor(), "--config", str(broken), env={"TMPDIR": str(folder)})
    assert failed.returncode == 1
    assert "replica-1 ended with code 1" in failed.stderr and "broken.yaml:" in failed.stderr
    assert [one.name for one in folder.iterdir()] == ["broken.yaml"]
