"""Bytes and messages that nobody sane would send."""
import math

NUMBERS = [0, 1, 2, 3, 7, 8, 31, 32, 255, 4096, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63,
           2**64 - 1]
FLOATS = [0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, 1e300, math.inf, -math.inf, math.nan]
TEXTS = ["", "x", "y", "a" * 1023, "b" * 5000, "../../etc/passwd", "/proc/self/mem", "%s%n%s", "\0", "\u202e\U0001f4a5", "cpu",
         "reference", "web:https://a.example|https://a.example", "add", "matmul"]


def blob(rng, limit=300):
    return rng.randbytes(rng.choice([0, 1, 5, rng.randrange(limit), 31, 32, 33]))


def mutated(rng, data):
    """`data` with a few bytes changed, cut out, doubled or put in."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(data))
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:at + rng.randint(1, 8)]
        elif kind == 2:
            data[at:at] = data[at:at + rng.randint(1, 40)]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.randint(1, 8))
        else:
            data[at:at] = rng.choice([b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff\x0f", b"\x00"])  # lengths
    return bytes(data)


def nested(field, levels):
    """A message in a message in a message, of field number `field`."""
    data = b""
    for _ in range(levels):
        length, size = b"", len(data)
        while size >= 128:
            length += bytes([size & 127 | 128])
            size >>= 7
        data = bytes([field << 3 | 2]) + length + bytes([size]) + data
    return data


def _number(rng, field, handles):
    known = handles.get(field.name)
    if known and rng.random() < 0.7:
        return rng.choice(known)
    return rng.choice(NUMBERS) if rng.random() < 0.6 else rng.randrange(12)


def _scalar(rng, field, handles):
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return rng.choice(FLOATS)
    if field.type == field.TYPE_BOOL:
        return rng.random() < 0.5
    if field.type == field.TYPE_ENUM:
        return rng.choice([0, 1, 2, 3, 4, 5, 8, 9, 1000, -1, 2**31 - 1])
    known = handles.get(field.name)
    if field.type == field.TYPE_STRING:
        return rng.choice(known if known and rng.random() < 0.5 else TEXTS)
    if field.type == field.TYPE_BYTES:
        return rng.choice(known) if known and rng.random() < 0.5 else blob(rng)
    value = _number(rng, field, handles)
    bits = 32 if field.type in (field.TYPE_UINT32, field.TYPE_INT32, field.TYPE_SINT32) else 64
    value %= 1 << bits
    if field.type in (field.TYPE_UINT32, field.TYPE_UINT64):
        return value
    return value - (1 << bits) if value >> (bits - 1) else value


def fill(rng, message, handles, depth=0):
    """Sets fields of a message at random; `handles` has values that exist, by field name."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.15 + 0.1 * depth:
            continue
        repeated = field.label == field.LABEL_REPEATED
        count = rng.choice([0, 1, 2, 5, rng.randrange(40)]) if repeated else 1
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(rng, getattr(message, field.name), field.message_type, handles, min(count, 5), depth)
        elif field.message_type is not None:
            for _ in range(min(count, 6) if depth < 5 else 0):
                inner = getattr(message, field.name)
                inner = inner.add() if repeated else inner
                inner.SetInParent()
                fill(rng, inner, handles, depth + 1)
        elif repeated:
            getattr(message, field.name).extend(_scalar(rng, field, handles) for _ in range(count))
        else:
            setattr(message, field.name, _scalar(rng, field, handles))
    return message


def _fill_map(rng, entries, entry_type, handles, count, depth):
    key, value = entry_type.fields_by_name["key"], entry_type.fields_by_name["value"]
    for _ in range(count):
        name = _scalar(rng, key, handles)
        if value.message_type is not None:
            fill(rng, entries[name], handles, depth + 1)
        else:
            known = handles.get("tensor_id") if value.type != value.TYPE_BYTES else None
            entries[name] = rng.choice(known) if known and rng.random() < 0.7 else _scalar(rng, value, handles)
