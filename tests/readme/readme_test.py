#!/usr/bin/python3
"""The README's C++ example is the file that the tests compile and run, and each file it names exists."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../end_to_end"))
from harness import Daemon, run_tests, runfile  # noqa: E402

import subprocess  # noqa: E402


def readme():
    with open(runfile("README.md"), encoding="utf-8") as file:
        return file.read()


def test_the_example_is_the_file_that_is_compiled():
    [block] = re.findall(r"```cpp\n(.*?)```", readme(), re.DOTALL)
    with open(runfile("client/cpp/example.cc"), encoding="utf-8") as file:
        assert block == file.read(), "README.md and client/cpp/example.cc differ"
    assert len(block.splitlines()) <= 60, "the example is meant to be short"


def test_the_example_runs():
    with Daemon() as daemon:
        daemon.start()
        result = subprocess.run([runfile("client/cpp/example")], env=daemon.environment(), capture_output=True, text=True,
                                timeout=120)
        assert result.returncode == 0, result
        print(result.stdout, end="")
        assert result.stdout, "it prints its result"
        daemon.stop()


def test_the_commands_of_use_it_work_as_pasted():
    lines = re.findall(r"^modelctl .*$", readme(), re.MULTILINE)
    assert len(lines) >= 5, lines
    with Daemon() as daemon:
        daemon.start()
        for line in lines:
            daemon.modelctl(*line.split()[1:])
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
