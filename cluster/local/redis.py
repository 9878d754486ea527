"""The Redis that the replicas share."""

import socket

from .process import Process


class Redis(Process):
    """On a port of its own, with a password, in memory only: what it holds is rebuilt, never missed."""

    def __init__(self, program, folder, port, password):
        self.port, self.password = port, password
        settings = folder / "redis.conf"
        settings.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass "{password}"\nsave ""\nappendonly no\ndir "{folder}"\ndaemonize no\n'
        )
        settings.chmod(0o600)
        super().__init__("redis", folder, [program, settings])

    def ready(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\nQUIT\r\n".encode())
                with connection.makefile("rb") as answers:
                    return b"+PONG" in answers.read()
        except OSError:
            return False

    def environment_of_replicas(self):
        return {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD": self.password,
            "REDIS_URL": f"redis://:{self.password}@127.0.0.1:{self.port}",
        }

    def described(self):
        address = {"address": f"127.0.0.1:{self.port}", "url": self.environment_of_replicas()["REDIS_URL"]}
        return {**super().described(), **address}
