#!/usr/bin/python3
"""modeld as a process: start, end, exit codes, what it says to the service manager, socket activation.

Usage: process_test.py MODELD. Ends with the line "N passed, N failed".
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

MODELD = os.path.abspath(sys.argv[1])
# No wait in these tests is meant to be reached.
PATIENCE_S = 120


class Scratch:
    """A folder with a short path, and the flags of a daemon that lives in it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="modeld", dir="/tmp")
        self.run = f"{self.folder}/run"
        self.flags = ["--cache-dir", f"{self.folder}/cache", "--state-dir", f"{self.folder}/state",
                      "--runtime-dir", self.run]
        self.processes = []
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def start(self, *flags, before=(), **environment):
        process = subprocess.Popen([*before, MODELD, *self.flags, *flags], text=True, stderr=subprocess.PIPE,
                                   env={"HOME": self.folder, "PATH": "/usr/bin:/bin", **sanitizers(), **environment})
        self.processes.append(process)
        return process


def sanitizers():
    """Settings of an instrumented daemon, which the test's environment carries."""
    return {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}


def connect(path):
    """Connects as soon as somebody listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(PATIENCE_S)
        try:
            client.connect(path)
            return client
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < deadline, f"nobody listens at {path}"
            client.close()
            time.sleep(0.02)


def speaks_http2(client):
    """Greets a gRPC server; whether it answers with a SETTINGS frame."""
    client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
    answer = b""
    while len(answer) < 9:
        more = client.recv(9 - len(answer))
        if not more:
            return False
        answer += more
    return answer[3] == 4


def run(*args, **environment):
    return subprocess.run([MODELD, *args], capture_output=True, text=True, timeout=PATIENCE_S,
                          env={**sanitizers(), **environment})


def test_it_serves_in_the_foreground_and_ends_on_either_signal():
    for number in signal.SIGTERM, signal.SIGINT:
        with Scratch() as scratch:
            process = scratch.start()
            client = connect(f"{scratch.run}/modeld.sock")
            assert speaks_http2(client)
            assert connect(f"{scratch.run}/memory.sock")
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
            assert sorted(os.listdir(scratch.run)) == ["modeld.lock"], os.listdir(scratch.run)


def test_its_files_are_the_users_alone():
    with Scratch() as scratch:
        scratch.start()
        connect(f"{scratch.run}/modeld.sock")
        for folder, _, files in os.walk(scratch.folder):
            for path in [folder] + [os.path.join(folder, name) for name in files]:
                try:
                    mode = os.lstat(path).st_mode
                except FileNotFoundError:
                    continue  # it went meanwhile
                assert mode & 0o077 == 0, (path, oct(mode))


def socket_inodes(pid):
    """The sockets that a process holds. Others of its descriptors may come and go meanwhile."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[len("socket:["):-1])
    return inodes


def test_it_listens_on_unix_sockets_only():
    with Scratch() as scratch:
        process = scratch.start()
        assert speaks_http2(connect(f"{scratch.run}/modeld.sock"))
        inodes = socket_inodes(process.pid)
        assert inodes
        for table in "tcp", "tcp6", "udp", "udp6", "raw", "raw6":
            path = f"/proc/{process.pid}/net/{table}"
            lines = open(path).read().splitlines()[1:] if os.path.exists(path) else []
            assert not inodes & {line.split()[9] for line in lines}, table


def test_idle_it_ends_by_itself():
    with Scratch() as scratch:
        process = scratch.start("--idle-exit", "1s")
        assert process.wait(PATIENCE_S) == 0
        assert sorted(os.listdir(scratch.run)) == ["modeld.lock"]


def test_the_service_manager_is_told():
    with Scratch() as scratch:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(f"{scratch.folder}/notify")
        manager.settimeout(PATIENCE_S)
        process = scratch.start(NOTIFY_SOCKET=f"{scratch.folder}/notify", WATCHDOG_USEC="100000")
        assert b"READY=1" in manager.recv(1024)
        # Ready means: it can be reached.
        assert os.path.exists(f"{scratch.run}/modeld.sock")
        assert manager.recv(1024) == b"WATCHDOG=1"
        process.terminate()
        while b"STOPPING=1" not in manager.recv(1024):
            pass
        assert process.wait(PATIENCE_S) == 0


def test_a_socket_handed_down_is_served_and_left_in_place():
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        return "systemd-socket-activate is not installed"
    with Scratch() as scratch:
        os.mkdir(scratch.run, 0o700)
        paths = [f"{scratch.run}/modeld.sock", f"{scratch.run}/memory.sock"]
        process = scratch.start(before=[activate, "-l", paths[0], "-l", paths[1], "--fdname=modeld:memory", "--"])
        # The first connection starts the daemon, and is served by it.
        client = connect(paths[0])
        assert speaks_http2(client)
        connect(paths[1]).close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert all(os.path.exists(path) for path in paths)


def test_one_socket_may_be_handed_down_and_the_other_bound():
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        return "systemd-socket-activate is not installed"
    with Scratch() as scratch:
        process = scratch.start(before=[activate, "-l", f"{scratch.folder}/elsewhere", "--fdname=modeld", "--"])
        assert speaks_http2(connect(f"{scratch.folder}/elsewhere"))
        connect(f"{scratch.run}/memory.sock").close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert not os.path.exists(f"{scratch.run}/memory.sock")


def test_a_runtime_folder_that_others_could_have_shaped_is_refused():
    with Scratch() as scratch:
        os.symlink(scratch.folder, scratch.run)
        process = scratch.start()
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1 and "not a folder" in said, said


def test_usage_errors_are_told_from_failures():
    assert run("--version").returncode == 0
    assert "--cache-dir" in run("--help").stdout
    assert run("--no-such-flag", HOME="/nonexistent").returncode == 2
    assert run("--idle-exit", "soon", HOME="/nonexistent").returncode == 2
    with Scratch() as scratch:
        os.makedirs(f"{scratch.folder}/.config/modeld")
        with open(f"{scratch.folder}/.config/modeld/config.toml", "w") as file:
            file.write("[daemon]\nidle_exitt = '5m'\n")
        result = run(HOME=scratch.folder)
        assert result.returncode == 2 and "line 2" in result.stderr and "idle_exitt" in result.stderr, result
        result = run(*scratch.flags, "--device", "abacus", HOME="/nonexistent")
        assert result.returncode == 2 and "abacus" in result.stderr and "reference" in result.stderr, result


def main():
    passed = failed = 0
    for name, test in [(n, t) for n, t in globals().items() if n.startswith("test_")]:
        try:
            reason = test()
            passed += reason is None
            print(f"{name}: {'passed' if reason is None else 'skipped, ' + reason}", flush=True)
        except Exception:  # the test's own report; the next one still runs
            failed += 1
            print(f"{name}: FAILED", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
