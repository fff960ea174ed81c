#!/usr/bin/python3
"""A full disk, a read-only folder, a flipped bit, a missing file, a second instance: each has its own answer and loses nothing else."""
import glob
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELD, PATIENCE_S, Daemon, run_tests, runfile, wait_for  # noqa: E402
from onnx_writer import write_matmul, write_npy  # noqa: E402

DIGITS = runfile("tools/digits/model.onnx")
# modelctl's exit codes.
NOT_FOUND, UNREACHABLE, NO_SPACE, VERIFICATION, INTERRUPTED = 3, 4, 5, 6, 130


def largest_blob(daemon):
    files = [f for f in glob.glob(f"{daemon.cache}/blobs/**", recursive=True) if os.path.isfile(f)]
    return max(files, key=os.path.getsize)


def test_a_full_disk_refuses_the_store_and_keeps_the_rest():
    with Daemon() as daemon:
        os.makedirs(daemon.cache)
        mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", daemon.cache]
        if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
            return "a small tmpfs needs root and CAP_SYS_ADMIN"
        try:
            daemon.flags += ["--min-free-bytes", "0"]
            big = f"{daemon.folder}/big.onnx"
            write_matmul(big, 1024, 4096, 1)  # 16 MiB
            daemon.start()
            daemon.modelctl("import", DIGITS, "--key", "digits")
            result = daemon.modelctl("import", big, check=False)
            assert result.returncode == NO_SPACE, (result.returncode, result.stderr)
            assert daemon.cache not in result.stderr, "a client-visible text holds a path"
            daemon.modelctl("verify", "--rehash")
            assert [m["keys"] for m in daemon.json("ls")["models"]] == [["digits"]]
            daemon.stop()
        finally:
            daemon.close()
            subprocess.run(["umount", "-l", daemon.cache], check=False)


def test_a_flipped_bit_is_found_and_storing_again_repairs_it():
    with Daemon(["--scrub-bytes-per-second", "0"]) as daemon:  # which would find it, too, at some time
        other = f"{daemon.folder}/other.onnx"
        write_matmul(other, 8, 8, 2)
        daemon.start()
        daemon.modelctl("import", DIGITS, "--key", "digits")
        daemon.modelctl("import", other, "--key", "other")
        # What follows is about a model that has its plan, which is written in the background.
        wait_for(lambda: daemon.json("show", "digits")["plans"], "no plan is written")
        daemon.stop()
        path = largest_blob(daemon)
        with open(path, "r+b") as file:
            file.seek(100)
            byte = file.read(1)[0]
            file.seek(100)
            file.write(bytes([byte ^ 0x10]))
        daemon.start()
        sample = runfile("tools/digits/samples/digit3.png")
        # The plan has packed weights of its own; what is stored is found wrong by being read again.
        daemon.modelctl("run", "digits", "--input", f"image={sample}")
        assert daemon.modelctl("verify", "--rehash", check=False).returncode == VERIFICATION
        result = daemon.modelctl("run", "digits", "--input", f"image={sample}", check=False)
        assert result.returncode == VERIFICATION and "damaged" in result.stderr, result
        damaged = {tuple(m["keys"]): m["damaged"] for m in daemon.json("ls")["models"]}
        assert damaged == {("digits",): True, ("other",): False}, damaged
        daemon.modelctl("import", DIGITS, "--key", "digits")
        daemon.modelctl("run", "digits", "--input", f"image={sample}")
        daemon.modelctl("verify", "--rehash")
        daemon.stop()


def test_a_missing_file_and_a_wiped_cache_cost_only_what_is_gone():
    with Daemon() as daemon:
        other = f"{daemon.folder}/other.onnx"
        write_matmul(other, 8, 8, 2)
        daemon.start()
        daemon.modelctl("import", DIGITS, "--key", "digits")
        daemon.modelctl("import", other, "--key", "other")
        daemon.stop()
        os.unlink(largest_blob(daemon))
        daemon.start()
        sample = runfile("tools/digits/samples/digit3.png")
        result = daemon.modelctl("run", "digits", "--input", f"image={sample}", check=False)
        assert result.returncode == NOT_FOUND, result
        x = f"{daemon.folder}/x.npy"
        write_npy(x, [1, 8])
        daemon.modelctl("run", "other", "--input", f"x={x}")
        daemon.stop()
        subprocess.run(["rm", "-rf", daemon.cache], check=True)
        daemon.start()
        daemon.modelctl("import", DIGITS, "--key", "digits")
        daemon.modelctl("run", "digits", "--input", f"image={sample}")
        daemon.stop()


def test_a_read_only_cache_is_refused_at_start_with_a_reason():
    with Daemon() as daemon:
        os.makedirs(daemon.cache)
        mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", daemon.cache]
        if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
            return "a read-only mount needs root and CAP_SYS_ADMIN"
        try:
            result = subprocess.run([MODELD, "--cache-dir", daemon.cache, "--state-dir", f"{daemon.folder}/state",
                                     "--runtime-dir", f"{daemon.folder}/run"], capture_output=True, text=True,
                                    timeout=PATIENCE_S)
            assert result.returncode == 1 and "read-only" in result.stderr.lower(), result
        finally:
            subprocess.run(["umount", "-l", daemon.cache], check=False)


def test_a_second_instance_gets_a_clear_answer_and_disturbs_nothing():
    with Daemon() as daemon:
        daemon.start()
        same_socket = [MODELD, "--cache-dir", f"{daemon.folder}/c2", "--state-dir", f"{daemon.folder}/s2",
                       "--runtime-dir", f"{daemon.folder}/run"]
        same_folders = [MODELD, "--cache-dir", daemon.cache, "--state-dir", f"{daemon.folder}/state", "--runtime-dir",
                        f"{daemon.folder}/run2"]
        for command in same_socket, same_folders:
            result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
            assert result.returncode == 1 and "another modeld" in result.stderr.lower(), result
        daemon.modelctl("status")
        daemon.stop()


def test_a_stale_socket_file_is_replaced():
    with Daemon() as daemon:
        os.makedirs(f"{daemon.folder}/run", mode=0o700)
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(f"{daemon.folder}/run/modeld.sock")
        stale.close()
        daemon.start()
        daemon.stop()


def test_sigterm_with_runs_in_flight_ends_well():
    with Daemon() as daemon:
        x, codes, runners = f"{daemon.folder}/x.npy", [], []
        write_npy(x, [1, 2048])
        daemon.start()
        for seed in range(3):
            model = f"{daemon.folder}/m{seed}.onnx"
            write_matmul(model, 2048, 2048, seed)
            command = ["run", daemon.json("import", model)["model_id"], "--input", f"x={x}", "--repeat", "1000000"]
            runners.append(threading.Thread(
                target=lambda command=command: codes.append(daemon.modelctl(*command, check=False).returncode)))
        for runner in runners:
            runner.start()
        while sum(graph["runs"] > 2 for graph in daemon.json("ps")["graphs"]) < len(runners):
            assert all(runner.is_alive() for runner in runners), codes
        daemon.stop()
        for runner in runners:
            runner.join()
        # A call that reaches the server in its last moment is cancelled, the others find it gone.
        assert len(codes) == len(runners) and set(codes) <= {UNREACHABLE, INTERRUPTED}, codes
        daemon.start()
        daemon.modelctl("verify", "--rehash")
        daemon.stop()


def test_without_a_daemon_modelctl_says_so():
    with Daemon() as daemon:
        result = daemon.modelctl("ls", check=False)
        assert result.returncode == UNREACHABLE and result.stdout == "", result


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
