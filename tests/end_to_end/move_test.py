#!/usr/bin/python3
"""Moving the cache, killed at random points: no model is lost, the move can be said again, and nothing stays behind."""
import itertools
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELCTL, PATIENCE_S, Daemon, read_npy, run_tests  # noqa: E402
from onnx_writer import write_matmul, write_npy  # noqa: E402

ROUNDS = int(os.environ.get("MODELD_KILL_ROUNDS", "6"))
SEED = int(os.environ.get("MODELD_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
FAILURE = 1
ROWS, COLUMNS = 2048, 1024  # 8 MiB
MODELS = 6


class Cache:
    """A daemon whose cache holds models that have run, and what they answered."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.folder = daemon.cache  # where it is at the moment
        self.moves = 0
        self.answers = {}
        self.x = f"{daemon.folder}/x.npy"
        write_npy(self.x, [1, ROWS], [((i * 37) % 101) / 101 for i in range(ROWS)])
        for seed in range(MODELS):
            self.add(seed)

    def add(self, seed):
        file = f"{self.daemon.folder}/m.onnx"
        write_matmul(file, ROWS, COLUMNS, seed)
        model_id = self.daemon.modelctl("import", file).stdout.strip()
        assert model_id not in self.answers
        self.answers[model_id] = self.run(model_id)
        assert any(self.answers[model_id]), "the model answers nothing but zeros"

    def run(self, model_id):
        y = f"{self.daemon.folder}/y.npy"
        self.daemon.modelctl("run", model_id, "--input", f"x={self.x}", "--output", f"y={y}")
        return read_npy(y)[1]

    def check(self):
        """Every model is listed, fetched and right, and files and catalogue agree."""
        models = self.daemon.json("ls")["models"]
        assert {m["model_id"] for m in models} == set(self.answers), "a model is gone, or one too many is there"
        assert not any(m["damaged"] for m in models), models
        for model_id, answer in self.answers.items():
            assert self.run(model_id) == answer, f"{model_id} answers something else"
        self.daemon.modelctl("cache", "verify", "--rehash")

    def target(self):
        self.moves += 1
        return f"{self.daemon.folder}/cache{self.moves}"

    def check_moved(self, target):
        """The daemon, restarted, uses the new folder, and the old one is gone."""
        assert self.daemon.json("status")["cache_dir"] == target
        self.check()
        assert not os.path.exists(self.folder), list(os.walk(self.folder))
        assert not os.path.exists(f"{target}/modeld-move")
        self.folder = target


def killed_after(process, seconds):
    """Kills it with SIGKILL after a while unless it ended before; whether it had to."""
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def begin_move(daemon, target):
    return subprocess.Popen([MODELCTL, "cache", "move", target], env=daemon.environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_move_that_is_killed_at_any_point_loses_no_model():
    print(f"seed {SEED}, {ROUNDS} rounds")
    generator = random.Random(SEED)
    killed = 0
    with Daemon(configured=True) as daemon:
        daemon.start()
        cache = Cache(daemon)
        target = cache.target()
        began = time.monotonic()
        daemon.modelctl("cache", "move", target)
        duration = time.monotonic() - began
        daemon.stop()
        daemon.start()
        cache.check_moved(target)
        for number in itertools.count():
            if number >= ROUNDS and killed > 0:
                break
            target = cache.target()
            mover = begin_move(daemon, target)
            time.sleep(generator.uniform(0, duration))
            victim = generator.choice(["daemon", "modelctl", "both"])
            under_way = mover.poll() is None
            killed += under_way
            if not under_way:
                duration *= 0.7  # the machine is faster than it was at first
            if victim != "daemon":
                mover.kill()
            if victim != "modelctl":
                daemon.kill()
            mover.wait(PATIENCE_S)
            # Whichever folder the configuration names by now has every model, also when nobody was killed in time.
            if victim == "modelctl":
                daemon.stop()
            daemon.start()
            assert daemon.json("status")["cache_dir"] in (cache.folder, target)
            cache.check()
            if daemon.json("status")["cache_dir"] == cache.folder:
                if number % 2:
                    cache.add(100 + number)  # came between the two attempts
                daemon.modelctl("cache", "move", target)
                daemon.stop()
                daemon.start()
            cache.check_moved(target)
        daemon.stop()
    print(f"killed {killed} of {number} moves under way; {len(cache.answers)} models whole after each")


def test_a_first_start_in_the_new_folder_that_is_killed_loses_no_model():
    print(f"seed {SEED}, {ROUNDS} rounds")
    generator = random.Random(SEED)
    killed = 0
    with Daemon(configured=True) as daemon:
        daemon.start()
        cache = Cache(daemon)
        for number in range(ROUNDS):
            target = cache.target()
            # A move that was cut off, and its folder put into the configuration by hand, leaves most to the start.
            mover = begin_move(daemon, target)
            while mover.poll() is None and not os.path.exists(f"{target}/blobs"):
                time.sleep(0.001)
            mover.kill()
            mover.wait()
            cache.add(200 + number)
            daemon.stop()
            with open(daemon.config, "w", encoding="utf-8") as file:
                file.write(f'[paths]\ncache_dir = "{target}"\n')
            for _ in range(3):
                daemon.launch(stderr=subprocess.DEVNULL)
                killed += killed_after(daemon.process, generator.uniform(0.02, 0.4))
            daemon.start()
            cache.check_moved(target)
        daemon.stop()
    print(f"killed {killed} starts; {len(cache.answers)} models whole after each")
    assert killed > 0


def test_a_folder_that_somebody_uses_is_refused_and_left_as_it_is():
    with Daemon(configured=True) as daemon:
        daemon.start()
        cache = Cache(daemon)
        target = f"{daemon.folder}/letters"
        os.makedirs(target)
        with open(f"{target}/letter.txt", "w", encoding="utf-8") as file:
            file.write("dear")
        refused = daemon.modelctl("cache", "move", target, check=False)
        assert refused.returncode == FAILURE and "not empty" in refused.stderr, refused
        assert os.listdir(target) == ["letter.txt"]
        os.unlink(f"{target}/letter.txt")
        daemon.modelctl("cache", "move", target)
        cache.add(300)
        daemon.stop()
        log = f"{daemon.folder}/log"
        with open(log, "w", encoding="utf-8") as file:
            daemon.start(stderr=file)
        cache.check_moved(target)
        daemon.stop()
        with open(log, encoding="utf-8") as file:
            [moved] = re.findall(r"(\d+) were moved from an old cache folder", file.read())
        assert int(moved) >= 2, "the model that came after the copy has a manifest and weights"


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
