#!/usr/bin/python3
"""kill -9 at random times, of the daemon and of its clients: every model is there whole or not at all, and files and catalogue agree."""
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELCTL, Daemon, run_tests  # noqa: E402
from onnx_writer import write_matmul  # noqa: E402

ROUNDS = int(os.environ.get("MODELD_KILL_ROUNDS", "12"))
SEED = int(os.environ.get("MODELD_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


def write_models(folder, sizes):
    files = []
    for seed, (rows, columns) in enumerate(sizes):
        files.append(f"{folder}/m{seed}.onnx")
        write_matmul(files[-1], rows, columns, seed)
    return files


def check_whole(daemon, rounds):
    """Files and catalogue agree, every byte has its digest, and each listed model can be fetched and run."""
    daemon.modelctl("verify", "--rehash")
    models = daemon.json("ls")["models"]
    for model in models:
        assert not model["damaged"], model
        described = daemon.json("show", model["model_id"])
        assert described["inputs"] and described["outputs"], described
    rounds["models"] += len(models)


def load(daemon, files, stop, generator):
    """Stores, lists, fetches and removes until `stop`; every call may fail, as the daemon dies under it."""
    while not stop.is_set():
        file = generator.choice(files)
        key = os.path.basename(file)
        verb = generator.choice([["import", file, "--key", key], ["import", file], ["ls"], ["rm", "-y", key],
                                 ["show", key]])
        daemon.modelctl(*verb, check=False)


def test_the_daemon_is_killed_under_load():
    print(f"seed {SEED}, {ROUNDS} rounds")
    generator = random.Random(SEED)
    counts = {"models": 0}
    with Daemon() as daemon:
        files = write_models(daemon.folder, [(64, 64), (256, 1024), (512, 4096)])
        for _ in range(ROUNDS):
            daemon.start()
            stop = threading.Event()
            workers = [threading.Thread(target=load, args=(daemon, files, stop, random.Random(generator.random())))
                       for _ in range(3)]
            for worker in workers:
                worker.start()
            time.sleep(generator.uniform(0.05, 1.5))
            daemon.kill()
            stop.set()
            for worker in workers:
                worker.join()
            daemon.start()
            check_whole(daemon, counts)
            daemon.stop()
    print(f"{ROUNDS} kills, {counts['models']} models found whole afterwards, none damaged")


def test_a_client_killed_in_the_middle_of_an_upload_leaves_nothing_behind():
    generator = random.Random(SEED)
    with Daemon() as daemon:
        [file] = write_models(daemon.folder, [(4096, 4096)])  # 64 MiB
        daemon.start()
        before = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        for _ in range(5):
            client = subprocess.Popen([MODELCTL, "import", file], env=daemon.environment(),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(generator.uniform(0.02, 0.6))
            client.kill()
            client.wait()
        deadline = time.monotonic() + 60
        while len(daemon.json("ps")["sessions"]) > 1 or len(os.listdir(f"/proc/{daemon.process.pid}/fd")) > before + 8:
            assert time.monotonic() < deadline, "sessions or descriptors of dead clients remain"
            time.sleep(0.1)
        daemon.modelctl("import", file)
        daemon.modelctl("verify", "--rehash")
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
