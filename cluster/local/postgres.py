"""The PostgreSQL that keeps keys and the ledger."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess

from .process import Process
from .tools import Problem

DATABASE = "stagedoor"


def owner():
    """PostgreSQL refuses to run as root: somebody else then owns the server."""
    if os.getuid() != 0:
        return {}
    names = [user.pw_name for user in pwd.getpwall()]
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres(Process):
    """A server of its own on a port of its own; its files stay in the folder."""

    def __init__(self, programs, folder, port, password, durable):
        self.programs, self.port, self.password = programs, port, password
        self.data = folder / "data"
        command = [programs["postgres"], "-D", self.data, "-p", port, "-c", "listen_addresses=127.0.0.1"]
        # No socket file: its path may be longer than the system allows.
        command += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
        if not durable:
            command += ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        # SIGINT is its fast shutdown: it ends sessions instead of waiting for them.
        super().__init__("postgres", folder, command, owner=owner(), stop_signal=signal.SIGINT)

    def start(self):
        if not (self.data / "PG_VERSION").exists():
            self.make()
        super().start()

    def make(self):
        """An empty server with a password and one database."""
        if self.owner:
            self.hand_over()
        secret = self.folder / "password"
        secret.write_text(self.password + "\n")
        secret.chmod(0o600)
        if self.owner:
            shutil.chown(secret, self.owner["user"], self.owner["group"])
        arguments = ["-D", self.data, "-U", "stagedoor", "-E", "UTF8", "-A", "scram-sha-256", "--no-sync"]
        self.run([self.programs["initdb"], *arguments, "--locale=C", f"--pwfile={secret}"])
        single = [self.programs["postgres"], "--single", "-D", self.data, "postgres"]
        self.run(single, f"CREATE DATABASE {DATABASE}\n")

    def hand_over(self):
        """Gives the folder to who runs the server, who has to be able to reach it."""
        shutil.chown(self.folder, self.owner["user"], self.owner["group"])
        # Only what is ours is opened; somebody's home folder is not.
        self.folder.parent.chmod(self.folder.parent.stat().st_mode | 0o011)
        for parent in self.folder.parent.parents:
            if not parent.stat().st_mode & 0o001:
                user = pwd.getpwuid(self.owner["user"]).pw_name
                raise Problem(f"PostgreSQL does not run as root, and {user} may not enter {parent}: choose another --folder")

    def run(self, command, text=""):
        done = subprocess.run(
            [str(word) for word in command], cwd=self.folder, input=text, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.owner,
        )
        if done.returncode != 0 or "ERROR:" in done.stdout:
            raise Problem(f"{pathlib.Path(command[0]).name} failed:\n{done.stdout}")

    def ready(self):
        """The server writes its state into the eighth line of that file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(self.pid) and lines[7].strip() == "ready"

    def url(self):
        return f"postgresql://stagedoor:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def described(self):
        return {**super().described(), "address": f"127.0.0.1:{self.port}", "url": self.url()}
