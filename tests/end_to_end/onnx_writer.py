"""Writes small ONNX files with weights of any size, and NPY files, so that tests need no ONNX package and no numpy."""
import random
import struct


def _varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number, value):
    """One protobuf field: int as varint, str and bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _value_info(name, shape):
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def write_matmul(path, rows, columns, seed):
    """y [1, columns] = x [1, rows] * W with weights from `seed`, one file per seed; returns W's bytes."""
    generator = random.Random(seed)
    block = struct.pack("<256f", *(generator.uniform(-1, 1) for _ in range(256)))
    count = rows * columns * 4
    weights = (block * (count // len(block) + 1))[:count]
    tensor = _field(1, rows) + _field(1, columns) + _field(2, 1) + _field(8, "W") + _field(9, weights)
    node = _field(1, "x") + _field(1, "W") + _field(2, "y") + _field(3, f"product{seed}") + _field(4, "MatMul")
    graph = (_field(1, node) + _field(2, "g") + _field(5, tensor) + _field(11, _value_info("x", [1, rows])) +
             _field(12, _value_info("y", [1, columns])))
    with open(path, "wb") as file:
        file.write(_field(1, 8) + _field(8, _field(1, "") + _field(2, 13)) + _field(7, graph))
    return weights


def write_npy(path, shape, values=None):
    """Float32: `values` in row-major order, zeros without."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({', '.join(map(str, shape))},), }}"
    header = header.ljust(117) + "\n"  # 10 + 118 bytes: the data begin at 128
    count = 1
    for size in shape:
        count *= size
    data = bytes(4 * count) if values is None else struct.pack(f"<{count}f", *values)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)
