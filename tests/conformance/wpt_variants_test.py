#!/usr/bin/python3
"""What follows from the Web Platform Tests' vectors: inputs and constants may be swapped, and what only moves data
moves it in every type."""
import copy
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

CASES = os.path.abspath("tests/conformance/cases")

# Operations that move elements and never compute with them, and the operands that are not moved.
MOVING = {"concat", "expand", "gather", "gatherElements", "gatherND", "identity", "pad", "reshape", "reverse",
          "scatterElements", "scatterND", "slice", "split", "tile", "transpose", "triangular", "where"}
NOT_MOVED = {"indices", "condition"}

RANGES = {"float32": (-100, 100), "float16": (-100, 100), "int32": (-2**31, 2**31 - 1), "uint32": (0, 2**32 - 1),
          "int64": (-2**63, 2**63 - 1), "uint64": (0, 2**64 - 1), "int8": (-128, 127), "uint8": (0, 255),
          "int4": (-8, 7), "uint4": (0, 15)}


def with_inputs(case, constant):
    """The case with all of its inputs as constants, or none."""
    case = copy.deepcopy(case)
    for tensor in case["inputs"].values():
        tensor["constant"] = constant
    return case


def moves(case):
    return all(operator["name"] in MOVING for operator in case["operators"])


def kept_operands(case):
    """Names of the inputs that are indices or conditions."""
    return {value for operator in case["operators"] for argument in operator["arguments"]
            for name, value in argument.items() if name in NOT_MOVED and isinstance(value, str)}


def another_value(value, old_type, data_type):
    """A value of the type, the same for what was the same in the old type; 0 stays 0, as that is what gaps are filled with."""
    if isinstance(value, (int, float)):
        value = float(value)
        if old_type == "float16":
            value = struct.unpack("e", struct.pack("e", value))[0]
    low, high = RANGES[data_type]
    mixed = zlib.crc32(repr(value).encode()) * 2654435761 * 40503
    result = 0 if value in (0, "0") else low + mixed % (high - low + 1)
    return str(result) if data_type in ("int64", "uint64") else result


def in_type(case, data_type):
    """The case with its data in another type."""
    case = copy.deepcopy(case)
    kept = kept_operands(case)
    tensors = [tensor for name, tensor in case["inputs"].items() if name not in kept]
    for tensor in tensors + list(case["expectedOutputs"].values()):
        data, old_type = tensor["data"], tensor["descriptor"]["dataType"]
        tensor["descriptor"]["dataType"] = data_type
        tensor["data"] = [another_value(value, old_type, data_type) for value in data] if isinstance(data, list) \
            else another_value(data, old_type, data_type)
    for operator in case["operators"]:
        for argument in operator["arguments"]:
            if operator["name"] == "pad" and "value" in argument.get("options", {}):
                argument["options"]["value"] = another_value(argument["options"]["value"], old_type, data_type)
    case["name"] += f", {data_type}"
    return case


def variants(cases):
    """By what they are called, lists of cases."""
    return {
        "constants": [with_inputs(case, True) for case in cases],
        "inputs": [with_inputs(case, False) for case in cases],
        "types": [in_type(case, data_type) for case in cases if moves(case) for data_type in RANGES],
    }


def main():
    source = os.path.join(os.environ.get("MODELD_SHARED") or "none", "wpt_cases")
    if not os.path.isdir(source):
        print("skipped: the shared vectors are not there (MODELD_SHARED)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for path in glob.glob(f"{source}/*.json"):
            name = os.path.basename(path)
            if name == "INDEX.json":
                continue
            with open(path, encoding="utf-8") as file:
                cases = json.load(file)
            for kind, varied in variants(cases).items():
                with open(f"{folder}/{kind}_{name}", "w", encoding="utf-8") as file:
                    json.dump(varied, file)
        return subprocess.run([CASES, *sys.argv[1:], folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
