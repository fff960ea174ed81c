#!/usr/bin/python3
"""kill -9 at random times, of the daemon and of its clients: every model is there whole or not at all, and files and catalogue agree."""
import itertools
import os
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELCTL, Daemon, run_tests, wait_for  # noqa: E402
from onnx_writer import write_matmul, write_npy  # noqa: E402

ROUNDS = int(os.environ.get("MODELD_KILL_ROUNDS", "12"))
SEED = int(os.environ.get("MODELD_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


CLIENTS = 12
# gRPC, RocksDB and the log may open a few for good; each client has at least two.
MORE_DESCRIPTORS = CLIENTS


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def write_models(folder, sizes):
    files = []
    for seed, (rows, columns) in enumerate(sizes):
        files.append(f"{folder}/m{seed}.onnx")
        write_matmul(files[-1], rows, columns, seed)
    return files


def check_whole(daemon, inputs, kept, counts):
    """Files and catalogue agree, every byte has its digest, each listed model is fetched and run, and what was acknowledged is there."""
    daemon.modelctl("verify", "--rehash")
    models = daemon.json("ls")["models"]
    for model in models:
        assert not model["damaged"], model
        [tensor] = daemon.json("show", model["model_id"])["inputs"]
        daemon.modelctl("run", model["model_id"], "--input", f"{tensor['name']}={inputs[tensor['shape'][1]]}")
    assert kept <= {model["model_id"] for model in models}, "a model whose store was acknowledged is gone"
    counts["models"] += len(models)


def keep(daemon, folder, stop, kept, number):
    """Stores new models that nobody removes, until `stop`; notes each whose store was acknowledged."""
    while not stop.is_set():
        file = f"{folder}/kept.onnx"
        write_matmul(file, 64, 64, next(number))
        result = daemon.modelctl("import", file, check=False)
        if result.returncode == 0:
            kept.add(result.stdout.strip())


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
    kept = set()
    number = itertools.count(1000)
    # So that kills meet the writing of plans.
    with Daemon(flags=["--plan-write-delay", "0"]) as daemon:
        sizes = [(64, 64), (256, 1024), (512, 4096)]
        files = write_models(daemon.folder, sizes)
        inputs = {rows: f"{daemon.folder}/x{rows}.npy" for rows, _ in sizes}
        for rows, path in inputs.items():
            write_npy(path, [1, rows])
        for _ in range(ROUNDS):
            daemon.start()
            stop = threading.Event()
            workers = [threading.Thread(target=load, args=(daemon, files, stop, random.Random(generator.random())))
                       for _ in range(2)]
            workers.append(threading.Thread(target=keep, args=(daemon, daemon.folder, stop, kept, number)))
            for worker in workers:
                worker.start()
            time.sleep(generator.uniform(0.05, 1.5))
            wait_for(lambda: kept, "no store is acknowledged")  # a slow machine takes longer for the first
            daemon.kill()
            stop.set()
            for worker in workers:
                worker.join()
            daemon.start()
            check_whole(daemon, inputs, kept, counts)
            daemon.stop()
    print(f"{ROUNDS} kills, {counts['models']} models found whole and run afterwards, none damaged, none of {len(kept)} acknowledged lost")


def test_a_client_killed_in_the_middle_of_an_upload_leaves_nothing_behind():
    generator = random.Random(SEED)
    with Daemon() as daemon:
        [file] = write_models(daemon.folder, [(4096, 4096)])  # 64 MiB
        daemon.start()
        before = descriptors(daemon)
        for _ in range(CLIENTS):
            client = subprocess.Popen([MODELCTL, "import", file], env=daemon.environment(),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(generator.uniform(0.02, 0.6))
            client.kill()
            client.wait()
        daemon.wait_for_sessions_to_end()
        wait_for(lambda: descriptors(daemon) <= before + MORE_DESCRIPTORS, "descriptors of dead clients remain")
        daemon.modelctl("import", file)
        daemon.modelctl("verify", "--rehash")
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
