#!/usr/bin/python3
"""Peak memory of the daemon, and of its client, while a model with many megabytes of weights is built, stored and
fetched again.

For each kind of layer a fresh daemon builds a model; its peak is what the kernel counted (VmHWM), above what it took
before. Prints a table, or JSON; exits with 1 when a build took more than the bound.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.abspath("tools/bench"))
from scratch_daemon import ScratchDaemon, status_bytes

BIG_MODEL = os.path.abspath("tools/bench/big_model")
KINDS = ["matmul", "conv2d", "int8"]
MIB = 1 << 20
# What a build may take beside its weights: working memory of one layer, the allocator's reserve.
SMALL_CONSTANT_MIB = 32


def measured(daemon, *arguments):
    """Runs the client; its answer, the daemon's and the client's peaks in bytes above where they began, seconds."""
    pid = daemon.process.pid
    with open(f"/proc/{pid}/clear_refs", "w") as refs:
        refs.write("5")  # the peak counts from here
    before = status_bytes(pid, "VmRSS")
    began = time.monotonic()
    client = subprocess.Popen([BIG_MODEL, "--host", f"unix://{daemon.folder}/run/modeld.sock", *arguments],
                              stdout=subprocess.PIPE, text=True)
    output = client.stdout.read()
    _, code, usage = os.wait4(client.pid, 0)
    if code != 0:
        raise SystemExit("build_memory: the client failed")
    return (json.loads(output), status_bytes(pid, "VmHWM") - before, usage.ru_maxrss * 1024,
            time.monotonic() - began)


def measure(kind, megabytes, weights):
    with ScratchDaemon() as daemon:
        daemon.start()
        time.sleep(0.5)  # what starting takes is not what building takes
        built, peak, client, build_s = measured(daemon, "--kind", kind, "--megabytes", str(megabytes), "--weights",
                                                weights)
        bytes_ = built["weight_bytes"]
        settled = status_bytes(daemon.process.pid, "VmRSS")
        daemon.stop()
        daemon.start()
        time.sleep(0.5)
        _, fetch_peak, _, fetch_s = measured(daemon, "--fetch", built["model"])
        return {"kind": kind, "weight_mib": bytes_ / MIB, "daemon_peak_mib": peak / MIB, "ratio": peak / bytes_,
                "client_peak_mib": client / MIB, "daemon_after_mib": settled / MIB,
                "fetch_peak_mib": fetch_peak / MIB, "build_s": build_s, "fetch_s": fetch_s,
                "within_bound": peak <= 1.2 * bytes_ + SMALL_CONSTANT_MIB * MIB}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=256, help="of weights (default 256)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only these kinds of layer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile(prefix="modeld-weights") as weights:
        # Small positive floats that differ everywhere, so that no two constants are one.
        for i in range(options.megabytes):
            weights.write(bytes((j * 7 + i) % 64 for j in range(4096)) * (MIB // 4096))
        for i in range(options.megabytes):
            weights.seek(i * MIB)
            weights.write(i.to_bytes(4, "little"))
        weights.flush()
        rows = [measure(kind, options.megabytes, weights.name) for kind in options.kind or KINDS]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'kind':8} {'weights':>8} {'daemon peak':>12} {'ratio':>6} {'after':>8} {'fetch peak':>11} "
              f"{'client peak':>12} {'build':>7} {'fetch':>7}   (MiB, seconds)")
        for row in rows:
            print(f"{row['kind']:8} {row['weight_mib']:8.0f} {row['daemon_peak_mib']:12.0f} {row['ratio']:6.2f} "
                  f"{row['daemon_after_mib']:8.0f} {row['fetch_peak_mib']:11.0f} {row['client_peak_mib']:12.0f} "
                  f"{row['build_s']:7.2f} {row['fetch_s']:7.2f}")
    return 0 if all(row["within_bound"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
