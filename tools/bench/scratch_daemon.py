"""A daemon in a scratch folder, for benchmarks."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

MODELD = os.path.abspath("daemon/modeld")
PATIENCE_S = 120


def status_bytes(pid, field):
    """A field of /proc/PID/status that is told in kB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{field} is not told")


class ScratchDaemon:
    """Started anew on the same folders as often as wanted; close() removes them."""

    def __init__(self, flags=(), parent="/tmp"):
        self.folder = tempfile.mkdtemp(prefix="modeld", dir=parent)
        self.flags = list(flags)
        self.process = None

    def start(self):
        """Returns the seconds until it listens."""
        began = time.monotonic()
        self.process = subprocess.Popen([MODELD, "--config", "/dev/null", "--cache-dir", f"{self.folder}/cache", "--state-dir",
                                         f"{self.folder}/state", "--runtime-dir", f"{self.folder}/run", *self.flags],
                                        stderr=subprocess.DEVNULL)
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > began + PATIENCE_S:
                raise SystemExit("the daemon does not start")
            time.sleep(0.005)
        return time.monotonic() - began

    def _listens(self):
        with socket.socket(socket.AF_UNIX) as probe:  # the file is there before the daemon listens
            return probe.connect_ex(self.socket) == 0

    @property
    def socket(self):
        return f"{self.folder}/run/modeld.sock"

    @property
    def host(self):
        return f"unix://{self.socket}"

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
