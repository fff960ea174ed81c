#!/usr/bin/python3
"""What a hostile client can do to one daemon: whatever was sent, afterwards it is the same process, serves others
rightly, has given back what it took, has named no path to anybody, and ends well.

Usage: hostile_client_test.py MODELD PROTO_DIR. MODELD_HOSTILE_SEED repeats a run. Last line: "N passed, N failed".
"""
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import attack_floods  # noqa: E402
import attack_graphs  # noqa: E402
import attack_memory  # noqa: E402
import attack_messages  # noqa: E402
from target import PATIENCE_S, Honest, Target  # noqa: E402

# gRPC, RocksDB and the log may open a few for good; a leak by any of the attacks is hundreds.
MORE_DESCRIPTORS = 24
# What the C library keeps of freed memory in the arenas of threads that gRPC made for the floods: up to some 200 MiB
# were seen after messages of 24 and 64 MiB on many threads. The attacks send and claim many times as much: 2,000 MiB of
# messages that are too large alone, so what is lost per call shows.
MORE_BYTES = 384 << 20


def settle(measure, bound):
    """Waits until a measure is back at or under a bound: closed connections are noticed a little later."""
    deadline = time.monotonic() + PATIENCE_S
    while measure() > bound and time.monotonic() < deadline:
        time.sleep(0.1)
    return measure()


def warm_up(target):
    """Threads, files and caches that any use brings are no leak."""
    for _ in range(3):
        honest = Honest(target)
        honest.check()
        honest.close()


def check_aftermath(target, descriptors, resident):
    target.check_alive()
    honest = Honest(target)
    honest.check()
    honest.close()
    now = settle(target.descriptors, descriptors + MORE_DESCRIPTORS)
    print(f"descriptors: {descriptors} before, {now} after")
    assert now <= descriptors + MORE_DESCRIPTORS, "descriptors were left open"
    now = settle(target.resident, resident + MORE_BYTES)
    print(f"resident: {resident >> 20} MiB before, {now >> 20} MiB after")
    target.check_growth(now - resident, MORE_BYTES, "memory was not given back")


def check_texts(target):
    """No text that a client got names a file of the daemon's; there are texts, and none is without limit."""
    name = os.path.basename(target.folder).encode()
    assert len(target.texts) > 1000, len(target.texts)
    for text in target.texts:
        assert name not in text and b"/tmp/" not in text.replace(b"/tmp/hostile-key", b""), text
        assert len(text) < 16_384, f"an error of {len(text)} bytes"
    print(f"{len(target.texts)} error texts, none with a path")


def main():
    modeld, proto_dir = (os.path.abspath(p) for p in sys.argv[1:3])
    seed = int(os.environ.get("MODELD_HOSTILE_SEED", "0")) or int.from_bytes(os.urandom(4), "little")
    print(f"MODELD_HOSTILE_SEED={seed}", flush=True)
    target = Target(modeld, proto_dir, seed)
    passed = failed = 0

    def step(name, work):
        nonlocal passed, failed
        begin = time.monotonic()
        try:
            work()
            passed += 1
            print(f"{name}: passed, {time.monotonic() - begin:.1f} s", flush=True)
        except Exception:  # the step's own report; the next one still runs
            failed += 1
            print(f"{name}: FAILED", flush=True)
            traceback.print_exc(file=sys.stdout)

    try:
        warm_up(target)
        descriptors, resident = target.descriptors(), target.resident()
        only = os.environ.get("MODELD_HOSTILE_ONLY", "")
        for module in (attack_messages, attack_graphs, attack_memory, attack_floods):
            for attack in module.ATTACKS:
                if only in attack.__name__ and target.process.poll() is None:
                    step(attack.__name__, lambda: attack(target))
        step("aftermath", lambda: check_aftermath(target, descriptors, resident))
        if not only:
            step("texts", lambda: check_texts(target))
        step("SIGTERM", target.stop)
    finally:
        target.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
