#!/usr/bin/python3
"""Random vectors, computed by oracle.py: each device and each decomposition must come to the same.

MODELD_ORACLE_SEED repeats a run, MODELD_ORACLE_CASES makes it longer.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import oracle  # noqa: E402
import oracle_layers  # noqa: E402

CASES = os.path.abspath("tests/conformance/cases")

# Generators, and the operation's name where they do not tell it.
GENERATORS = [
    (oracle.pad, "pad"), (oracle.slice_, "slice"), (oracle.reverse, "reverse"), (oracle.tile, "tile"),
    (oracle.triangular, "triangular"), (oracle.transpose, "transpose"), (oracle.gather, "gather"),
    (oracle.gather_elements, "gatherElements"), (oracle.gather_nd, "gatherND"),
    (oracle.scatter_elements, "scatterElements"), (oracle.scatter_nd, "scatterND"),
    (oracle.cumulative_sum, "cumulativeSum"), (oracle.resample2d, "resample2d"), (oracle.conv2d, "conv2d"),
    (oracle.conv_transpose2d, "convTranspose2d"), (oracle.arg_min_max, None), (oracle.reduction, None),
    (oracle.pool, None), (oracle_layers.recurrent, None), (oracle_layers.normalization, None),
    (oracle_layers.quantization, None), (oracle_layers.gemm, None), (oracle_layers.softmax, None)
]


def as_json(tensor, **more):
    data = [str(value) if tensor.type in ("int64", "uint64") else value for value in tensor.data]
    return {"data": data, "descriptor": {"shape": list(tensor.shape), "dataType": tensor.type}, **more}


def vector(rng, generator, name, label):
    parts = generator(rng) if name is None else (name, *generator(rng))
    operation, tensors, arguments, options, outputs, (metric, value) = parts
    names = [f"out{i}" for i in range(len(outputs))]
    called = [{"argument": argument} for argument in arguments] + [{"options": options}]
    return {
        "name": f"{operation} {label}",
        "inputs": {key: as_json(tensor, constant=rng.random() < 0.3) for key, tensor in tensors.items()},
        "operators": [{"name": operation, "arguments": called, "outputs": names}],
        "expectedOutputs": {key: as_json(tensor) for key, tensor in zip(names, outputs)},
        "tolerance": {"metric": metric, "value": value},
    }


def main():
    seed = int(os.environ.get("MODELD_ORACLE_SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("MODELD_ORACLE_CASES") or 30)
    print(f"MODELD_ORACLE_SEED={seed} MODELD_ORACLE_CASES={count}", flush=True)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for generator, name in GENERATORS:
            cases = [vector(rng, generator, name, i) for i in range(count)]
            with open(f"{folder}/{generator.__name__}.json", "w", encoding="utf-8") as file:
                json.dump(cases, file)
        return subprocess.run([CASES, *sys.argv[1:], folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
