"""A PostgreSQL server of the suite's own: free port, temporary folder, gone with the suite."""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess

from harness import free_port


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin")) + os.environ.get("PATH", "").split(":")
    for folder in found:
        if (pathlib.Path(folder) / "initdb").is_file():
            return pathlib.Path(folder)
    raise SystemExit("PostgreSQL is not installed: install the package `postgresql` (tests/run does it)")


def owner():
    """PostgreSQL refuses to run as root: somebody else then owns the server."""
    if os.getuid() != 0:
        return {}
    names = [user.pw_name for user in pwd.getpwall()]
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    def __init__(self, folder):
        self.bin, self.folder, self.port = binaries(), pathlib.Path(folder), free_port()
        self.folder.mkdir()
        self.owner, self.databases = owner(), 0
        if self.owner:
            # Every folder on the way has to be open to the owner of the last one.
            for parent in [self.folder, *self.folder.parents]:
                if parent.owner() == "root" and parent.stat().st_mode & 0o005 != 0o005:
                    parent.chmod(parent.stat().st_mode | 0o005)
            shutil.chown(self.folder, self.owner["user"], self.owner["group"])
        self.data = self.folder / "data"
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {self.port} -k {self.data} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", options, "start")

    def run(self, name, *arguments):
        subprocess.run([str(self.bin / name), *map(str, arguments)], check=True, cwd=self.folder, timeout=60,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.owner)

    def url(self):
        """A new, empty database."""
        self.databases += 1
        name = f"seeds_{self.databases}"
        self.run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", name)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")
