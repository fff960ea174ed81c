#!/usr/bin/python3
"""Trains the digits classifier and writes the files of this folder; --check re-evaluates the committed model.

Needs Debian's python3-sklearn (the data), python3-numpy, python3-scipy (augmentation) and python3-onnx.
"""

import argparse
import os
import pathlib
import struct
import time
import zlib

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one order of summation, so one result

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from layers import Adam, Conv3x3, Dense, Flatten, MaxPool2x2, Relu, softmax

SEED = 20240607
EPOCHS = 80
BATCH = 32
PEAK_RATE = 2e-3
WEIGHT_DECAY = 1e-3
HERE = pathlib.Path(__file__).resolve().parent
# The parameter layers in order, by the names that the ONNX file gives them.
LAYER_NAMES = ["conv1", "conv2", "dense1", "dense2"]


def load_split():
    """(train images, train labels), (held-out images, held-out labels, their indices in the data set).

    The data set's grey levels are 0..16; as 8-bit pixels they are round(level * 255 / 16), and the network's
    input is pixel / 255. The PNG samples therefore hold exactly what the network was trained on.
    """
    data = load_digits()
    pixels = np.rint(data.images * (255.0 / 16.0)).astype(np.uint8)[:, None]
    index = np.arange(len(pixels))
    train, held_out = train_test_split(index, test_size=0.2, stratify=data.target, random_state=SEED)
    held_out = np.sort(held_out)
    return (pixels[train], data.target[train]), (pixels[held_out], data.target[held_out], held_out)


def to_input(pixels):
    return pixels.astype(np.float32) / np.float32(255)


def build_network(rng):
    return [
        Conv3x3(1, 16, rng), Relu(), Conv3x3(16, 32, rng), Relu(), MaxPool2x2(),
        Flatten(), Dense(32 * 4 * 4, 64, rng), Relu(), Dense(64, 10, rng),
    ]


def forward(network, x):
    for layer in network:
        x = layer.forward(x)
    return x


def augment(images, rng):
    """Each image turned by up to 12 degrees, scaled by up to 10 % and shifted by up to 0.8 pixels."""
    out = np.empty_like(images)
    centre = np.array([3.5, 3.5])
    for i, image in enumerate(images[:, 0]):
        angle = rng.uniform(-12, 12) * np.pi / 180
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn /= rng.uniform(0.9, 1.1, (2, 1))
        offset = centre - turn @ centre + rng.uniform(-0.8, 0.8, 2)
        out[i, 0] = ndimage.affine_transform(image, turn, offset, order=1)
    return out


def train(pixels, labels, epochs):
    """A network trained on these images. The learning rate rises for two epochs and falls as a cosine."""
    rng = np.random.default_rng(SEED)
    network = build_network(rng)
    adam = Adam([p for layer in network for p in layer.parameters()], WEIGHT_DECAY)
    images = to_input(pixels)
    steps = epochs * (len(images) // BATCH)
    step = 0
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        total = 0.0
        for start in range(0, len(images) - BATCH + 1, BATCH):
            batch = order[start:start + BATCH]
            probabilities = softmax(forward(network, augment(images[batch], rng)))
            rows = np.arange(len(batch))
            total -= np.log(probabilities[rows, labels[batch]] + 1e-12).sum()
            grad = probabilities
            grad[rows, labels[batch]] -= 1
            grad /= np.float32(len(batch))
            for layer in reversed(network):
                grad = layer.backward(grad)
            rate = PEAK_RATE * min(1.0, step * epochs / (2.0 * steps)) * 0.5 * (1 + np.cos(np.pi * step / steps))
            adam.step([g for layer in network for g in layer.gradients], rate)
            step += 1
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: training loss {total / len(images):.4f}", flush=True)
    return network


def predict(network, pixels):
    return softmax(forward(network, to_input(pixels)))


def write_onnx(network, path):
    """The network as exporters write it: opset 13, batch of 1, weights as initializers."""
    parameters = [layer.parameters() for layer in network if layer.parameters()]
    initializers = []
    for name, (weight, bias) in zip(LAYER_NAMES, parameters):
        initializers.append(numpy_helper.from_array(weight, f"{name}.weight"))
        initializers.append(numpy_helper.from_array(bias, f"{name}.bias"))

    def conv(name, source, target):
        return helper.make_node("Conv", [source, f"{name}.weight", f"{name}.bias"], [target], name=name,
                                kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], dilations=[1, 1], group=1)

    def gemm(name, source, target):
        return helper.make_node("Gemm", [source, f"{name}.weight", f"{name}.bias"], [target], name=name,
                                alpha=1.0, beta=1.0, transB=1)

    def relu(name, source, target):
        return helper.make_node("Relu", [source], [target], name=name)

    nodes = [
        conv("conv1", "image", "conv1.out"), relu("relu1", "conv1.out", "relu1.out"),
        conv("conv2", "relu1.out", "conv2.out"), relu("relu2", "conv2.out", "relu2.out"),
        helper.make_node("MaxPool", ["relu2.out"], ["pool.out"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pool.out"], ["flatten.out"], name="flatten", axis=1),
        gemm("dense1", "flatten.out", "dense1.out"), relu("relu3", "dense1.out", "relu3.out"),
        gemm("dense2", "relu3.out", "logits"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 10])
    graph = helper.make_graph(nodes, "digits", [image], [probabilities], initializers)
    model = helper.make_model(graph, producer_name="modeld-digits", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def read_onnx(path):
    """The network with the weights of a file that write_onnx made."""
    weights = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    network = build_network(np.random.default_rng(0))
    for name, layer in zip(LAYER_NAMES, [layer for layer in network if layer.parameters()]):
        layer.weight, layer.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return network


def write_png(path, pixels):
    """An 8-bit grey PNG."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) +
                     chunk(b"IEND", b""))


def report(network, held_out, what="held-out accuracy"):
    pixels, labels, index = held_out
    answers = predict(network, pixels).argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    for i in wrong:
        print(f"wrong: image {index[i]} is a {labels[i]}, answered {answers[i]}")
    right = len(labels) - len(wrong)
    print(f"{what}: {right} of {len(labels)} = {100 * right / len(labels):.2f} %")
    return right / len(labels)


def write_samples(network, held_out):
    """The first held-out image of each digit, in the data set's order, with the network's probabilities."""
    pixels, labels, index = held_out
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    samples = HERE / "samples"
    samples.mkdir(exist_ok=True)
    for digit, i in enumerate(first):
        write_png(samples / f"digit{digit}.png", pixels[i, 0])
    np.save(samples / "pixels.npy", pixels[first])
    np.save(samples / "expected.npy", predict(network, pixels[first]).astype(np.float32))
    (HERE / "labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    print("samples are the data set's images " + " ".join(str(index[i]) for i in first))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="evaluate the committed model.onnx; writes nothing")
    mode.add_argument("--validate", action="store_true",
                      help="train on 4/5 of the training part, report accuracy on the rest; writes nothing. "
                           "The settings above were chosen by this figure alone")
    args = parser.parse_args()
    training, held_out = load_split()
    model_path = HERE / "model.onnx"
    if args.check:
        return 0 if report(read_onnx(model_path), held_out) >= 0.98 else 1
    start = time.time()
    if args.validate:
        pixels, labels = training
        part, rest = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=SEED)
        network = train(pixels[part], labels[part], EPOCHS)
        report(network, (pixels[rest], labels[rest], rest), "validation accuracy")
        return 0
    network = train(*training, EPOCHS)
    write_onnx(network, model_path)
    network = read_onnx(model_path)
    accuracy = report(network, held_out)
    write_samples(network, held_out)
    print(f"trained in {time.time() - start:.0f} s; {model_path.name} has {model_path.stat().st_size} bytes")
    return 0 if accuracy >= 0.98 else 1


if __name__ == "__main__":
    raise SystemExit(main())
