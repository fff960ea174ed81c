#!/usr/bin/python3
"""Where there is no network at all, not even loopback, everything works: daemon, store, fetch, run, and modelctl's verbs."""
import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Daemon, read_npy, run_tests, runfile  # noqa: E402

DIGITS = runfile("tools/digits")
# In a network namespace of its own every interface is down, loopback, too.
UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--"]
INSIDE = "--inside"
# From Linux' net/if.h and sockios.h.
SIOCGIFFLAGS, IFF_UP = 0x8913, 1
# Addresses for documentation, that no network routes; and this machine's own.
ADDRESSES = [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, "127.0.0.1")]
# What no socket can be made for is as far away.
UNREACHABLE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def up():
    """Names of the interfaces that are up; a kernel may make others than loopback in a new namespace, and leaves them down."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as any_socket:
        def flags(name):
            request = struct.pack("40s", name.encode())
            return struct.unpack_from("H", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request), 16)[0]
        return [name for _, name in socket.if_nameindex() if flags(name) & IFF_UP]


def check_nothing_can_be_reached():
    assert up() == [], up()
    for family, address in ADDRESSES:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as connection:
                connection.connect((address, 443))
            raise AssertionError(f"{address} can be reached")
        except OSError as error:
            # Where something could answer, or be waited for, the error is another one.
            expected = {errno.ENETUNREACH} if family == socket.AF_INET else UNREACHABLE
            assert error.errno in expected, f"{address}: {error}"


def check_offline(daemon):
    """The daemon is in this process's network namespace, and has opened no internet socket in it."""
    assert os.readlink(f"/proc/{daemon.process.pid}/ns/net") == os.readlink("/proc/self/ns/net")
    for table in "tcp", "tcp6", "udp", "udp6":
        path = f"/proc/self/net/{table}"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                assert len(file.readlines()) == 1, f"{table}: somebody has a socket"


def check_digits(daemon, model):
    """Runs the stored model on a picture of each digit."""
    _, expected = read_npy(f"{DIGITS}/samples/expected.npy")
    for digit in range(10):
        path = f"{daemon.folder}/probabilities.npy"
        daemon.modelctl("run", model, "--input", f"image={DIGITS}/samples/digit{digit}.png", "--output",
                        f"probabilities={path}")
        _, got = read_npy(path)
        want = expected[10 * digit:10 * digit + 10]
        assert max(range(10), key=got.__getitem__) == digit, (digit, got)
        assert max(abs(a - b) for a, b in zip(got, want)) <= 1e-4, (digit, got, want)


def test_there_is_no_network():
    check_nothing_can_be_reached()


def test_the_main_job_needs_no_network():
    with Daemon() as daemon:
        daemon.start()
        check_offline(daemon)
        model_id = daemon.json("import", f"{DIGITS}/model.onnx", "--key", "digits")["model_id"]
        check_digits(daemon, "digits")
        daemon.stop()
        daemon.start()
        check_digits(daemon, model_id)
        check_offline(daemon)
        daemon.stop()
    check_nothing_can_be_reached()


def test_modelctls_verbs_need_no_network():
    with Daemon() as daemon:
        daemon.start()
        model_id = daemon.modelctl("import", f"{DIGITS}/model.onnx", "--key", "digits").stdout.strip()
        for verb in ("status", "info", "version", "ls", "show digits", "ps --sessions", "top --once", "metrics", "why digits",
                     "cache ls", "cache du", "cache verify --rehash", "cache pin digits", "cache unpin digits",
                     "cache priority digits high", "cache prune --older-than 30d --dry-run",
                     "share digits --commonness 0.5", "shares", "unshare digits", "config show --origin", "partition ls",
                     "partition quota app:org.example.app 1G", "stop digits", "completion bash"):
            daemon.modelctl(*verb.split())
        doctor = daemon.modelctl("--json", "doctor", check=False)
        assert doctor.returncode in (0, 1), doctor  # 1: it found something, such as a unit that is not installed
        file, backup = f"{daemon.folder}/digits.modeld", f"{daemon.folder}/backup.tar"
        daemon.modelctl("export", "digits", file)
        daemon.modelctl("cache", "export", backup)
        daemon.modelctl("rm", model_id, "-y")
        assert daemon.json("ls")["models"] == []
        daemon.modelctl("cache", "import", backup)
        assert daemon.modelctl("import", file).stdout.strip() == model_id
        assert {model["model_id"] for model in daemon.json("ls")["models"]} == {model_id}
        daemon.modelctl("cache", "clear", "--all", "-y")
        check_offline(daemon)
        daemon.stop()
    check_nothing_can_be_reached()


def enter():
    """Runs this file again in a namespace of its own; where that cannot be made, says so and is content."""
    try:
        probe = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
        refusal = probe.stderr.strip() if probe.returncode != 0 else ""
    except OSError as error:
        refusal = str(error)
    if refusal:
        print(f"all tests: skipped, no network namespace can be made here ({refusal})")
        return 0
    return subprocess.run([*UNSHARE, sys.executable, os.path.abspath(__file__), INSIDE], check=False).returncode


if __name__ == "__main__":
    sys.exit(run_tests(globals()) if INSIDE in sys.argv else enter())
