#!/usr/bin/python3
"""Settings that work in the background of the daemon: how long a model stays in memory, what a partition may keep."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Daemon, run_tests, runfile, wait_for  # noqa: E402
from onnx_writer import write_matmul  # noqa: E402

DIGITS = runfile("tools/digits/model.onnx")
SAMPLE = runfile("tools/digits/samples/digit7.png")
SITE = "web:https://example.com|https://app.example.com"
APP = "app:org.example.other"


def run_once(daemon):
    """Imports the digits model and runs it; both sessions end."""
    daemon.modelctl("import", DIGITS, "--key", "digits")
    daemon.modelctl("run", "digits", "--input", f"image={SAMPLE}")
    daemon.wait_for_sessions_to_end()


def test_kept_alive_for_no_time_a_model_leaves_memory_with_its_run():
    with Daemon(["--keep-alive", "0"]) as daemon:
        daemon.start()
        run_once(daemon)
        assert daemon.json("ps")["graphs"] == []
        status = daemon.json("status")
        assert status["loaded_programs"] == 0 and status["resident_bytes"] == 0, status
        daemon.stop()


def stays_for(seconds):
    """Whether the model was still there when it was looked at, as a machine may be slower; fails when it goes too soon or never."""
    with Daemon() as daemon:
        daemon.start(env={**daemon.environment(), "MODELD_KEEP_ALIVE": f"{seconds}s"})
        [setting] = [s for s in daemon.json("config", "show")["settings"] if s["name"] == "engine.keep_alive"]
        assert setting["origin"] == "environment", setting
        began = time.time()
        run_once(daemon)
        graphs = daemon.json("ps")["graphs"]
        models = daemon.json("top", "--once")["models"]
        if not models:
            assert time.time() - began >= seconds, "the model left memory too soon"
            return False
        [kept] = graphs
        assert kept["residency"] == "idle" and kept["sessions"] == 0 and kept["weight_bytes"] > 150000, kept
        assert kept["idle_until"] <= time.time() + seconds, kept
        assert [m["residency"] for m in models] == ["idle"]
        wait_for(lambda: daemon.json("ps")["graphs"] == [], "the model does not leave memory")
        assert time.time() >= kept["idle_until"], kept
        wait_for(lambda: daemon.json("status")["resident_bytes"] == 0, "its memory is not given back")
        daemon.stop()
        return True


def test_a_model_stays_as_long_as_the_environment_says():
    assert any(stays_for(seconds) for seconds in (10, 40, 100))


def test_a_model_that_is_kept_for_ever_stays_until_it_is_stopped():
    with Daemon(["--keep-alive", "-1"]) as daemon:
        daemon.start()
        run_once(daemon)
        time.sleep(6)  # what idles is looked at every five seconds
        [kept] = daemon.json("ps")["graphs"]
        assert kept["residency"] == "kept" and kept["idle_until"] is None, kept
        assert "never" in daemon.modelctl("ps").stdout
        assert "leaves memory: never" in daemon.modelctl("show", "digits").stdout
        stopped = daemon.json("stop", "digits")
        assert stopped["stopped_graphs"] == 0 and stopped["dropped_programs"] == 1, stopped
        assert stopped["freed_bytes"] >= kept["weight_bytes"], stopped
        assert daemon.json("ps")["graphs"] == [] and daemon.json("status")["resident_bytes"] == 0
        daemon.stop()


def import_matmul(daemon, seed, partition):
    file = f"{daemon.folder}/m{seed}.onnx"
    write_matmul(file, 64, 64, seed)
    return daemon.modelctl("--partition", partition, "import", file).stdout.strip()


def models_of(daemon, partition):
    return [m["model_id"] for m in daemon.json("ls")["models"] if m["partition"] == partition]


def test_a_bound_on_the_number_of_models_holds_in_the_running_daemon():
    with Daemon() as daemon:
        daemon.start()
        ids = {import_matmul(daemon, seed, SITE) for seed in range(3)}
        others = {import_matmul(daemon, seed, APP) for seed in range(3)}
        assert set(models_of(daemon, SITE)) == ids == others
        daemon.modelctl("partition", "quota", SITE, "--keep-at-most", "1")
        wait_for(lambda: len(models_of(daemon, SITE)) == 1, "the bound is not kept")
        [left] = models_of(daemon, SITE)
        for model_id in ids - {left}:
            whats = [d["what"] for d in daemon.json("why", model_id)["decisions"] if d["partition"] == SITE]
            assert whats[0] == "evicted", whats
        assert set(models_of(daemon, APP)) == others
        daemon.modelctl("verify", "--rehash")
        daemon.stop()


def test_a_bound_on_the_age_of_models_holds_in_the_running_daemon():
    with Daemon() as daemon:
        daemon.start()
        import_matmul(daemon, 1, SITE)
        other = import_matmul(daemon, 1, APP)
        daemon.modelctl("partition", "quota", SITE, "--max-age", "1d")
        time.sleep(2)  # older than a second
        assert len(models_of(daemon, SITE)) == 1
        daemon.modelctl("partition", "quota", SITE, "--max-age", "1")
        wait_for(lambda: models_of(daemon, SITE) == [], "the bound is not kept")
        assert models_of(daemon, APP) == [other]
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
