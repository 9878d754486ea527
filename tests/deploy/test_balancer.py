"""The load balancer: its configuration, and how requests travel through it."""

import collections
import re
import socket
import threading
import time

import pytest

from conftest import call, eventually, free_ports, open_folder
from tools import ROOT, compose, program, read, run

from local.balancer import Balancer


def test_haproxy_takes_the_configuration():
    service = compose()["services"]["balancer"]
    folder = str(ROOT / "cluster" / "balancer")
    command = [word.replace("/balancer/", folder + "/") for word in service["command"]]
    said = run(program("haproxy"), "-c", *command[1:], env={**service["environment"], "BALANCER_FOLDER": folder})
    assert "WARNING" not in said.upper(), said


def test_it_agrees_with_the_gateway_and_with_compose():
    text = read("cluster/balancer/haproxy.cfg")
    for path in ("/health/readiness",):
        assert path in text and f'"{path}"' in read("src/http/routes.rs")
    # The gateway's own clock (600 s of silence) has to strike before the load balancer's.
    assert int(re.search(r"timeout server (\d+)m", text).group(1)) * 60 > 600
    # A request that may have been accepted may have been paid for.
    assert re.findall(r"^\s*retry-on (.*)$", text, re.MULTILINE) == ["conn-failure"]
    services = compose()["services"]
    port = services["stagedoor"]["command"][-1]
    assert f" stagedoor:{port} " in read("cluster/balancer/replicas-compose.cfg")
    # It notices that a replica is going before the replica stops to listen.
    assert "inter 1s" in text and int(services["stagedoor"]["environment"]["SHUTDOWN_DRAIN_DELAY"]) > 1


class Scripted:
    """Stands in for a replica. Keeps what it is asked, answers as the path says, and notices when it is left."""

    def __init__(self, name):
        self.name, self.asked, self.left = name, [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def die(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            path = connection.recv(65536).split(b" ")[1].decode()
            if path.startswith("/health"):
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                return
            self.asked.append(path)
            if path == "/break":
                return
            if path == "/answer":
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                return
            if path == "/stream":
                connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            try:
                connection.recv(1)
            except ConnectionError:
                pass
            self.left.append((path, time.monotonic()))


Server = collections.namedtuple("Server", "name port")


@pytest.fixture(scope="module")
def replica():
    scripted = Scripted("alive")
    yield scripted
    scripted.die()


@pytest.fixture(scope="module")
def balancer(replica):
    with open_folder() as folder:
        port, metrics_port = free_ports(2)
        balancer = Balancer(program("haproxy"), folder, port, metrics_port, [Server(replica.name, replica.port)])
        balancer.start()
        balancer.wait_for(balancer.ready)
        yield balancer
        balancer.ask_to_stop()
        balancer.wait_until_stopped()


def ask(balancer, path):
    client = socket.create_connection(("127.0.0.1", balancer.port), timeout=10)
    client.sendall(f"POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\n{{}}".encode())
    return client


@pytest.mark.parametrize("path", ["/stream", "/silence"])
def test_hanging_up_reaches_the_replica_at_once(balancer, replica, path):
    with ask(balancer, path) as client:
        eventually("the replica is asked", lambda: path in replica.asked)
        if path == "/stream":
            # What has come is passed on, though there will be more.
            seen = b""
            while b"first" not in seen:
                seen += client.recv(4096)
        hung_up = time.monotonic()
    left = eventually("the replica is left", lambda: [at for asked, at in replica.left if asked == path])
    assert left[0] - hung_up < 0.25


def test_what_a_replica_may_have_accepted_is_not_sent_again(balancer, replica):
    assert call("POST", f"{balancer.address()}/break", body={})[0] == 502
    assert replica.asked.count("/break") == 1


def test_what_reached_nobody_goes_elsewhere(replica):
    """A replica that was just killed, and of which the load balancer does not know it yet."""
    with open_folder() as folder:
        dying = Scripted("dying")
        servers = [Server(one.name, one.port) for one in (dying, replica)]
        port, metrics_port = free_ports(2)
        balancer = Balancer(program("haproxy"), folder, port, metrics_port, servers)
        balancer.start()
        balancer.wait_for(balancer.ready)
        dying.die()
        try:
            answers = [call("POST", f"{balancer.address()}/answer", body={}) for _ in range(10)]
            assert answers == [(200, "ok")] * 10
            assert not dying.asked
        finally:
            balancer.ask_to_stop()
            balancer.wait_until_stopped()


def test_nobody_there_is_an_error_in_the_gateways_form():
    with open_folder() as folder:
        port, metrics_port, dead = free_ports(3)
        balancer = Balancer(program("haproxy"), folder, port, metrics_port, [Server("dead", dead)])
        balancer.start()
        try:
            refused = eventually("it listens", lambda: [one for one in [call("GET", balancer.address())] if one[0]])
            assert refused[0][0] == 503 and '"type":"internal_server_error"' in refused[0][1]
        finally:
            balancer.ask_to_stop()
            balancer.wait_until_stopped()
