#!/usr/bin/python3
"""An upload that stands still says so: in modelctl's progress, which a terminal shows, and to the user who lists the cache."""
import os
import re
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELCTL, PATIENCE_S, Daemon, run_tests, wait_for  # noqa: E402
from onnx_writer import write_matmul  # noqa: E402
from proxy import CountingProxy  # noqa: E402

MIB = 1 << 20
ROWS = COLUMNS = 2048
SIZE = ROWS * COLUMNS * 4  # 16 MiB
HALF = SIZE // 2
STALLED = re.compile(rb"\[#*\.*\] [^\r]* of 16\.0 MiB, stalled [0-9]+[smh]")


def proxy_to(daemon):
    return CountingProxy(f"{daemon.folder}/proxy.sock", f"{daemon.folder}/run/modeld.sock")


def wait_for_drawing(terminal, pattern):
    """Reads what is drawn on a terminal until it matches."""
    drawn = b""
    deadline = time.monotonic() + PATIENCE_S
    while not pattern.search(drawn):
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"never drawn, only {drawn}"
        drawn += os.read(terminal, 65536)


def wait_for_state(daemon, state):
    """Waits until the one upload is in this state; its entry."""
    found = []

    def reached():
        found[:] = daemon.json("cache", "ls", "--partial")["entries"]
        assert len(found) == 1, found
        return found[0]["state"] == state

    wait_for(reached, f"the upload is not {state}")
    return found[0]


def test_an_upload_is_stalled_while_nothing_comes_and_interrupted_when_its_client_has_gone():
    with Daemon(["--stall-after", "1"]) as daemon:
        daemon.start()
        os.unlink(f"{daemon.folder}/run/memory.sock")  # so that the bytes go through the proxy
        file = f"{daemon.folder}/large.onnx"
        write_matmul(file, ROWS, COLUMNS, 1)
        with proxy_to(daemon) as proxy:
            reached = proxy.hold_after(HALF)
            terminal, far_end = os.openpty()
            client = subprocess.Popen([MODELCTL, "import", file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=far_end, env={**daemon.environment(), "MODELD_HOST": proxy.host})
            assert reached.wait(PATIENCE_S), f"only {proxy.sent_bytes} bytes came"
            wait_for_drawing(terminal, STALLED)
            upload = wait_for_state(daemon, "stalled")
            assert upload["in_use"] and upload["quiet_seconds"] >= 1 and upload["size_bytes"] == SIZE, upload
            listed = re.compile(r" %, stalled \d+[smh], in use")
            wait_for(lambda: listed.search(daemon.modelctl("cache", "ls").stdout), "the listing does not say so")
            client.kill()
            client.wait()
            os.close(far_end)
            os.close(terminal)
            upload = wait_for_state(daemon, "interrupted")
            assert not upload["in_use"] and 0 < upload["committed_bytes"] <= HALF, upload
            assert " %, interrupted" in daemon.modelctl("cache", "ls").stdout
        with proxy_to(daemon) as proxy:  # a sender of the same partition goes on with it
            subprocess.run([MODELCTL, "import", file], env={**daemon.environment(), "MODELD_HOST": proxy.host}, check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        assert daemon.json("cache", "ls", "--partial")["entries"] == []
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
