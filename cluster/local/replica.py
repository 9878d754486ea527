"""One replica of the gateway."""

import json
import urllib.error
import urllib.request

from .process import Process


class Replica(Process):
    """Serves the same configuration as the others, in a folder of its own."""

    def __init__(self, number, program, folder, port, config, environment):
        self.port = port
        command = [program, "--config", config, "--host", "127.0.0.1", "--port", port]
        super().__init__(f"replica-{number}", folder, command, environment)

    def ready(self):
        try:
            with urllib.request.urlopen(f"{self.address()}/health/readiness", timeout=2) as answer:
                # A replica is ready without its database, too; a cluster that is just starting should have one.
                return json.load(answer).get("db") in ("connected", "Not connected")
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def described(self):
        return {**super().described(), "address": self.address(), "metrics": f"{self.address()}/metrics"}
