#!/usr/bin/python3
"""The runner itself: what it prints, what it counts, and its exit status, against a real daemon."""
import copy
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../end_to_end"))
from harness import run_tests, runfile  # noqa: E402

CASES = runfile("tests/conformance/cases")

RELU = {
    "name": "relu float32 1D",
    "inputs": {"x": {"data": [-1, 0.5], "descriptor": {"shape": [2], "dataType": "float32"}}},
    "operators": [{"name": "relu", "arguments": [{"input": "x"}], "outputs": "y"}],
    "expectedOutputs": {"y": {"data": [0, 0.5], "descriptor": {"shape": [2], "dataType": "float32"}}},
    "tolerance": {"metric": "ULP", "value": 0},
}


def tensor(data, shape, data_type="float32", **more):
    return {"data": data, "descriptor": {"shape": shape, "dataType": data_type}, **more}


def changed(**members):
    return {**copy.deepcopy(RELU), **members}


def run(*args, **options):
    return subprocess.run([CASES, *args], capture_output=True, text=True, timeout=300, **options)


def run_vectors(vectors, *args):
    """Runs a file of these vectors, or of this text."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/vectors.json", "w", encoding="utf-8") as file:
            file.write(vectors if isinstance(vectors, str) else json.dumps(vectors))
        return run(*args, folder)


def last_line(result):
    return result.stdout.splitlines()[-1]


def assert_fails(vectors, *messages):
    """One vector, which fails with these messages."""
    result = run_vectors(vectors)
    assert result.returncode == 1, result
    assert last_line(result) == "0 passed, 1 failed", result.stdout
    for message in messages:
        assert message in result.stdout, result.stdout


def test_vectors_that_come_out_right_pass():
    for device in ["cpu", "reference"]:
        result = run_vectors([RELU, changed(name="again")], "--device", device)
        assert (result.returncode, result.stdout) == (0, "2 passed, 0 failed\n"), result


def test_decomposed_and_unfused_they_pass_as_well():
    assert run_vectors([RELU], "--decompose", "--no-fuse").returncode == 0


def test_a_wrong_element_is_shown_with_what_was_expected():
    wrong = changed(expectedOutputs={"y": tensor([0, 0.75], [2])})
    assert_fails([wrong], "vectors.json: relu float32 1D: FAILED",
                 'output "y": element 1: expected 0.75, got 0.5 (1 of 2 wrong, tolerance ULP 0)')


def test_a_wrong_shape_or_type_is_a_failure():
    assert_fails([changed(expectedOutputs={"y": tensor([0, 0.5], [1, 2])})], "expected float32[1,2], got float32[2]")
    assert_fails([changed(expectedOutputs={"y": tensor([0, 1], [2], "float16")})], "expected float16[2], got float32[2]")


def test_what_the_engine_refuses_fails_with_its_message():
    reshape = [{"name": "reshape", "arguments": [{"input": "x"}, {"newShape": [3]}], "outputs": "y"}]
    assert_fails([changed(operators=reshape)], "INVALID_ARGUMENT: reshape")


def test_a_vector_that_cannot_be_understood_fails_with_a_reason():
    assert_fails([changed(tolerance={"metric": "RTOL", "value": 1})], 'there is no metric "RTOL"')
    operator = RELU["operators"][0]
    assert_fails([changed(operators=[{**operator, "name": "frobnicate"}])], 'there is no operation "frobnicate"')
    options = operator["arguments"] + [{"options": {"slope": 1}}]
    assert_fails([changed(operators=[{**operator, "arguments": options}])], 'relu: has no option "slope"')
    assert_fails([changed(operators=[{**operator, "outputs": "z"}])], 'nothing computes "y"')
    assert_fails([changed(operators=[{**operator, "outputs": ["y", "z"]}])], "returns 1 operands, the case names 2")
    assert_fails([changed(operators=[operator, operator])], '"y" names two operands')
    assert_fails([{"name": "empty"}], "vectors.json: empty: FAILED", "inputs: expected an object")
    assert_fails("[{", "vectors.json: (the file): FAILED", "this is no JSON")
    assert_fails("{}", "this is no array of cases")


def test_what_no_output_needs_is_left_out():
    unused = {"name": "exp", "arguments": [{"input": "z"}], "outputs": "unused"}
    inputs = {**RELU["inputs"], "z": tensor(1, [3])}
    assert run_vectors([changed(inputs=inputs, operators=[unused] + RELU["operators"])]).returncode == 0


def test_constants_scalars_and_packed_types_work():
    cast = [{"name": "cast", "arguments": [{"input": "x"}, {"type": "int8"}], "outputs": "y"}]
    vectors = []
    for constant in [False, True]:
        inputs = {"x": tensor([-8, 7, -1], [3], "int4", constant=constant)}
        vectors.append(changed(inputs=inputs, operators=cast, expectedOutputs={"y": tensor([-8, 7, -1], [3], "int8")}))
        vectors.append(changed(inputs={"x": tensor(-2, [], constant=constant)}, expectedOutputs={"y": tensor(0, [])}))
    result = run_vectors(vectors)
    assert last_line(result) == "4 passed, 0 failed", result.stdout


def test_the_vector_that_is_known_to_be_wrong_is_neither_passed_nor_failed():
    name = "l2Pool2d float32 4D tensor options.outputSizes ignores options.roundingType=floor"
    right = [1.0] * 18
    for index, value in [(2, 90.67686184047513), (8, 26.61993281474433), (11, 72.42569496091976), (17, 90.6460121917353)]:
        right[index] = value
    identity = [{"name": "identity", "arguments": [{"input": "x"}], "outputs": "l2Pool2dOutput"}]
    vector = changed(name=name, operators=identity, inputs={"x": tensor(right, [18])},
                     expectedOutputs={"l2Pool2dOutput": tensor([1.0] * 18, [18])})
    result = run_vectors([vector, RELU])
    assert result.returncode == 0, result
    assert f"{name}: known wrong\n  4 of the 18 expected values" in result.stdout, result.stdout
    assert result.stdout.endswith("1 known to be wrong, neither passed nor failed\n1 passed, 0 failed\n"), result.stdout
    vector["expectedOutputs"]["l2Pool2dOutput"]["data"][0] = 2
    assert last_line(run_vectors([vector, RELU])) == "1 passed, 1 failed"


def test_json_is_one_object_with_counts_by_operation():
    wrong = changed(name="wrong", expectedOutputs={"y": tensor([1, 1], [2])})
    result = run_vectors([RELU, wrong], "--json", "--device", "reference")
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert (report["device"], report["decomposed"], report["passed"], report["failed"]) == ("reference", False, 1, 1)
    assert report["operations"]["relu"] == {"passed": 1, "failed": 1, "known_wrong": 0}
    assert [case["outcome"] for case in report["cases"]] == ["passed", "failed"]
    assert result.stderr.endswith("1 passed, 1 failed\n"), result.stderr


def test_the_filter_chooses_by_file_and_name():
    vectors = [RELU, changed(name="other", operators=[])]
    assert last_line(run_vectors(vectors, "--filter", "relu float32")) == "1 passed, 0 failed"
    assert last_line(run_vectors(vectors, "--filter", "vectors.json: relu")) == "1 passed, 0 failed"


def test_a_run_of_nothing_is_no_success():
    result = run_vectors([RELU], "--filter", "no such name")
    assert (result.returncode, result.stdout) == (1, "0 passed, 0 failed\n"), result
    assert run_vectors([]).returncode == 1


def test_wrong_command_lines_are_told_apart():
    assert run().returncode == 2
    assert run("--frobnicate", ".").returncode == 2
    missing = run("no/such/folder")
    assert missing.returncode == 2 and "no/such/folder: does not exist" in missing.stderr, missing
    device = run_vectors([RELU], "--device", "abacus")
    assert device.returncode == 2 and 'device "abacus"' in device.stderr, device
    help_text = run("--help")
    assert help_text.returncode == 0 and "--decompose" in help_text.stdout, help_text


def test_relative_paths_are_meant_from_where_bazel_was_called():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/vectors.json", "w", encoding="utf-8") as file:
            json.dump([RELU], file)
        assert run("vectors.json", env={**os.environ, "BUILD_WORKING_DIRECTORY": folder}).returncode == 0


if __name__ == "__main__":
    sys.exit(run_tests(dict(globals())))
