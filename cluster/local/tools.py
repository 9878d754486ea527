"""Finding programs and ports on this machine."""

import glob
import os
import pathlib
import shutil
import socket

# Where servers live that Debian and Homebrew keep out of an ordinary user's PATH.
ELSEWHERE = [
    "/usr/sbin",
    "/sbin",
    "/usr/lib/postgresql/*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
]

# What is needed, and how to get it. The first name that is there is taken.
PROGRAMS = {
    "redis": (["redis-server", "valkey-server"], "redis-server (Debian), redis (Homebrew)"),
    "initdb": (["initdb"], "postgresql (Debian), postgresql@17 (Homebrew)"),
    "postgres": (["postgres"], "postgresql (Debian), postgresql@17 (Homebrew)"),
    "balancer": (["haproxy"], "haproxy (Debian, Homebrew)"),
}


class Problem(Exception):
    """Why the cluster does not start, in words for the person who started it."""


def search_path():
    folders = [sorted(glob.glob(pattern), reverse=True) for pattern in ELSEWHERE]
    return os.pathsep.join([os.environ.get("PATH", ""), *(folder for found in folders for folder in found)])


def programs():
    """The path of each program; a Problem that names all that are missing."""
    path, found, missing = search_path(), {}, []
    for use, (names, package) in PROGRAMS.items():
        places = [place for place in (shutil.which(name, path=path) for name in names) if place]
        if places:
            found[use] = places[0]
        else:
            missing.append(f"  {' or '.join(names)}: install the package {package}")
    if missing:
        raise Problem("these programs are not installed:\n" + "\n".join(missing))
    return found


def gateway(named):
    """The stagedoor binary: the one that is named, else the newest one built here, else the one in the PATH."""
    if named:
        path = pathlib.Path(named).resolve()
        if not os.access(path, os.X_OK) or path.is_dir():
            raise Problem(f"{named} is not a program")
        return str(path)
    target = pathlib.Path(__file__).resolve().parents[2] / "target"
    built = [path for path in (target / kind / "stagedoor" for kind in ("dist", "release", "debug")) if path.is_file()]
    if built:
        return str(max(built, key=lambda path: path.stat().st_mtime))
    installed = shutil.which("stagedoor")
    if not installed:
        raise Problem("there is no stagedoor: build it (cargo build --release) or name one with --binary")
    return installed


def free_ports(count):
    """So many ports of the loopback address that nobody uses now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
