"""The load balancer in front of the replicas: HAProxy with the settings of `cluster/balancer`."""

import pathlib
import urllib.error
import urllib.request

from .process import Process

SETTINGS = pathlib.Path(__file__).resolve().parents[1] / "balancer"


class Balancer(Process):
    """Knows its replicas by their ports; which of them are ready it finds out itself."""

    def __init__(self, program, folder, port, metrics_port, replicas):
        self.port, self.metrics_port = port, metrics_port
        servers = [f"    server {replica.name} 127.0.0.1:{replica.port}\n" for replica in replicas]
        list_of_replicas = folder / "replicas.cfg"
        list_of_replicas.write_text("backend replicas\n" + "".join(servers))
        command = [program, "-db", "-f", SETTINGS / "haproxy.cfg", "-f", list_of_replicas]
        addresses = {
            "BALANCER_FOLDER": str(SETTINGS),
            "BALANCER_ADDRESS": f"127.0.0.1:{port}",
            "METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
        }
        super().__init__("balancer", folder, command, addresses)

    def ready(self):
        try:
            with urllib.request.urlopen(f"{self.address()}/health/readiness", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def described(self):
        metrics = f"http://127.0.0.1:{self.metrics_port}/metrics"
        return {**super().described(), "address": self.address(), "metrics": metrics}
