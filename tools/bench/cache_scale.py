#!/usr/bin/python3
"""What listing, checking and pruning cost on a large cache of many models.

Fills a daemon of its own: a hundredth of the models hold half of the bytes. Then measures a restart, the listings, the check of
the catalogue against the files, the check of every byte, and pruning all of it.
"""
import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.abspath("tools/bench"))
from scratch_daemon import ScratchDaemon, status_bytes

FILL_CACHE = os.path.abspath("tools/bench/fill_cache")
MODELCTL = os.path.abspath("tools/modelctl/modelctl")
LARGE_SHARE = 100


def run(*command):
    """Seconds and standard output."""
    began = time.monotonic()
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"cache_scale: {' '.join(command)}: {result.stderr}")
    return time.monotonic() - began, result.stdout


def fill(daemon, models, size, first):
    run(FILL_CACHE, "--host", daemon.host, "--models", str(models), "--bytes", str(size), "--first", str(first))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=20, help="of models (20)")
    parser.add_argument("--models", type=int, default=2000, help="(2000)")
    parser.add_argument("--folder", default="/tmp", help="where the daemon's folders go; a short path (/tmp)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    total = int(arguments.gigabytes * (1 << 30))
    large = max(1, arguments.models // LARGE_SHARE)
    small = arguments.models - large
    flags = ["--admins", MODELCTL, "--quota-bytes", "1TiB", "--limit-bytes", "1TiB", "--max-partition-models",
             str(2 * arguments.models), "--stores-per-hour", "1000000", "--store-burst", "1000000"]
    figures = {}
    with ScratchDaemon(flags, parent=arguments.folder) as daemon:
        daemon.start()

        def modelctl(*command):
            return run(MODELCTL, "--host", daemon.host, "--json", *command)

        began = time.monotonic()
        fill(daemon, small, total // 2 // small, 0)
        fill(daemon, large, total // 2 // large, small)
        figures["fill"] = time.monotonic() - began
        daemon.stop()
        figures["restart"] = daemon.start()
        figures["ls"], listed = modelctl("ls")
        figures["cache du"], used = modelctl("cache", "du")
        figures["cache verify"], _ = modelctl("cache", "verify")
        figures["cache verify --rehash"], _ = modelctl("cache", "verify", "--rehash")
        figures["cache prune --dry-run"], _ = modelctl("cache", "prune", "--older-than", "0", "--dry-run")
        rss = status_bytes(daemon.process.pid, "VmRSS")
        figures["cache prune"], pruned = modelctl("cache", "prune", "--older-than", "0", "-y")
        left = sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(f"{daemon.folder}/cache/blobs") for name in names)
    models = len(json.loads(listed)["models"])
    bytes_ = json.loads(used)["physical_bytes"]
    if arguments.json:
        print(json.dumps({"models": models, "bytes": bytes_, "seconds": figures, "daemon_rss_bytes": rss, "bytes_left": left}))
        return
    print(f"{models} models, {bytes_ / (1 << 30):.1f} GiB; the daemon takes {rss / (1 << 20):.0f} MiB; {left} bytes left after pruning")
    for name, taken in figures.items():
        print(f"{name:24} {taken:9.3f} s")


if __name__ == "__main__":
    main()
