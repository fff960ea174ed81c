#!/usr/bin/python3
"""Does the clock tell a partition what another one holds?

Times building (with the upload), storing, fetching and missing a model in one web partition, with a twin in another
partition and without, in random order, against a daemon of its own; a twin's compiled plan has had the time to be
written by then. Prints for each call both medians, the Mann-Whitney and Kolmogorov-Smirnov tests' p-values, and how
often a twin's call was the faster of two (0.5: the clock tells nothing). Figures, no verdict.
"""
import argparse
import bisect
import json
import math
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.abspath("tools/bench"))
from scratch_daemon import ScratchDaemon

PROBE = os.path.realpath("tools/bench/timing_probe")
CALLS = ("build", "store", "fetch_own", "fetch_miss")


def mann_whitney(a, b):
    """The chance that one of `a` is below one of `b` (ties: half), and the two-sided p-value by the normal approximation."""
    ordered = sorted(b)
    wins = sum(len(b) - (bisect.bisect_left(ordered, x) + bisect.bisect_right(ordered, x)) / 2 for x in a)
    counts = {}
    for x in a + b:
        counts[x] = counts.get(x, 0) + 1
    n = len(a) + len(b)
    ties = sum(c**3 - c for c in counts.values()) / (n * (n - 1))
    spread = math.sqrt(len(a) * len(b) / 12 * (n + 1 - ties))
    z = (wins - len(a) * len(b) / 2) / spread if spread else 0
    return wins / (len(a) * len(b)), math.erfc(abs(z) / math.sqrt(2))


def kolmogorov_smirnov(a, b):
    """The largest distance of the two distributions, and its asymptotic p-value."""
    a, b = sorted(a), sorted(b)
    distance = max(abs(bisect.bisect_right(a, x) / len(a) - bisect.bisect_right(b, x) / len(b)) for x in a + b)
    size = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    x = (size + 0.12 + 0.11 / size) * distance
    if x < 0.2:  # the sum does not converge there, and is 1 to many digits
        return distance, 1.0
    p = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 101))
    return distance, min(max(p, 0.0), 1.0)


def compare(twin, alone):
    faster, p_rank = mann_whitney(twin, alone)
    distance, p_shape = kolmogorov_smirnov(twin, alone)
    return {
        "median_twin_ms": statistics.median(twin) * 1e3,
        "median_alone_ms": statistics.median(alone) * 1e3,
        "twin_faster": faster,
        "mann_whitney_p": p_rank,
        "ks_distance": distance,
        "ks_p": p_shape,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=200, help="of each kind")
    parser.add_argument("--bytes", type=int, default=1 << 20, help="of a model's constant")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write-delay", type=float, default=0.3,
                        help="seconds: the daemon's privacy.plan_write_delay (2 by default; short here, since each trial waits for it)")
    parser.add_argument("--first-build", default="compile", choices=("compile", "wait", "share"), help="the daemon's privacy.first_build")
    parser.add_argument("--gap", type=float, default=0, help="seconds from a build to the calls behind it")
    parser.add_argument("--folder", default="/tmp", help="where the daemon's folders are")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    flags = ["--brokers", PROBE, "--stores-per-hour", "0", "--probe-budget", "1000000",
             "--plan-write-delay", f"{round(options.write_delay * 1000)}ms", "--first-build", options.first_build]
    settle = 2 * options.write_delay + 0.1 + options.bytes / (64 << 20)  # the writer has the lowest priority
    with ScratchDaemon(flags, parent=options.folder) as daemon:
        daemon.start()
        result = subprocess.run([PROBE, "--host", daemon.host, "--trials", str(options.trials), "--bytes", str(options.bytes),
                                 "--seed", str(options.seed), "--settle", str(settle),
                                 "--gap", str(options.gap)], capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(f"timing_oracle: {result.stderr}")
    trials = [json.loads(line) for line in result.stdout.splitlines()]
    table = {call: compare([t[call] for t in trials if t["twin"]], [t[call] for t in trials if not t["twin"]])
             for call in CALLS}
    if options.json:
        print(json.dumps({"trials": options.trials, "bytes": options.bytes, "calls": table}, indent=2))
        return
    print(f"{options.trials} trials of each kind, {options.bytes} bytes")
    print(f"{'call':12}{'twin ms':>10}{'alone ms':>10}{'twin faster':>13}{'MW p':>8}{'KS D':>8}{'KS p':>8}")
    for call, row in table.items():
        print(f"{call:12}{row['median_twin_ms']:10.3f}{row['median_alone_ms']:10.3f}{row['twin_faster']:13.3f}"
              f"{row['mann_whitney_p']:8.3f}{row['ks_distance']:8.3f}{row['ks_p']:8.3f}")


if __name__ == "__main__":
    main()
