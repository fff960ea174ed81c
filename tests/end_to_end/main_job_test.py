#!/usr/bin/python3
"""The main job: import a trained model, store it, restart the daemon, fetch it and run it on real input."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Daemon, read_npy, run_tests, runfile  # noqa: E402

DIGITS = runfile("tools/digits")
SHARED = os.environ.get("MODELD_SHARED", "")
TOLERANCE = 1e-4


def largest(values):
    return max(range(len(values)), key=values.__getitem__)


def run(daemon, model, inputs, output):
    """The values of one output, by way of an NPY file."""
    path = f"{daemon.folder}/output.npy"
    args = [word for name, file in inputs.items() for word in ("--input", f"{name}={file}")]
    daemon.modelctl("run", model, *args, "--output", f"{output}={path}")
    return read_npy(path)[1]


def check_close(got, want, what):
    worst = max(abs(a - b) for a, b in zip(got, want))
    assert len(got) == len(want) and worst <= TOLERANCE, f"{what}: off by {worst}"
    print(f"{what}: largest difference {worst:.2e}")


def import_and_restart(daemon, file, key):
    """Imports a model, restarts the daemon, and returns the model's id."""
    daemon.start()
    model_id = daemon.json("import", file, "--key", key)["model_id"]
    daemon.stop()
    daemon.start()
    return model_id


def test_the_repositorys_own_digits_are_read_from_pictures():
    with Daemon() as daemon:
        model_id = import_and_restart(daemon, f"{DIGITS}/model.onnx", "digits")
        _, expected = read_npy(f"{DIGITS}/samples/expected.npy")
        for digit in range(10):
            got = run(daemon, model_id, {"image": f"{DIGITS}/samples/digit{digit}.png"}, "probabilities")
            assert largest(got) == digit, f"digit {digit} read as {largest(got)}"
            check_close(got, expected[10 * digit:10 * digit + 10], f"digit {digit}")
        daemon.stop()


def test_lenet_reads_ten_handwritten_digits():
    folder = f"{SHARED}/models/lenet"
    if not SHARED or not os.path.isdir(folder):
        return "the shared models are not there (MODELD_SHARED)"
    with Daemon() as daemon:
        import_and_restart(daemon, f"{folder}/model.onnx", "lenet")
        _, expected = read_npy(f"{folder}/expected.npy")
        for digit in range(10):
            got = run(daemon, "lenet", {"input": f"{folder}/digit{digit}.npy"}, "output")
            assert largest(got) == digit, f"digit {digit} read as {largest(got)}"
            check_close(got, expected[10 * digit:10 * digit + 10], f"lenet digit {digit}")
        daemon.stop()


def test_mobilenetv2_gives_the_expected_numbers():
    folder = f"{SHARED}/models/mobilenetv2"
    if not SHARED or not os.path.isdir(folder):
        return "the shared models are not there (MODELD_SHARED)"
    with Daemon() as daemon:
        import_and_restart(daemon, f"{folder}/model.onnx", "mobilenet")
        _, expected = read_npy(f"{folder}/expected.npy")
        got = run(daemon, "mobilenet", {"input": f"{folder}/input.npy"}, "output")
        check_close(got, expected, "mobilenetv2")
        daemon.stop()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
