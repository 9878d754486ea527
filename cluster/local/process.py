"""One child process: started, waited for, ended."""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

from .tools import Problem

# How long a program may take until it is ready, and to end when it is asked to, seconds.
PATIENCE = 60.0
# How often a condition is looked at while waiting, seconds.
LOOK = 0.02
# prctl(2): the signal that Linux sends a process when its parent is gone.
PR_SET_PDEATHSIG = 1


class Process:
    """A program with its output in a file. It gets no signals from the terminal, and on Linux it ends when whoever
    started it is killed, so that nothing is left behind."""

    def __init__(self, name, folder, command, environment=None, owner=None, stop_signal=signal.SIGTERM):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.command = [str(word) for word in command]
        self.environment = environment or {}
        self.owner = owner or {}
        self.stop_signal = stop_signal
        self.log = self.folder / "log"
        self.child = None
        self.started = 0.0

    def start(self):
        self.started = time.monotonic()
        with self.log.open("ab") as output:
            self.child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self.end_with_parent if sys.platform == "linux" else None,
                **self.owner,
            )

    def end_with_parent(self):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(self.stop_signal))

    @property
    def pid(self):
        return self.child.pid

    def ended(self):
        """How it ended, in words; None while it runs."""
        code = self.child.poll()
        if code is None:
            return None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def held(self):
        """Whether somebody wants it to stay down: a file named `hold` lies in its folder."""
        return (self.folder / "hold").exists()

    def wait_for(self, ready):
        """Waits until `ready` holds; a Problem with the last lines of its output when it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            ended = self.ended()
            if ended:
                raise Problem(f"{self.name} {ended}:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise Problem(f"{self.name} is not ready after {PATIENCE:.0f} s:\n{self.last_words()}")
            try:
                self.child.wait(LOOK)
            except subprocess.TimeoutExpired:
                pass

    def last_words(self, lines=15):
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  {line}" for line in text[-lines:]) or "  (it said nothing)"

    def ask_to_stop(self):
        if self.child and self.child.poll() is None:
            # One that was frozen hears nothing else.
            self.child.send_signal(signal.SIGCONT)
            self.child.send_signal(self.stop_signal)

    def wait_until_stopped(self, patience=PATIENCE):
        if not self.child:
            return
        try:
            self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def described(self):
        """What others need to find it, signal it and start it again."""
        return {
            "name": self.name,
            "pid": self.pid,
            "folder": str(self.folder),
            "log": str(self.log),
            "command": self.command,
            "environment": self.environment,
        }
