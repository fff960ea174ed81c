#!/usr/bin/python3
"""The cache as its user steers it: what it takes, what goes first, who else gets a model, backups, and moving it."""
import json
import os
import pty
import select
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import MODELCTL, PATIENCE_S, Daemon, run_tests, runfile, wait_for  # noqa: E402
from onnx_writer import write_matmul  # noqa: E402

DIGITS = runfile("tools/digits/model.onnx")
SITE = "web:https://example.com|https://app.example.com"
APP = "app:org.example.other"
OK, FAILURE, USAGE, NOT_FOUND, VERIFICATION = 0, 1, 2, 3, 6


def exit_code(daemon, *args):
    return daemon.modelctl(*args, check=False).returncode


def import_matmul(daemon, seed, *args):
    """Stores a small model of its own; its id."""
    file = f"{daemon.folder}/m{seed}.onnx"
    write_matmul(file, 64, 64, seed)
    return daemon.modelctl(*args, "import", file).stdout.strip()


def files_beneath(folder):
    for path, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(path, name)


def bytes_beneath(folder):
    total = 0
    for file in files_beneath(folder):
        try:
            total += os.path.getsize(file)
        except FileNotFoundError:
            pass  # it went meanwhile
    return total


def test_disk_usage_adds_up_to_the_files():
    with Daemon() as daemon:
        daemon.start()
        daemon.modelctl("import", DIGITS)
        daemon.modelctl("--partition", SITE, "import", DIGITS)
        import_matmul(daemon, 1)
        # Plans are written in the background.
        wait_for(lambda: daemon.json("cache", "du")["plan_bytes"] > 0, "no plan is written")
        usage = daemon.json("cache", "du")
        kinds = ["blob_bytes", "unreferenced_bytes", "plan_bytes", "staging_bytes", "quarantine_bytes"]
        assert usage["physical_bytes"] == sum(usage[kind] for kind in kinds), usage
        assert sum(p["physical_bytes"] for p in usage["partitions"]) == usage["blob_bytes"], usage
        assert {p["name"] for p in usage["partitions"]} >= {SITE}
        # Others may follow.
        wait_for(lambda: 0 <= bytes_beneath(daemon.cache) - daemon.json("cache", "du")["physical_bytes"] < 65536,
                 "the usage is not the sum of the files")
        site = [p for p in usage["partitions"] if p["name"] == SITE][0]
        assert site["logical_bytes"] > 0 and site["exclusive_bytes"] == 0, site  # the other partition has all of it, too
        assert "together" in daemon.modelctl("cache", "du").stdout
        daemon.stop()


def test_wishes_are_listed_and_outlive_a_restart():
    with Daemon() as daemon:
        daemon.start()
        one, two = import_matmul(daemon, 1), import_matmul(daemon, 2)
        daemon.modelctl("cache", "pin", one[:10])
        daemon.modelctl("cache", "priority", one, "high")
        daemon.stop()
        daemon.start()
        assert daemon.modelctl("-q", "ls", "--filter", "pinned=true").stdout.split() == [one]
        assert daemon.modelctl("-q", "ls", "--filter", "priority=normal").stdout.split() == [two]
        daemon.modelctl("-q", "cache", "prune", "--older-than", "0", "-y")
        assert [m["model_id"] for m in daemon.json("ls")["models"]] == [one], "a pinned model was pruned, or another was not"
        daemon.modelctl("cache", "unpin", one)
        daemon.modelctl("cache", "prune", "--older-than", "0", "-y")
        assert daemon.json("ls")["models"] == []
        assert exit_code(daemon, "cache", "pin", "f" * 64) == NOT_FOUND
        daemon.stop()


def test_prune_tells_before_it_removes():
    with Daemon() as daemon:
        daemon.start()
        model_id = import_matmul(daemon, 1)
        would = daemon.json("cache", "prune", "--older-than", "0", "--dry-run")
        assert model_id in [r["id"] for r in would["removed"]] and would["dry_run"], would
        assert daemon.json("cache", "prune", "--older-than", "1d", "--dry-run")["removed"] == []
        assert exit_code(daemon, "cache", "prune", "--older-than", "0") == USAGE  # nobody to ask
        assert len(daemon.json("ls")["models"]) == 1
        daemon.modelctl("cache", "prune", "--older-than", "0", "-y")
        assert daemon.json("ls")["models"] == []
        daemon.stop()


def test_clear_takes_one_partition_or_everything():
    with Daemon() as daemon:
        daemon.start()
        import_matmul(daemon, 1)
        import_matmul(daemon, 2, "--partition", SITE)
        kept = import_matmul(daemon, 3, "--partition", APP)
        daemon.modelctl("share", kept)
        assert exit_code(daemon, "cache", "clear", "--all") == USAGE
        daemon.modelctl("cache", "clear", "--partition", SITE, "-y")
        assert SITE not in {m["partition"] for m in daemon.json("ls")["models"]}
        assert len({m["partition"] for m in daemon.json("ls")["models"]} & {APP}) == 1
        daemon.modelctl("cache", "clear", "--all", "-y")
        assert daemon.json("ls")["models"] == [] and daemon.json("shares")["shares"] == []
        # What the daemon's upkeep is about to remove at this moment goes with that.
        wait_for(lambda: daemon.json("cache", "du")["physical_bytes"] == 0, "bytes are left")
        daemon.modelctl("verify", "--rehash")
        daemon.stop()


def test_shares_are_made_and_taken_back():
    with Daemon() as daemon:
        daemon.start()
        model_id = import_matmul(daemon, 1)
        daemon.modelctl("share", model_id, "--with", "https://example.com", "--commonness", "0.25")
        [share] = daemon.json("shares")["shares"]
        assert share["model_id"] == model_id and share["with"] == ["https://example.com"] and not share["everybody"], share
        assert share["commonness"] == 0.25 and share["commonness_from"] == "user", share
        daemon.modelctl("share", model_id)
        assert daemon.json("shares")["shares"][0]["everybody"] is True
        assert [m["shared"] for m in daemon.json("ls")["models"] if m["partition"].startswith("app:")] == [True]
        assert exit_code(daemon, "share", model_id, "--with", "not a site") == USAGE
        assert exit_code(daemon, "share", "e" * 64) == NOT_FOUND
        daemon.modelctl("unshare", model_id)
        assert daemon.json("shares")["shares"] == []
        assert exit_code(daemon, "unshare", model_id) == NOT_FOUND
        what = [d["what"] for d in daemon.json("why", model_id)["decisions"]]
        assert "stored" in what and "shared" in what and "unshared" in what, what
        daemon.stop()


def test_why_tells_of_a_model_that_is_gone():
    with Daemon() as daemon:
        daemon.start()
        model_id = import_matmul(daemon, 1)
        assert daemon.json("why", model_id)["now"], "a stored model has a present"
        daemon.modelctl("rm", "-y", model_id)
        why = daemon.json("why", model_id)
        assert why["now"] == [] and why["decisions"][0]["what"] == "deleted", why
        assert exit_code(daemon, "why", "d" * 64) == NOT_FOUND
        daemon.stop()


def test_a_partition_keeps_to_its_bounds():
    with Daemon() as daemon:
        daemon.start()
        import_matmul(daemon, 1, "--partition", SITE)
        bounds = daemon.json("partition", "quota", SITE, "5G", "--max-age", "90d")
        assert bounds["quota_bytes"] == 5 << 30 and bounds["own_quota"] and bounds["max_age_seconds"] == 90 * 86400, bounds
        bounds = daemon.json("partition", "quota", SITE, "--keep-at-most", "3")
        assert bounds["quota_bytes"] == 5 << 30 and bounds["keep_at_most"] == 3, bounds
        daemon.stop()
        daemon.start()
        [listed] = [p for p in daemon.json("partition", "ls")["partitions"] if p["name"] == SITE]
        assert listed["keep_at_most"] == 3 and listed["own_quota"], listed
        bounds = daemon.json("partition", "quota", SITE, "--default")
        assert not bounds["own_quota"] and bounds["keep_at_most"] is None and bounds["quota_bytes"] > 0, bounds
        assert exit_code(daemon, "partition", "quota", "nonsense", "5G") == USAGE
        # A quota that no model fits into: the store is refused, with the exit code for no room.
        daemon.modelctl("partition", "quota", APP, "4K")
        file = f"{daemon.folder}/large.onnx"
        write_matmul(file, 256, 256, 9)
        refused = daemon.modelctl("--partition", APP, "import", file, check=False)
        assert refused.returncode == 5, refused
        daemon.stop()


def describe(daemon):
    """What a backup must bring back."""
    models = sorted((m["partition"], m["model_id"], m["keys"], m["pinned"], m["priority"], m["shared"])
                    for m in daemon.json("ls")["models"])
    bounds = sorted((p["name"], p["keep_at_most"], p["max_age_seconds"]) for p in daemon.json("partition", "ls")["partitions"])
    return models, bounds, daemon.json("shares")["shares"]


def fill(daemon):
    """Models of three partitions with all that a user can want of them."""
    one = daemon.json("import", DIGITS, "--key", "digits")["model_id"]
    daemon.modelctl("import", DIGITS, "--key", "again")
    daemon.modelctl("--partition", SITE, "import", DIGITS)
    two = import_matmul(daemon, 2, "--partition", APP)
    daemon.modelctl("cache", "pin", one)
    daemon.modelctl("cache", "priority", two, "low")
    daemon.modelctl("share", two, "--with", "https://example.com", "--commonness", "0.5")
    daemon.modelctl("partition", "quota", SITE, "--keep-at-most", "7", "--max-age", "30d")
    return one, two


def test_a_backup_brings_everything_back():
    with Daemon() as daemon:
        daemon.start()
        fill(daemon)
        paths = [f"{daemon.folder}/backup.tar", f"{daemon.folder}/backup"]
        for path in paths:
            assert daemon.json("cache", "export", path)["models"] == 2
            with Daemon() as other:
                other.start()
                dry = other.json("cache", "import", path, "--dry-run")
                assert len(dry["stored"]) == 2 and other.json("ls")["models"] == [], dry
                assert len(other.json("cache", "import", path)["stored"]) == 2
                assert describe(other) == describe(daemon)
                other.modelctl("verify", "--rehash")
                again = other.json("cache", "import", path)
                assert again["stored"] == [] and again["already_there"] == 2, again
                other.modelctl("rm", "-y", "digits")  # one of two keys
                assert len(other.json("cache", "import", path)["stored"]) == 1
                assert describe(other) == describe(daemon)
                other.stop()
        assert exit_code(daemon, "cache", "export", paths[0]) == FAILURE  # it is there
        daemon.modelctl("cache", "export", paths[0], "-f")
        again = daemon.json("cache", "export", paths[1])
        assert again["already_there"] == 2, again
        daemon.stop()


def test_an_import_goes_on_after_the_daemon_was_killed():
    with Daemon() as daemon, Daemon() as other:
        daemon.start()
        ids = {import_matmul(daemon, seed) for seed in range(6)}
        path = f"{daemon.folder}/backup.tar"
        daemon.modelctl("cache", "export", path)
        other.start()
        other.modelctl("cache", "import", path, "-q")
        for model_id in sorted(ids)[3:]:
            other.modelctl("rm", "-y", model_id)
        other.kill()
        assert exit_code(other, "cache", "import", path) == 4
        other.start()
        result = other.json("cache", "import", path)
        assert len(result["stored"]) == 3 and result["already_there"] == 3, result
        assert {m["model_id"] for m in other.json("ls")["models"]} == ids
        daemon.stop()
        other.stop()


def test_a_damaged_model_of_a_backup_is_left_out_and_named():
    with Daemon() as daemon, Daemon() as other:
        daemon.start()
        other.start()
        good, bad = import_matmul(daemon, 1), import_matmul(daemon, 2)
        path = f"{daemon.folder}/backup"
        daemon.modelctl("cache", "export", path)
        with open(f"{path}/models/{bad}.modeld", "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        result = other.modelctl("--json", "cache", "import", path, check=False)
        assert result.returncode == VERIFICATION, result
        told = json.loads(result.stdout)
        assert told["stored"] == [good] and [p["model_id"] for p in told["problems"]] == [bad], told
        assert [m["model_id"] for m in other.json("ls")["models"]] == [good]
        with open(f"{path}/index.json", "w", encoding="utf-8") as file:
            file.write("{}")
        assert exit_code(other, "cache", "import", path) == FAILURE
        assert exit_code(other, "cache", "import", f"{path}/absent") == NOT_FOUND
        daemon.stop()
        other.stop()


def test_the_cache_moves_and_no_model_is_lost():
    with Daemon(configured=True) as daemon:
        daemon.start()
        ids = {import_matmul(daemon, seed) for seed in range(3)}
        target = f"{daemon.folder}/elsewhere/cache"
        os.makedirs(os.path.dirname(target))
        daemon.modelctl("cache", "move", target)
        moved = daemon.json("cache", "move", target)  # said again before the restart
        assert moved["directory"] == target and moved["config_file"] == daemon.config, moved
        with open(daemon.config, encoding="utf-8") as file:
            assert file.read() == f'# a comment\n[paths]\ncache_dir = "{target}"\n'
        ids.add(import_matmul(daemon, 7))  # came after the copy
        daemon.stop()
        daemon.start()
        assert daemon.json("status")["cache_dir"] == target
        assert {m["model_id"] for m in daemon.json("ls")["models"]} == ids
        daemon.modelctl("verify", "--rehash")
        assert not os.path.exists(daemon.cache), list(files_beneath(daemon.cache))
        assert exit_code(daemon, "cache", "move", target) == USAGE  # it is there
        daemon.stop()


def test_a_cache_whose_folder_a_flag_names_is_not_moved():
    with Daemon() as daemon:
        daemon.start()
        refused = daemon.modelctl("cache", "move", f"{daemon.folder}/new", check=False)
        assert refused.returncode == FAILURE and "--cache-dir" in refused.stderr, refused
        assert not os.path.exists(f"{daemon.folder}/new")
        daemon.stop()


def test_doctor_and_info_work_with_the_daemon_up_and_down():
    with Daemon() as daemon:
        down = daemon.modelctl("doctor", check=False)
        assert down.returncode == FAILURE and "no daemon answers" in down.stdout, down
        assert daemon.json("info")["daemon_answers"] is False
        daemon.start()
        info = daemon.json("info")
        assert info["cache_dir"] == daemon.cache and info["socket"] == f"{daemon.folder}/run/modeld.sock", info
        assert info["config_file"] == daemon.config and info["modelctl"].endswith("modelctl"), info
        told = json.loads(daemon.modelctl("--json", "doctor", check=False).stdout)
        areas = {finding["area"] for finding in told["findings"]}
        assert {"daemon", "programs", "units", "sockets", "space"} <= areas, areas
        for finding in told["findings"]:
            assert (finding["severity"] == "ok") == (finding["remedy"] is None), finding
        assert all(f["severity"] == "ok" for f in told["findings"] if f["area"] == "sockets"), told
        daemon.stop()


def test_metrics_and_top_tell_of_the_daemon_at_work():
    with Daemon() as daemon:
        daemon.start()
        import_matmul(daemon, 1)
        text = daemon.modelctl("metrics").stdout
        assert "modeld_cache_bytes" in text and "modeld_resident_bytes" in text, text
        assert "example" not in text
        once = daemon.json("top", "--once")
        assert once["disk_bytes"] > 0 and once["rss_bytes"] > 0, once
        assert daemon.modelctl("top", "--once").stdout.startswith("runs ")
        daemon.stop()


def test_top_redraws_on_a_terminal_until_q():
    with Daemon() as daemon:
        daemon.start()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(MODELCTL, [MODELCTL, "top", "--interval", "1s"], daemon.environment())
        shown = b""
        deadline = time.monotonic() + PATIENCE_S
        while shown.count(b"runs ") < 2:
            assert time.monotonic() < deadline, shown
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096)
        assert b"\x1b[" in shown and b"memory" in shown
        os.write(terminal, b"xq")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == OK, status
        os.close(terminal)
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
