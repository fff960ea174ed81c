#!/usr/bin/python3
"""Every program of this folder ends well and prints its figures, on as little as it takes. What the figures are is not looked at."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.abspath("tools/bench"))
from scratch_daemon import ScratchDaemon

PATIENCE_S = 600  # not meant to be reached


def run(name, *arguments, codes=(0,)):
    """The standard output of tools/bench/NAME."""
    result = subprocess.run([f"tools/bench/{name}", *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    if result.returncode not in codes or not result.stdout:
        raise AssertionError(f"{name} ended with {result.returncode}: {result.stderr}")
    return result.stdout


class ProgramsTest(unittest.TestCase):
    def test_build_memory(self):
        # 1 says that a build took too much, which a sanitizer's may. 16: one layer.
        rows = json.loads(run("build_memory.py", "--megabytes", "16", "--json", codes=(0, 1)))
        self.assertEqual([row["kind"] for row in rows], ["matmul", "conv2d", "int8"])
        for row in rows:
            self.assertGreater(row["daemon_peak_mib"], 0)
            self.assertGreater(row["weight_mib"], 0)
        self.assertIn("daemon peak", run("build_memory.py", "--megabytes", "16", "--kind", "int8", codes=(0, 1)))

    def test_cache_scale(self):
        arguments = ["--gigabytes", "0.002", "--models", "4"]
        figures = json.loads(run("cache_scale.py", *arguments, "--json"))
        self.assertEqual(figures["models"], 4)
        self.assertEqual(figures["bytes_left"], 0)
        self.assertIn("cache prune", figures["seconds"])
        self.assertIn("4 models", run("cache_scale.py", *arguments))

    def test_cache_throughput(self):
        arguments = ["--megabytes", "1", "--rounds", "1"]
        figures = json.loads(run("cache_throughput.py", *arguments, "--json"))
        self.assertEqual(set(figures["seconds"]), set(figures["mib_per_s"]))
        self.assertIn("of sha256", run("cache_throughput.py", *arguments))

    def test_timing_oracle(self):
        arguments = ["--trials", "3", "--bytes", "4096"]
        figures = json.loads(run("timing_oracle.py", *arguments, "--json"))
        self.assertEqual(set(figures["calls"]), {"build", "store", "fetch_own", "fetch_miss"})
        self.assertIn("3 trials", run("timing_oracle.py", *arguments))

    def test_operations(self):
        with ScratchDaemon() as daemon:
            daemon.start()
            arguments = ["--host", daemon.host, "--runs", "1", "--only", "add,relu"]
            rows = [json.loads(line) for line in run("operations", *arguments, "--json").splitlines()]
            self.assertEqual({row["operation"] for row in rows}, {"add", "relu"})
            self.assertIn("reference ms", run("operations", *arguments))

    def test_plan_load(self):
        self.assertIn("metadata", run("plan_load", "tools/digits/model.onnx"))

    def test_eviction_simulator(self):
        # 1 says that another policy won, as it may on traces as short as these.
        arguments = ["--uses", "300", "--models", "20"]
        traces = json.loads(run("eviction_simulator", *arguments, "--json", codes=(0, 1)))["traces"]
        self.assertGreater(len(traces), 1)
        for trace in traces:
            self.assertIn("modeld", [policy["policy"] for policy in trace["policies"]])
        self.assertIn("hit rate", run("eviction_simulator", *arguments, codes=(0, 1)))


if __name__ == "__main__":
    unittest.main()
