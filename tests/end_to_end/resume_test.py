#!/usr/bin/python3
"""A large upload whose client or daemon is killed halfway goes on from there: a proxy counts what is sent the second time."""
import glob
import os
import resource
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELCTL, PATIENCE_S, Daemon, run_tests, wait_for  # noqa: E402
from onnx_writer import write_matmul  # noqa: E402
from proxy import CountingProxy  # noqa: E402

MIB = 1 << 20
ROWS, COLUMNS = 4096, 3072
SIZE = ROWS * COLUMNS * 4  # 48 MiB
CHUNK = 4 * MIB  # that the daemon has digests of
# Of what is forwarded, the daemon takes all but the talk and a message that was cut off: whole chunks, then.
HALF = 26 * MIB
TAKEN = 24 * MIB
# Messages around the bytes: the graph, frames, calls.
TALK = MIB
# After so many bytes of a resumed upload its client waits for the daemon's answer.
STREAM = 16 * MIB


class Upload:
    """A model of one large constant on its way to a daemon, through a counting proxy."""

    def __init__(self, daemon, seed):
        self.daemon = daemon
        self.file = f"{daemon.folder}/large.onnx"
        write_matmul(self.file, ROWS, COLUMNS, seed)

    def begin(self, proxy):
        environment = {**self.daemon.environment(), "MODELD_HOST": proxy.host}
        return subprocess.Popen([MODELCTL, "import", self.file], env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def proxy(self):
        return CountingProxy(f"{self.daemon.folder}/proxy.sock", f"{self.daemon.folder}/run/modeld.sock")

    def until_half(self, proxy):
        """Sends about half of it, and lets the daemon take it; returns the client, which waits in vain to send more."""
        reached = proxy.hold_after(HALF)
        client = self.begin(proxy)
        assert reached.wait(PATIENCE_S), f"only {proxy.sent_bytes} bytes came: {client.communicate()}"
        wait_for(lambda: sum(map(os.path.getsize, staged_files(self.daemon))) >= TAKEN, "the daemon does not take what came")
        return client

    def rest(self):
        """Imports it whole; the bytes that this took, and the model's id."""
        with self.proxy() as proxy:
            client = self.begin(proxy)
            out, err = client.communicate(timeout=PATIENCE_S)
            assert client.returncode == 0, (client.returncode, err)
            return proxy.sent_bytes, out.strip()


def start_without_memory(daemon):
    """Bytes then go through the connection, where they can be counted."""
    daemon.start()
    os.unlink(f"{daemon.folder}/run/memory.sock")


def staged_files(daemon):
    return glob.glob(f"{daemon.cache}/staging/*")


def kept_bytes(daemon):
    """What the daemon has of the one upload, durably."""
    [upload] = daemon.json("cache", "ls", "--partial")["entries"]
    assert upload["size_bytes"] == SIZE, upload
    return upload["committed_bytes"]


def end(process):
    process.kill()
    process.communicate()


def check_whole(daemon, model_id):
    daemon.modelctl("cache", "verify", "--rehash")
    [model] = daemon.json("ls")["models"]
    assert model["model_id"] == model_id and not model["damaged"] and model["size_bytes"] > SIZE, model
    assert daemon.json("cache", "ls", "--partial")["entries"] == []


def check_only_the_rest(sent, rest, more=0):
    print(f"of {SIZE} bytes {rest} were missing, {sent} were sent")
    assert rest <= sent <= rest + TALK + more < SIZE, (sent, rest, more)


def test_a_client_that_was_killed_sends_only_the_rest():
    with Daemon() as daemon:
        start_without_memory(daemon)
        upload = Upload(daemon, 1)
        with upload.proxy() as proxy:
            end(upload.until_half(proxy))
            daemon.wait_for_sessions_to_end()
        kept = kept_bytes(daemon)
        assert TAKEN <= kept <= HALF, kept
        sent, model_id = upload.rest()
        check_only_the_rest(sent, SIZE - kept)
        check_whole(daemon, model_id)
        daemon.stop()


def test_a_daemon_that_was_killed_is_sent_only_the_rest():
    with Daemon() as daemon:
        start_without_memory(daemon)
        upload = Upload(daemon, 2)
        with upload.proxy() as proxy:
            client = upload.until_half(proxy)
            daemon.kill()
            client.communicate(timeout=PATIENCE_S)
            assert client.returncode != 0, "the import says that it was stored"
        start_without_memory(daemon)
        kept = kept_bytes(daemon)
        assert TAKEN <= kept <= HALF, kept
        sent, model_id = upload.rest()
        check_only_the_rest(sent, SIZE - kept)
        check_whole(daemon, model_id)
        daemon.stop()


def test_a_chunk_that_is_damaged_meanwhile_is_all_that_comes_again():
    with Daemon() as daemon:
        start_without_memory(daemon)
        upload = Upload(daemon, 3)
        with upload.proxy() as proxy:
            client = upload.until_half(proxy)
            daemon.kill()
            client.communicate(timeout=PATIENCE_S)
        start_without_memory(daemon)
        kept = kept_bytes(daemon)
        daemon.stop()
        [staged] = staged_files(daemon)
        with open(staged, "r+b") as file:
            file.seek(CHUNK + 1000)
            byte = file.read(1)[0]
            file.seek(CHUNK + 1000)
            file.write(bytes([byte ^ 0x10]))
        start_without_memory(daemon)
        sent, model_id = upload.rest()
        # The client learns of the chunk from the answer to the bytes that it took for the next ones.
        check_only_the_rest(sent, SIZE - kept + CHUNK, more=STREAM)
        check_whole(daemon, model_id)
        daemon.stop()


def test_a_daemon_that_was_killed_while_it_took_memory_is_sent_only_the_rest():
    with Daemon() as daemon:
        daemon.start()
        upload = Upload(daemon, 4)
        # The kernel kills it when it writes beyond.
        resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (20 * MIB, 20 * MIB))
        with upload.proxy() as proxy:
            client = upload.begin(proxy)
            assert daemon.process.wait(PATIENCE_S) == -signal.SIGXFSZ, daemon.process.returncode
            client.communicate(timeout=PATIENCE_S)
            assert client.returncode != 0, "the import says that it was stored"
            assert proxy.sent_bytes < TALK, "the bytes went through the connection"
        start_without_memory(daemon)
        kept = kept_bytes(daemon)
        assert kept >= 16 * MIB, kept  # the daemon syncs so many at once
        sent, model_id = upload.rest()
        check_only_the_rest(sent, SIZE - kept)
        check_whole(daemon, model_id)
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
