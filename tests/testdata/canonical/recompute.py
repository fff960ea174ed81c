"""A second implementation of the canonical encoding, written from proto/README.md alone: checks the vectors."""
import hashlib
import math
import struct
import sys

TYPES = ["float32", "float16", "int32", "uint32", "int64", "uint64", "int8", "uint8", "int4", "uint4"]
KINDS = {"bool": 0, "int": 1, "float": 2, "string": 3, "type": 4, "operand": 5, "ints": 6, "floats": 7,
         "strings": 8, "body": 10}


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    data = value.encode()
    return varint(len(data)) + data


def tensor(data_type, shape):
    return bytes([TYPES.index(data_type) + 1]) + varint(len(shape)) + b"".join(map(varint, shape))


def number(value):
    return struct.pack("<d", value) if not math.isnan(value) else bytes.fromhex("000000000000f87f")


class Graph:
    """What a vector file says."""

    def __init__(self, lines):
        self.inputs, self.constants, self.operations, self.outputs, self.expected = [], {}, [], [], {}
        for line in lines:
            words = ["" if word == "-" else word for word in line.split(" ")]
            if line.startswith("#") or not line:
                continue
            if words[0] == "end":
                break
            if words[0] == "body":  # `lines` is an iterator: the body takes its own
                self.operations[-1][4]["body"] = ("body", Graph(lines))
                continue
            getattr(self, "read_" + words[0])(*words[1:])

    @staticmethod
    def shape(word):
        return [int(size) for size in word[1:-1].split(",") if size]

    def read_input(self, name, data_type, shape):
        self.inputs.append((name, data_type, self.shape(shape)))

    def read_constant(self, name, data_type, shape, content):
        self.constants[name] = tensor(data_type, self.shape(shape)) + hashlib.sha256(bytes.fromhex(content)).digest()

    def read_op(self, kind, label, inputs, _, outputs):
        self.operations.append((kind, label, inputs.split(","), outputs.split(","), {}))

    def read_attr(self, name, kind, value):
        self.operations[-1][4][name] = (kind, value)

    read_completed = read_attr

    def read_output(self, name, operand, data_type, shape):
        self.outputs.append((name, operand, data_type, self.shape(shape)))

    def read_canonical(self, value):
        self.expected["canonical"] = value

    def read_model_id(self, value):
        self.expected["model_id"] = value

    def read_structure_id(self, value):
        self.expected["structure_id"] = value

    def encode(self, with_labels, is_body=False):
        numbers, described = {}, {}
        out = bytearray(b"" if is_body else b"modeld\0\1")

        def by_name(items):
            return items if is_body else sorted(items, key=lambda item: item[0].encode())

        def take(name):
            numbers[name] = len(set(numbers.values()))
            return numbers[name]

        def refer(name):
            if name in numbers:
                return varint(numbers[name])
            description = self.constants[name]
            if description in described:
                numbers[name] = described[description]
                return varint(numbers[name])
            described[description] = take(name)
            return varint(numbers[name]) + description

        def attribute(kind, value):
            tag = bytes([KINDS[kind]])
            if kind == "bool":
                return tag + bytes([value == "true"])
            if kind == "int":
                return tag + struct.pack("<q", int(value))
            if kind == "float":
                return tag + number(float(value))
            if kind == "string":
                return tag + text(value)
            if kind == "type":
                return tag + bytes([TYPES.index(value) + 1])
            if kind == "operand":
                return tag + refer(value)
            if kind == "body":
                return tag + value.encode(with_labels, is_body=True)
            items = [item for item in value.split(",") if item]
            if kind == "strings":
                return tag + varint(len(items)) + b"".join(map(text, items))
            if kind == "floats":
                return tag + varint(len(items)) + b"".join(number(float(item)) for item in items)
            items = [int(item) for item in items]
            return tag + varint(len(items)) + b"".join(struct.pack("<q", item) for item in items)

        out += varint(len(self.inputs))
        for name, data_type, shape in by_name(self.inputs):
            take(name)
            out += (b"" if is_body else text(name)) + tensor(data_type, shape)
        out += varint(len(self.operations))
        for kind, label, inputs, outputs, attributes in self.operations:
            out += text(kind) + text(label if with_labels else "") + varint(len(inputs))
            for name in inputs:
                out += refer(name)
            out += varint(len(attributes))
            for name, value in sorted(attributes.items(), key=lambda item: item[0].encode()):
                out += text(name) + attribute(*value)
            out += varint(len(outputs))
            for name in outputs:
                out += varint(take(name))
        out += varint(len(self.outputs))
        for name, operand, data_type, shape in by_name(self.outputs):
            out += (b"" if is_body else text(name)) + varint(numbers[operand]) + tensor(data_type, shape)
        return bytes(out)


def main(arguments):
    failures = 0
    paths = [argument for argument in arguments if argument != "--write"]
    for path in paths:
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        graph = Graph(iter(lines))
        canonical = graph.encode(True)
        found = {
            "canonical": canonical.hex(),
            "model_id": hashlib.sha256(canonical).hexdigest(),
            "structure_id": hashlib.sha256(graph.encode(False)).hexdigest(),
        }
        if "--write" in arguments:
            kept = [line for line in lines if line and line.split(" ")[0] not in found]
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(kept + [f"{key} {value}" for key, value in found.items()]) + "\n")
        elif found != graph.expected:
            failures += 1
            print(f"{path}: expected {graph.expected}, got {found}")
    print(f"{len(paths) - failures} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
