"""A real daemon in a scratch folder, and modelctl to talk to it: shared by the end-to-end tests."""
import ast
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback


def runfile(path):
    """The absolute path of a file that the test's rule lists in `data`."""
    return os.path.abspath(path)


MODELD = runfile("daemon/modeld")
MODELCTL = runfile("tools/modelctl/modelctl")
# Instrumented binaries are slower; no wait in these tests is meant to be reached.
PATIENCE_S = 120


def wait_for(condition, complaint):
    """Until `condition` holds; what it waits for comes by itself, in the background."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


class Daemon:
    """One scratch folder and the daemon that runs in it. Stop it with stop() or kill().

    With `configured`, a configuration file tells it its cache's folder, which `modelctl cache move` may then change; else a flag.
    """

    def __init__(self, flags=(), cache_dir=None, configured=False):
        self.folder = tempfile.mkdtemp(prefix="modeld", dir="/tmp")  # socket paths must be short
        self.cache = cache_dir or f"{self.folder}/cache"
        self.config = f"{self.folder}/config.toml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'# a comment\n[paths]\ncache_dir = "{self.cache}"\n' if configured else "")
        self.flags = ["--config", self.config, *([] if configured else ["--cache-dir", self.cache]), *flags]
        self.process = None

    def launch(self, **options):
        """Starts it and does not wait; `options` are Popen's."""
        self.process = subprocess.Popen(
            [MODELD, "--state-dir", f"{self.folder}/state", "--runtime-dir",
             f"{self.folder}/run", "--admins", MODELCTL] + self.flags, **options)

    def start(self, **options):
        """launch(), and waits until it answers."""
        self.launch(**options)
        deadline = time.monotonic() + PATIENCE_S
        while self.modelctl("status", check=False).returncode != 0:
            assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "the daemon does not answer"
            time.sleep(0.05)
        return self

    def wait_for_sessions_to_end(self):
        """Until nobody but the one who asks is connected, and what they had loaded is nobody's: a client's end is noticed later."""
        def gone():
            told = self.json("ps")
            return len(told["sessions"]) == 1 and all(graph["sessions"] == 0 for graph in told["graphs"])
        wait_for(gone, "the session of a client that has ended remains")

    def stop(self):
        """Stops it as systemd would; asserts that it ends well and leaves no socket behind."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.process.returncode
        assert not os.path.exists(f"{self.folder}/run/modeld.sock")
        assert not os.path.exists(f"{self.folder}/run/memory.sock")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def environment(self):
        return {**os.environ, "MODELD_HOST": f"unix://{self.folder}/run/modeld.sock", "HOME": self.folder}

    def modelctl(self, *args, check=True, **options):
        """Runs modelctl; its output is captured as text."""
        result = subprocess.run([MODELCTL, *args], env=self.environment(), capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=PATIENCE_S * 5, **options)
        if check:
            assert result.returncode == 0, f"modelctl {args}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def json(self, *args):
        """What `modelctl --json` prints."""
        return json.loads(self.modelctl("--json", *args).stdout)


def read_npy(path):
    """(shape, values) of a float32 NPY file."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x93NUMPY"
    size = struct.unpack("<H", data[8:10])[0] if data[6] == 1 else struct.unpack("<I", data[8:12])[0]
    start = 10 if data[6] == 1 else 12
    header = ast.literal_eval(data[start:start + size].decode("latin1"))
    assert header["descr"] == "<f4" and not header["fortran_order"], header
    values = struct.unpack(f"<{(len(data) - start - size) // 4}f", data[start + size:])
    return header["shape"], values


def run_tests(namespace):
    """Runs every function named test_*; prints the closing line and returns the exit status."""
    passed = failed = skipped = 0
    for name, test in [(n, t) for n, t in namespace.items() if n.startswith("test_")]:
        try:
            reason = test()
            if isinstance(reason, str):
                skipped += 1
                print(f"{name}: skipped, {reason}", flush=True)
            else:
                passed += 1
                print(f"{name}: passed", flush=True)
        except Exception:  # the test's own report; the next one still runs
            failed += 1
            print(f"{name}: FAILED", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed + skipped == 0 else 0
