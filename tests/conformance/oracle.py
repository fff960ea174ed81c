"""WebNN's operations once more, from the specification's text, in plain Python over lists: random vectors with every
option for the operations whose meaning lies in options and index arithmetic. Knows nothing of modeld."""
import itertools
import math
from collections import namedtuple

# Row-major.
Tensor = namedtuple("Tensor", "shape data type")


def size(shape):
    return math.prod(shape)


def places(shape):
    return itertools.product(*(range(n) for n in shape))


def flat(shape, place):
    index = 0
    for n, i in zip(shape, place):
        index = index * n + i
    return index


def at(tensor, place):
    return tensor.data[flat(tensor.shape, place)]


def make(shape, function, data_type="float32"):
    shape = list(shape)
    return Tensor(shape, [function(place) for place in places(shape)], data_type)


def random_tensor(rng, shape, data_type="float32", low=-16, high=16):
    """Multiples of a quarter, so that sums and products of a few are exact."""
    scale = 4 if data_type.startswith("float") else 1
    return make(shape, lambda _: rng.randint(low, high) / scale if scale > 1 else rng.randint(low, high), data_type)


def distinct_tensor(rng, shape):
    values = list(range(-size(shape), size(shape)))
    rng.shuffle(values)
    return Tensor(list(shape), [float(value) for value in values[:size(shape)]], "float32")


def random_shape(rng, low_rank, high_rank, low=1, high=4):
    return [rng.randint(low, high) for _ in range(rng.randint(low_rank, high_rank))]


# How tensors get into a case, and what comes back: (tensors, arguments, options, outputs, tolerance).
EXACT, CLOSE = ("ULP", 0), ("ATOL", 1e-4)


def replaced(place, axis, value):
    return place[:axis] + (value,) + place[axis + 1:]


def pad(rng):
    mode = rng.choice(["constant", "edge", "reflection", "symmetric"])
    x = distinct_tensor(rng, random_shape(rng, 1, 4, 2 if mode == "reflection" else 1))
    most = {"constant": lambda n: 3, "edge": lambda n: 3, "reflection": lambda n: n - 1, "symmetric": lambda n: n}[mode]
    begin, end = ([rng.randint(0, most(n)) for n in x.shape] for _ in range(2))
    options = {"mode": mode}
    if mode == "constant":
        options["value"] = rng.choice([0, -7, 2.5])

    def source(i, n):
        if 0 <= i < n or mode == "constant":
            return i
        if mode == "edge":
            return min(max(i, 0), n - 1)
        if mode == "reflection":
            return -i if i < 0 else 2 * n - 2 - i
        return -1 - i if i < 0 else 2 * n - 1 - i

    def value(place):
        place = tuple(source(i - b, n) for i, b, n in zip(place, begin, x.shape))
        inside = all(0 <= i < n for i, n in zip(place, x.shape))
        return at(x, place) if inside else options["value"]

    y = make([b + n + e for b, n, e in zip(begin, x.shape, end)], value)
    return {"x": x}, ["x", begin, end], options, [y], EXACT


def slice_(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4, 1, 6))
    starts = [rng.randint(0, n - 1) for n in x.shape]
    sizes = [rng.randint(1, n - s) for n, s in zip(x.shape, starts)]
    strides = [rng.randint(1, 4) for _ in x.shape]
    y = make([-(-n // s) for n, s in zip(sizes, strides)],
             lambda place: at(x, tuple(b + i * s for b, i, s in zip(starts, place, strides))))
    return {"x": x}, ["x", starts, sizes], {"strides": strides}, [y], EXACT


def reverse(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4))
    axes = rng.sample(range(len(x.shape)), rng.randint(0, len(x.shape)))
    options = {} if rng.random() < 0.2 else {"axes": axes}
    axes = options.get("axes", range(len(x.shape)))
    y = make(x.shape, lambda place: at(x, tuple(n - 1 - i if a in axes else i for a, (i, n) in
                                                enumerate(zip(place, x.shape)))))
    return {"x": x}, ["x"], options, [y], EXACT


def tile(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4))
    times = [rng.randint(1, 3) for _ in x.shape]
    y = make([n * t for n, t in zip(x.shape, times)],
             lambda place: at(x, tuple(i % n for i, n in zip(place, x.shape))))
    return {"x": x}, ["x", times], {}, [y], EXACT


def triangular(rng):
    x = distinct_tensor(rng, random_shape(rng, 2, 4, 1, 5))
    upper, diagonal = rng.random() < 0.5, rng.randint(-6, 6)
    y = make(x.shape, lambda p: at(x, p) if (p[-1] - p[-2] >= diagonal if upper else p[-1] - p[-2] <= diagonal) else 0)
    return {"x": x}, ["x"], {"upper": upper, "diagonal": diagonal}, [y], EXACT


def transpose(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 5))
    order = rng.sample(range(len(x.shape)), len(x.shape))
    y = make([x.shape[a] for a in order], lambda p: at(x, tuple(p[order.index(a)] for a in range(len(order)))))
    return {"x": x}, ["x"], {"permutation": order}, [y], EXACT


def index(rng, n):
    """Of a dimension: also from its end."""
    return rng.randint(-n, n - 1)


def gather(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 3))
    axis = rng.randrange(len(x.shape))
    indices = make(random_shape(rng, 0, 2), lambda _: index(rng, x.shape[axis]), "int32")
    rank = len(indices.shape)
    y = make(x.shape[:axis] + indices.shape + x.shape[axis + 1:],
             lambda p: at(x, p[:axis] + (at(indices, p[axis:axis + rank]) % x.shape[axis],) + p[axis + rank:]))
    return {"x": x, "i": indices}, ["x", "i"], {"axis": axis}, [y], EXACT


def gather_elements(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4))
    axis = rng.randrange(len(x.shape))
    shape = x.shape[:axis] + [rng.randint(1, 5)] + x.shape[axis + 1:]
    indices = make(shape, lambda _: index(rng, x.shape[axis]), "int64")
    y = make(shape, lambda p: at(x, replaced(p, axis, at(indices, p) % x.shape[axis])))
    return {"x": x, "i": indices}, ["x", "i"], {"axis": axis}, [y], EXACT


def gather_nd(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4))
    depth = rng.randint(1, len(x.shape))
    indices = make(random_shape(rng, 0, 2) + [depth], lambda p: index(rng, x.shape[p[-1]]), "int32")
    rank = len(indices.shape) - 1
    y = make(indices.shape[:-1] + x.shape[depth:],
             lambda p: at(x, tuple(at(indices, p[:rank] + (d,)) % x.shape[d] for d in range(depth)) + p[rank:]))
    return {"x": x, "i": indices}, ["x", "i"], {}, [y], EXACT


def scatter_elements(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4, 1, 5))
    axis = rng.randrange(len(x.shape))
    n = x.shape[axis]
    count = rng.randint(1, n)
    lines = {}

    def one_of_line(place):  # no element is written twice
        line = lines.setdefault(replaced(place, axis, 0), rng.sample(range(n), count))
        return line[place[axis]] - rng.choice([0, n])

    indices = make(x.shape[:axis] + [count] + x.shape[axis + 1:], one_of_line, "int32")
    updates = random_tensor(rng, indices.shape)
    y = list(x.data)
    for place in places(indices.shape):
        y[flat(x.shape, replaced(place, axis, at(indices, place) % n))] = at(updates, place)
    return {"x": x, "i": indices, "u": updates}, ["x", "i", "u"], {"axis": axis}, [Tensor(x.shape, y, "float32")], EXACT


def scatter_nd(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4))
    depth = rng.randint(1, len(x.shape))
    targets = list(places(x.shape[:depth]))
    chosen = rng.sample(targets, rng.randint(1, min(4, len(targets))))
    indices = make([len(chosen), depth], lambda p: chosen[p[0]][p[1]] - rng.choice([0, x.shape[p[1]]]), "int32")
    updates = random_tensor(rng, [len(chosen)] + x.shape[depth:])
    y = list(x.data)
    for place in places(updates.shape):
        y[flat(x.shape, chosen[place[0]] + place[1:])] = at(updates, place)
    return {"x": x, "i": indices, "u": updates}, ["x", "i", "u"], {}, [Tensor(x.shape, y, "float32")], EXACT


def cumulative_sum(rng):
    x = random_tensor(rng, random_shape(rng, 1, 4), rng.choice(["float32", "int32", "int64"]))
    axis, exclusive, backwards = rng.randrange(len(x.shape)), rng.random() < 0.5, rng.random() < 0.5

    def value(place):
        i, n = place[axis], x.shape[axis]
        used = range(i + exclusive, n) if backwards else range(0, i + 1 - exclusive)
        return sum(at(x, replaced(place, axis, j)) for j in used)

    return {"x": x}, ["x", axis], {"exclusive": exclusive, "reversed": backwards}, [make(x.shape, value, x.type)], EXACT


def arg_min_max(rng):
    x = distinct_tensor(rng, random_shape(rng, 1, 4))
    axis, keep, data_type = rng.randrange(len(x.shape)), rng.random() < 0.5, rng.choice(["int32", "int64"])
    best = rng.choice([min, max])
    y = make(replaced(tuple(x.shape), axis, 1),
             lambda p: best(range(x.shape[axis]), key=lambda i: at(x, replaced(p, axis, i))), data_type)
    if not keep:
        y = y._replace(shape=x.shape[:axis] + x.shape[axis + 1:])
    options = {"keepDimensions": keep, "outputDataType": data_type}
    return "argMin" if best is min else "argMax", {"x": x}, ["x", axis], options, [y], EXACT


REDUCTIONS = {"reduceL1": lambda v: sum(map(abs, v)), "reduceL2": lambda v: math.sqrt(sum(x * x for x in v)),
              "reduceLogSum": lambda v: math.log(sum(v)), "reduceLogSumExp": lambda v: math.log(sum(map(math.exp, v))),
              "reduceMax": max, "reduceMin": min, "reduceMean": lambda v: sum(v) / len(v), "reduceProduct": math.prod,
              "reduceSum": sum, "reduceSumSquare": lambda v: sum(x * x for x in v)}


def reduction(rng):
    name = rng.choice(list(REDUCTIONS))
    x = random_tensor(rng, random_shape(rng, 0, 4, 1, 3), low=1 if name == "reduceLogSum" else -6, high=6)
    axes = rng.sample(range(len(x.shape)), rng.randint(0, len(x.shape)))
    options = {"keepDimensions": rng.random() < 0.5}
    if rng.random() < 0.8:
        options["axes"] = axes
    else:
        axes = range(len(x.shape))
    groups = {}
    for place in places(x.shape):
        groups.setdefault(tuple(0 if a in axes else i for a, i in enumerate(place)), []).append(at(x, place))
    kept = options["keepDimensions"]
    shape = [1 if a in axes else n for a, n in enumerate(x.shape) if kept or a not in axes]
    y = Tensor(shape, [REDUCTIONS[name](values) for _, values in sorted(groups.items())], "float32")
    return name, {"x": x}, ["x"], options, [y], CLOSE


def resample2d(rng):
    x = random_tensor(rng, random_shape(rng, 4, 4))
    axes = rng.sample(range(4), 2)
    options = {"mode": rng.choice(["nearest-neighbor", "linear"]), "axes": axes}
    sizes = [rng.randint(1, 9) for _ in axes]
    if rng.random() < 0.5:
        options["sizes"] = sizes
    else:
        options["scales"] = [rng.choice([0.5, 1, 1.5, 2, 3.25]) for _ in axes]
        sizes = [max(1, math.floor(x.shape[a] * s)) for a, s in zip(axes, options["scales"])]
        if any(math.floor(x.shape[a] * s) < 1 for a, s in zip(axes, options["scales"])):
            return resample2d(rng)

    def sample(place, left):
        if not left:
            return at(x, place)
        axis, out = left[0]
        n = x.shape[axis]
        c = min(max((place[axis] + 0.5) * n / out - 0.5, 0), n - 1)
        if options["mode"] == "nearest-neighbor":
            return sample(replaced(place, axis, math.ceil(c - 0.5)), left[1:])
        low, high = math.floor(c), math.ceil(c)
        t = c - low
        return sample(replaced(place, axis, low), left[1:]) * (1 - t) + sample(replaced(place, axis, high), left[1:]) * t

    shape = [dict(zip(axes, sizes)).get(a, n) for a, n in enumerate(x.shape)]
    return {"x": x}, ["x"], options, [make(shape, lambda p: sample(p, list(zip(axes, sizes))))], CLOSE


def moved(tensor, old, new):
    """The tensor with its dimensions, called by letters, in another order."""
    return make([tensor.shape[old.index(letter)] for letter in new],
                lambda p: at(tensor, tuple(p[new.index(letter)] for letter in old)), tensor.type)


def window(rng):
    """Of one dimension: (size, filter, begin, end, stride, dilation)."""
    while True:
        n, k, dilation = rng.randint(1, 6), rng.randint(1, 3), rng.randint(1, 2)
        begin, end = rng.randint(0, 2), rng.randint(0, 2)
        if n + begin + end >= (k - 1) * dilation + 1:
            return n, k, begin, end, rng.randint(1, 3), dilation


def pool(rng):
    name = rng.choice(["averagePool2d", "l2Pool2d", "maxPool2d"])
    while True:
        dims = [window(rng), window(rng)]
        rounding = rng.choice(["floor", "ceil"])
        spans = [n + b + e - (k - 1) * d - 1 for n, k, b, e, s, d in dims]
        outs = [spans[i] // dims[i][4] + 1 if rounding == "floor" else -(-spans[i] // dims[i][4]) + 1 for i in (0, 1)]
        steps = [[[j for j in (o * s - b + t * d for t in range(k)) if 0 <= j < n] for o in range(out)]
                 for out, (n, k, b, e, s, d) in zip(outs, dims)]
        if all(all(line) for line in steps):  # each window holds an element
            break
    x = random_tensor(rng, [rng.randint(1, 2), rng.randint(1, 2), dims[0][0], dims[1][0]])

    def value(place):
        n, c, h, w = place
        values = [at(x, (n, c, i, j)) for i in steps[0][h] for j in steps[1][w]]
        if name == "maxPool2d":
            return max(values)
        return sum(values) / len(values) if name == "averagePool2d" else math.sqrt(sum(v * v for v in values))

    y = make(x.shape[:2] + outs, value)
    layout = rng.choice(["nchw", "nhwc"])
    options = {"windowDimensions": [d[1] for d in dims], "padding": [d[i] for d in dims for i in (2, 3)],
               "strides": [d[4] for d in dims], "dilations": [d[5] for d in dims], "layout": layout}
    options[rng.choice(["roundingType", "outputShapeRounding"])] = rounding
    if rng.random() < 0.3:
        options["outputSizes"] = outs
    return name, {"x": moved(x, "nchw", layout)}, ["x"], options, [moved(y, "nchw", layout)], CLOSE


def conv2d(rng):
    dims = [window(rng), window(rng)]
    groups, inner, outer = rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 2)
    x = random_tensor(rng, [rng.randint(1, 2), groups * inner, dims[0][0], dims[1][0]])
    w = random_tensor(rng, [groups * outer, inner, dims[0][1], dims[1][1]])
    bias = random_tensor(rng, [groups * outer])

    def value(place):
        n, o, h, v = place
        total = at(bias, (o,))
        for c, i, j in places([inner, dims[0][1], dims[1][1]]):
            y, z = (p * d[4] - d[2] + t * d[5] for p, t, d in zip((h, v), (i, j), dims))
            if 0 <= y < dims[0][0] and 0 <= z < dims[1][0]:
                total += at(x, (n, o // outer * inner + c, y, z)) * at(w, (o, c, i, j))
        return total

    outs = [(n + b + e - (k - 1) * d - 1) // s + 1 for n, k, b, e, s, d in dims]
    y = make([x.shape[0], groups * outer] + outs, value)
    layout, filters = rng.choice(["nchw", "nhwc"]), rng.choice(["oihw", "hwio", "ohwi", "ihwo"])
    options = {"padding": [d[i] for d in dims for i in (2, 3)], "strides": [d[4] for d in dims], "bias": "b",
               "dilations": [d[5] for d in dims], "groups": groups, "inputLayout": layout, "filterLayout": filters}
    tensors = {"x": moved(x, "nchw", layout), "w": moved(w, "oihw", filters), "b": bias}
    return tensors, ["x", "w"], options, [moved(y, "nchw", layout)], CLOSE


def conv_transpose2d(rng):
    while True:
        dims = [window(rng), window(rng)]
        more = [rng.randint(0, d[4] - 1) for d in dims]
        outs = [(n - 1) * s + (k - 1) * d + 1 - b - e + m for (n, k, b, e, s, d), m in zip(dims, more)]
        if min(outs) >= 1:
            break
    groups, inner, outer = rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 2)
    x = random_tensor(rng, [rng.randint(1, 2), groups * inner, dims[0][0], dims[1][0]])
    w = random_tensor(rng, [groups * inner, outer, dims[0][1], dims[1][1]])
    y = [0.0] * (x.shape[0] * groups * outer * outs[0] * outs[1])
    shape = [x.shape[0], groups * outer] + outs
    for (n, c, h, v), (o, i, j) in itertools.product(places(x.shape), places([outer, dims[0][1], dims[1][1]])):
        p, q = (a * d[4] - d[2] + t * d[5] for a, t, d in zip((h, v), (i, j), dims))
        if 0 <= p < outs[0] and 0 <= q < outs[1]:
            y[flat(shape, (n, c // inner * outer + o, p, q))] += at(x, (n, c, h, v)) * at(w, (c, o, i, j))
    layout, filters = rng.choice(["nchw", "nhwc"]), rng.choice(["iohw", "hwoi", "ohwi"])
    options = {"padding": [d[i] for d in dims for i in (2, 3)], "strides": [d[4] for d in dims],
               "dilations": [d[5] for d in dims], "groups": groups, "inputLayout": layout, "filterLayout": filters}
    options.update({"outputSizes": outs} if rng.random() < 0.5 else {"outputPadding": more})
    tensors = {"x": moved(x, "nchw", layout), "w": moved(w, "iohw", filters)}
    return tensors, ["x", "w"], options, [moved(Tensor(shape, y, "float32"), "nchw", layout)], CLOSE
