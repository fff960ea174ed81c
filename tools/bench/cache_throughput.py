#!/usr/bin/python3
"""Bytes per second of storing and fetching, beside what hashing and the disk can do at all, in the same run.

A daemon of its own stores a model of many megabytes through shared memory and through messages, and fetches it after a
restart; before each, the same number of bytes is hashed, and written to a file of the same file system with fsync.
Prints the median of the rounds.
"""
import argparse
import glob
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.abspath("tools/bench"))
from scratch_daemon import PATIENCE_S, ScratchDaemon

FILL_CACHE = os.path.abspath("tools/bench/fill_cache")


def client(daemon, *arguments):
    result = subprocess.run([FILL_CACHE, "--host", daemon.host, *arguments], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"cache_throughput: {result.stderr}")
    return json.loads(result.stdout)


def hash_seconds(content):
    began = time.monotonic()
    hashlib.sha256(content).digest()
    return time.monotonic() - began


def disk_seconds(folder, content):
    path = os.path.join(folder, "raw")
    began = time.monotonic()
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    taken = time.monotonic() - began
    os.unlink(path)
    return taken


def wait_for_plans(folder, count):
    """They are written off the reply's path, a few seconds later."""
    deadline = time.monotonic() + PATIENCE_S
    while len(glob.glob(f"{folder}/cache/plans/*/*")) < count:
        if time.monotonic() > deadline:
            raise SystemExit("the plans are not written")
        time.sleep(0.05)


def one_round(number, megabytes, content, folder):
    size = megabytes << 20
    seconds = {}
    with ScratchDaemon(["--quota-bytes", "1TiB", "--limit-bytes", "1TiB"], parent=folder) as daemon:
        daemon.start()
        seconds["sha256"] = hash_seconds(content)
        seconds["disk write, fsync"] = disk_seconds(daemon.folder, content)
        first = client(daemon, "--bytes", str(size), "--first", str(2 * number))
        seconds["store, shared memory"] = first["build_s"] + first["store_s"]
        second = client(daemon, "--bytes", str(size), "--first", str(2 * number + 1), "--messages")
        seconds["store, messages"] = second["build_s"] + second["store_s"]
        wait_for_plans(daemon.folder, 2)
        daemon.stop()
        daemon.start()
        seconds["first fetch after a restart"] = client(daemon, "--fetch", first["model"])["fetch_s"]
        seconds["fetch again"] = client(daemon, "--fetch", first["model"])["fetch_s"]
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=256, help="of the model (256)")
    parser.add_argument("--rounds", type=int, default=3, help="(3)")
    parser.add_argument("--folder", default="/tmp", help="where the daemon's folders go; a short path (/tmp)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    content = os.urandom(1 << 20) * arguments.megabytes
    rounds = [one_round(i, arguments.megabytes, content, arguments.folder) for i in range(arguments.rounds)]
    median = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    rates = {name: arguments.megabytes / taken for name, taken in median.items()}
    if arguments.json:
        print(json.dumps({"megabytes": arguments.megabytes, "seconds": median, "mib_per_s": rates}))
        return
    print(f"{arguments.megabytes} MiB, median of {arguments.rounds} rounds")
    for name, taken in median.items():
        print(f"{name:30} {taken * 1000:10.1f} ms {rates[name]:10.0f} MiB/s {rates[name] / rates['sha256']:6.2f} of sha256"
              f" {rates[name] / rates['disk write, fsync']:6.2f} of the disk")


if __name__ == "__main__":
    main()
