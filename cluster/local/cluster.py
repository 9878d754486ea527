"""All processes of a cluster: started in the order in which they need each other, stopped in the reverse one."""

import json
import os
import pathlib
import secrets
import time

from . import tools
from .balancer import Balancer
from .postgres import Postgres
from .process import PATIENCE
from .redis import Redis
from .replica import Replica

# The least time between two starts of a process that keeps ending, seconds.
PAUSE = 1.0


class Cluster:
    """Redis, PostgreSQL, the replicas, the load balancer."""

    def __init__(self, folder, durable, config, binary, replicas, port):
        programs, binary = tools.programs(), tools.gateway(binary)
        self.folder = pathlib.Path(folder).resolve()
        self.secrets = self.keep_secrets()
        postgres_port, redis_port, metrics_port, balancer_port, *ports = tools.free_ports(4 + replicas)
        self.postgres = Postgres(
            programs, self.part("postgres"), postgres_port, self.secrets["postgres_password"], durable
        )
        self.redis = Redis(programs["redis"], self.part("redis"), redis_port, self.secrets["redis_password"])
        shared = self.environment_of_replicas()
        self.replicas = [
            Replica(number, binary, self.part(f"replica-{number}"), own_port, config, shared)
            for number, own_port in enumerate(ports, 1)
        ]
        self.balancer = Balancer(
            programs["balancer"], self.part("balancer"), port or balancer_port, metrics_port, self.replicas
        )
        self.told = set()

    def part(self, name):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def keep_secrets(self):
        """Made once for a folder: what is encrypted or hashed with them has to be readable the next time."""
        file = self.folder / "secrets.json"
        kept = json.loads(file.read_text()) if file.exists() else {}
        names = ["postgres_password", "redis_password", "salt_key"]
        made = {name: kept.get(name) or secrets.token_hex(16) for name in names}
        made["master_key"] = os.environ.get("LITELLM_MASTER_KEY") or kept.get("master_key") or f"sk-{secrets.token_hex(24)}"
        write_privately(file, made)
        return made

    def environment_of_replicas(self):
        return {
            **self.redis.environment_of_replicas(),
            "DATABASE_URL": self.postgres.url(),
            "LITELLM_MASTER_KEY": self.secrets["master_key"],
            "LITELLM_SALT_KEY": os.environ.get("LITELLM_SALT_KEY") or self.secrets["salt_key"],
            # One folder for all of them: the living take over what a dead one has left.
            "SPOOL_DIR": str(self.folder / "spool"),
        }

    def everything(self):
        return [self.redis, self.postgres, *self.replicas, self.balancer]

    def start(self):
        """Returns when every replica is ready and the load balancer reaches them."""
        for together in [[self.redis, self.postgres], self.replicas, [self.balancer]]:
            for process in together:
                process.start()
            for process in together:
                process.wait_for(process.ready)
        self.write()

    def stop(self):
        """Replicas first: open requests end while everything that they need is still there."""
        for together in [self.replicas, [self.balancer], [self.redis, self.postgres]]:
            for process in together:
                process.ask_to_stop()
            for process in together:
                process.wait_until_stopped(self.patience())

    def kill(self):
        for process in reversed(self.everything()):
            process.kill()

    @staticmethod
    def patience():
        """Longer than replicas wait for their open requests."""
        try:
            return float(os.environ["GRACEFUL_SHUTDOWN_TIMEOUT"]) + PATIENCE
        except (KeyError, ValueError):
            return 600.0 + PATIENCE

    def deaths(self):
        """Processes that have ended and of whom nobody has been told yet."""
        ended = [process for process in self.everything() if process.ended() and process.pid not in self.told]
        self.told.update(process.pid for process in ended)
        return ended

    def revive(self):
        """Starts again what has ended and is not held, but nothing more often than once a pause. Returns whether some
        are still to be started."""
        ended = [process for process in self.everything() if process.ended()]
        due = [one for one in ended if not one.held() and time.monotonic() - one.started >= PAUSE]
        for process in due:
            process.start()
        if due:
            self.write()
        return len(due) < len(ended)

    def write(self):
        write_privately(self.folder / "cluster.json", self.described())

    def described(self):
        return {
            "address": self.balancer.address(),
            "master_key": self.secrets["master_key"],
            "folder": str(self.folder),
            "pid": os.getpid(),
            "balancer": self.balancer.described(),
            "replicas": [replica.described() for replica in self.replicas],
            "redis": self.redis.described(),
            "postgres": self.postgres.described(),
        }


def write_privately(file, content):
    """Replaces the file as a whole, so that nobody reads half of it."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(file)
