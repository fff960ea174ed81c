#!/usr/bin/python3
"""modelctl as scripts use it: exit codes, stable JSON, ids, manners of destructive verbs, the round trip of a file."""
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Daemon, run_tests, runfile, wait_for  # noqa: E402
from onnx_writer import write_matmul, write_npy  # noqa: E402

DIGITS = runfile("tools/digits/model.onnx")
SAMPLE = runfile("tools/digits/samples/digit7.png")
OK, USAGE, NOT_FOUND, UNREACHABLE, VERIFICATION = 0, 2, 3, 4, 6


def exit_code(daemon, *args):
    return daemon.modelctl(*args, check=False).returncode


def test_exit_codes_tell_scripts_what_happened():
    with Daemon() as daemon:
        assert exit_code(daemon, "ls") == UNREACHABLE
        daemon.start()
        mistyped = daemon.modelctl("frobnicate", check=False)
        assert mistyped.returncode == USAGE and "\"frobnicate\"" in mistyped.stderr, mistyped
        assert exit_code(daemon, "run", DIGITS, "--input", f"image={SAMPLE}", "--labels", SAMPLE) == USAGE
        assert daemon.modelctl("--version").stdout.startswith("modelctl ")
        assert exit_code(daemon, "import") == USAGE
        assert exit_code(daemon, "import", f"{daemon.folder}/absent.onnx") == NOT_FOUND
        assert exit_code(daemon, "show", "absent") == NOT_FOUND
        assert exit_code(daemon, "rm", "-y", "absent") == NOT_FOUND
        assert exit_code(daemon, "stop", "0" * 64) == NOT_FOUND
        for verb in ["ls", "import"]:
            wrong = daemon.modelctl("--partition", "web:null|null", verb, *([DIGITS] if verb == "import" else []), check=False)
            assert wrong.returncode == USAGE, wrong
        assert exit_code(daemon, "--host", "tcp://localhost:1", "ls") == USAGE
        assert exit_code(daemon, "stop", "--all") == OK
        for verb in ["status", "info", "doctor", "import", "export", "ls", "show", "rm", "run", "ps", "top", "stop", "verify",
                     "cache", "share", "unshare", "shares", "why", "metrics", "config", "partition", "version", "completion"]:
            assert "Usage" in daemon.modelctl(verb, "--help").stdout
        daemon.stop()


def test_json_of_every_verb_has_its_members():
    with Daemon() as daemon:
        daemon.start()
        imported = daemon.json("import", DIGITS, "--key", "digits")
        model_id = imported["model_id"]
        assert len(model_id) == 64 and imported["key"] == "digits"
        [model] = daemon.json("ls")["models"]
        assert model["model_id"] == model_id and model["keys"] == ["digits"] and model["damaged"] is False
        assert model["partition"].startswith("app:modelctl") and model["size_bytes"] > 150000
        shown = daemon.json("show", model_id[:8])
        assert shown["parameters"] == 38282 and shown["inputs"][0]["shape"] == [1, 1, 8, 8]
        # A plan is written off the reply's path.
        wait_for(lambda: daemon.json("show", model_id)["plans"], "no plan is written")
        shown = daemon.json("show", model_id)
        assert [plan["device"] for plan in shown["plans"]] == ["cpu"] and shown["plans"][0]["size_bytes"] > 0
        run = daemon.json("run", model_id, "--input", f"image={SAMPLE}", "--top", "2", "--repeat", "3")
        assert run["outputs"][0]["top"][0]["index"] == 7 and run["runs"] == 3
        assert 0 < run["latency"]["min_ms"] <= run["latency"]["median_ms"] <= run["latency"]["max_ms"]
        daemon.wait_for_sessions_to_end()
        status = daemon.json("status")
        assert status["models"] == 1 and status["cache_dir"] == daemon.cache and status["devices"][0]["name"] == "cpu"
        [kept] = daemon.json("ps")["graphs"]
        assert kept["model_id"] == model_id and kept["partition"] == model["partition"] and kept["device"] == "cpu", kept
        assert kept["residency"] == "idle" and 0 < kept["idle_until"] - time.time() <= 300, kept
        assert [m["model_id"] for m in daemon.json("top", "--once")["models"]] == [model_id]
        assert daemon.json("show", model_id)["loaded"][0]["residency"] == "idle"
        assert status["loaded_programs"] == 1 and status["resident_bytes"] >= kept["weight_bytes"] > 150000, status
        assert "modeld_loaded_models 1\n" in daemon.modelctl("metrics").stdout
        stopped = daemon.json("stop", model_id)
        assert stopped["stopped_graphs"] == 0 and stopped["dropped_programs"] == 1, stopped
        assert stopped["freed_bytes"] >= kept["weight_bytes"], stopped
        assert daemon.json("ps")["graphs"] == [] and daemon.json("status")["resident_bytes"] == 0
        assert exit_code(daemon, "stop", model_id) == NOT_FOUND
        assert daemon.json("verify")["problems"] == []
        assert daemon.json("partition", "ls")["partitions"][0]["models"] == 1
        origins = {s["name"]: s["origin"] for s in daemon.json("config", "show")["settings"]}
        assert origins["paths.cache_dir"] == "flag" and origins["log.level"] == "default", origins
        assert daemon.json("version")["modeld"] == daemon.json("version")["modelctl"]
        daemon.stop()


def test_data_goes_to_stdout_and_talk_to_stderr():
    with Daemon() as daemon:
        daemon.start()
        result = daemon.modelctl("import", DIGITS)
        assert len(result.stdout.strip()) == 64 and "\x1b" not in result.stdout + result.stderr
        assert daemon.modelctl("-q", "ls").stdout.strip() == result.stdout.strip()
        daemon.stop()


def test_removing_asks_and_needs_yes_where_nobody_can_answer():
    with Daemon() as daemon:
        daemon.start()
        daemon.modelctl("import", DIGITS, "--key", "a")
        daemon.modelctl("import", DIGITS, "--key", "b")
        assert exit_code(daemon, "rm", "a") == USAGE and len(daemon.json("ls")["models"]) == 1
        daemon.modelctl("rm", "-y", "a")
        assert daemon.json("ls")["models"][0]["keys"] == ["b"]
        daemon.modelctl("rm", "-y", "b")
        assert daemon.json("ls")["models"] == []
        daemon.stop()


def test_a_model_exported_and_imported_is_the_same_model():
    with Daemon() as daemon, Daemon() as other:
        daemon.start()
        other.start()
        model_id = daemon.json("import", DIGITS, "--key", "digits")["model_id"]
        file = f"{daemon.folder}/digits.modeld"
        daemon.modelctl("export", "digits", file)
        damaged = f"{daemon.folder}/damaged.modeld"  # one wrong bit in a weight
        with open(file, "rb") as source, open(damaged, "wb") as target:
            content = bytearray(source.read())
            content[-1] ^= 1
            target.write(content)
        assert exit_code(other, "import", damaged) == VERIFICATION
        assert other.json("ls")["models"] == []
        assert other.json("import", file)["model_id"] == model_id
        assert other.json("run", model_id, "--input", f"image={SAMPLE}", "--top", "1")["outputs"][0]["top"][0]["index"] == 7
        daemon.stop()
        other.stop()


def test_a_file_runs_without_being_stored():
    with Daemon() as daemon:
        daemon.start()
        run = daemon.json("run", DIGITS, "--input", f"image={SAMPLE}", "--top", "1")
        assert run["outputs"][0]["top"][0]["index"] == 7
        assert daemon.json("ls")["models"] == []
        daemon.stop()


def test_an_admin_acts_on_the_partition_that_it_names():
    site = "web:https://example.com|https://app.example.com"
    with Daemon() as daemon:
        daemon.start()
        daemon.modelctl("--partition", site, "import", DIGITS, "--key", "digits")
        assert exit_code(daemon, "run", "digits", "--input", f"image={SAMPLE}") == NOT_FOUND
        daemon.modelctl("--partition", site, "run", "digits", "--input", f"image={SAMPLE}")
        daemon.modelctl("import", DIGITS)
        assert {m["partition"] for m in daemon.json("ls")["models"]} >= {site}
        status = daemon.json("status")
        assert status["partitions"] == 2 and status["physical_bytes"] < 1.1 * status["logical_bytes"] / 2, status
        daemon.modelctl("-q", "partition", "rm", "-y", site)
        assert site not in {m["partition"] for m in daemon.json("ls")["models"]}
        daemon.modelctl("run", daemon.json("ls")["models"][0]["model_id"], "--input", f"image={SAMPLE}")
        daemon.stop()


def test_stop_unloads_what_is_running():
    with Daemon() as daemon:
        daemon.start()
        file = f"{daemon.folder}/m.onnx"
        write_matmul(file, 2048, 2048, 3)
        model_id = daemon.json("import", file)["model_id"]
        x = f"{daemon.folder}/x.npy"
        write_npy(x, [1, 2048])
        result = {}
        runner = threading.Thread(target=lambda: result.update(
            code=exit_code(daemon, "run", model_id, "--input", f"x={x}", "--repeat", "1000000")))
        runner.start()
        while sum(graph["runs"] for graph in daemon.json("ps")["graphs"]) == 0:
            assert runner.is_alive()
        assert daemon.json("stop", model_id)["stopped_graphs"] >= 1
        runner.join()
        assert result["code"] != OK
        assert daemon.json("ps")["graphs"] == []
        daemon.stop()


def test_completion_is_bash():
    with Daemon() as daemon:
        script = daemon.modelctl("completion", "bash").stdout
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
        assert "modelctl" in script


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
