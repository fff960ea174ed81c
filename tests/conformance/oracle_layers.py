"""As oracle.py: layers with weights and states, normalisation, quantisation."""
import math

from oracle import CLOSE, EXACT, Tensor, at, make, moved, places, random_shape, random_tensor, replaced

ACTIVATIONS = {"relu": lambda x: max(x, 0.0), "sigmoid": lambda x: 1 / (1 + math.exp(-x)), "tanh": math.tanh}


class Weights:
    """The operands of one direction, cut into gates."""

    def __init__(self, tensors, direction, hidden, gates):
        self.tensors, self.direction, self.hidden, self.gates = tensors, direction, hidden, gates

    def row(self, name, place):
        tensor = self.tensors.get(name)
        return 0.0 if tensor is None else at(tensor, (self.direction,) + place)

    def product(self, name, gate, unit, vector):
        line = self.gates.index(gate) * self.hidden + unit
        return sum(self.row(name, (line, i)) * value for i, value in enumerate(vector))

    def bias(self, name, gate, unit):
        return self.row(name, (self.gates.index(gate) * self.hidden + unit,))

    def gate(self, gate, unit, x, h):
        return self.product("w", gate, unit, x) + self.product("r", gate, unit, h) + \
            self.bias("b", gate, unit) + self.bias("rb", gate, unit)


def gru_step(weights, x, h, options, activations):
    f, g = activations
    units = range(weights.hidden)
    z = [f(weights.gate("z", u, x, h)) for u in units]
    r = [f(weights.gate("r", u, x, h)) for u in units]
    scaled = [a * b for a, b in zip(r, h)]

    def new(u):
        if options["resetAfter"]:
            return weights.product("w", "n", u, x) + weights.bias("b", "n", u) + \
                r[u] * (weights.product("r", "n", u, h) + weights.bias("rb", "n", u))
        return weights.gate("n", u, x, scaled)

    return [z[u] * h[u] + (1 - z[u]) * g(new(u)) for u in units]


def lstm_step(weights, x, h, c, activations):
    f, g, last = activations
    units = range(weights.hidden)

    def peephole(gate, u):
        return weights.row("p", ("iof".index(gate) * weights.hidden + u,)) * c[u]

    i, o, forget = ([f(weights.gate(gate, u, x, h) + peephole(gate, u)) for u in units] for gate in "iof")
    cell = [forget[u] * c[u] + i[u] * g(weights.gate("g", u, x, h)) for u in units]
    return [o[u] * last(cell[u]) for u in units], cell


def recurrent(rng):
    lstm, single = rng.random() < 0.5, rng.random() < 0.3
    batch, inputs, hidden = (rng.randint(1, 3) for _ in range(3))
    steps = 1 if single else rng.randint(1, 3)
    direction = "forward" if single else rng.choice(["forward", "backward", "both"])
    count = 2 if direction == "both" else 1
    layout = rng.choice(["iofg", "ifgo"] if lstm else ["zrn", "rzn"])
    gates = len(layout)
    small = {"low": -4, "high": 4}
    t = {"x": random_tensor(rng, [steps, batch, inputs], **small),
         "w": random_tensor(rng, [count, gates * hidden, inputs], **small),
         "r": random_tensor(rng, [count, gates * hidden, hidden], **small)}
    optional = {"b": ("bias", [count, gates * hidden]), "rb": ("recurrentBias", [count, gates * hidden]),
                "p": ("peepholeWeight", [count, 3 * hidden]), "h": ("initialHiddenState", [count, batch, hidden]),
                "c": ("initialCellState", [count, batch, hidden])}
    state = [count, batch, hidden]
    options = {"layout": layout}
    for name, (option, shape) in optional.items():
        needed = single and (name == "h" or name == "c" and lstm)
        if needed or (lstm or name not in "pc") and rng.random() < 0.6:
            t[name] = random_tensor(rng, shape, **small)
            if not needed:
                options[option] = name
    chosen = ["sigmoid", "tanh", "tanh"][:3 if lstm else 2]
    if rng.random() < 0.6:
        chosen = [rng.choice(["sigmoid", "tanh"])] + [rng.choice(list(ACTIVATIONS)) for _ in chosen[1:]]
        options["activations"] = chosen
    activations = [ACTIVATIONS[name] for name in chosen]
    if not lstm:
        options["resetAfter"] = rng.random() < 0.5
    zero = make(state, lambda _: 0.0)
    last_h, last_c = {}, {}
    sequence = make([steps, count, batch, hidden], lambda _: 0.0)
    for d in range(count):
        weights = Weights(t, d, hidden, layout)
        for b in range(batch):
            h, c = ([at(t.get(name, zero), (d, b, u)) for u in range(hidden)] for name in "hc")
            backwards = direction == "backward" or d == 1
            for step in reversed(range(steps)) if backwards else range(steps):
                x = [at(t["x"], (step, b, i)) for i in range(inputs)]
                if lstm:
                    h, c = lstm_step(weights, x, h, c, activations)
                else:
                    h = gru_step(weights, x, h, options, activations)
                for u in range(hidden):
                    sequence.data[((step * count + d) * batch + b) * hidden + u] = h[u]
            last_h[d, b], last_c[d, b] = h, c
    outputs = [make(state, lambda p: last_h[p[:2]][p[2]])]
    if lstm:
        outputs.append(make(state, lambda p: last_c[p[:2]][p[2]]))
    if single:  # a cell: without steps and directions
        squeezed = {name: Tensor(tensor.shape[1:], tensor.data, tensor.type) for name, tensor in t.items()}
        outputs = [Tensor(tensor.shape[1:], tensor.data, tensor.type) for tensor in outputs]
        arguments = ["x", "w", "r", "h"] + ["c"] * lstm + [hidden]
        return "lstmCell" if lstm else "gruCell", squeezed, arguments, options, outputs, CLOSE
    options["direction"] = direction
    if rng.random() < 0.5:
        options["returnSequence"] = True
        outputs.append(sequence)
    return "lstm" if lstm else "gru", t, ["x", "w", "r", steps, hidden], options, outputs, CLOSE


def normalized(x, groups, epsilon):
    """(x - mean) / sqrt(variance + epsilon) over the elements for which `groups` says the same."""
    members = {}
    for place in places(x.shape):
        members.setdefault(groups(place), []).append(at(x, place))

    def value(place):
        values = members[groups(place)]
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        return (at(x, place) - mean) / math.sqrt(variance + epsilon)

    return value


def with_affine(rng, tensors, options, shape, place_of):
    """Adds scale and bias, each or not; returns what they do to a value at a place."""
    for name in ["scale", "bias"]:
        if rng.random() < 0.6:
            tensors[name] = random_tensor(rng, shape)
            options[name] = name

    def apply(value, place):
        place = place_of(place)
        if "scale" in tensors:
            value *= at(tensors["scale"], place)
        return value + at(tensors["bias"], place) if "bias" in tensors else value

    return apply


def normalization(rng):
    options = {"epsilon": rng.choice([1e-5, 1e-3, 0.5])}
    kind = rng.choice(["batchNormalization", "instanceNormalization", "layerNormalization"])
    if kind == "instanceNormalization":
        x = random_tensor(rng, random_shape(rng, 4, 4))
        tensors, layout = {}, rng.choice(["nchw", "nhwc"])
        apply = with_affine(rng, tensors, options, [x.shape[1]], lambda p: (p[1],))
        value = normalized(x, lambda p: p[:2], options["epsilon"])
        y = make(x.shape, lambda p: apply(value(p), p))
        options["layout"] = layout
        return kind, {"x": moved(x, "nchw", layout), **tensors}, ["x"], options, [moved(y, "nchw", layout)], CLOSE
    x = random_tensor(rng, random_shape(rng, 1, 4))
    tensors = {"x": x}
    if kind == "layerNormalization":
        axes = rng.sample(range(len(x.shape)), rng.randint(0, len(x.shape)))
        if rng.random() < 0.7:
            options["axes"] = axes
        else:
            axes = list(range(1, len(x.shape)))
        apply = with_affine(rng, tensors, options, [x.shape[a] for a in axes], lambda p: tuple(p[a] for a in axes))
        value = normalized(x, lambda p: tuple(i for a, i in enumerate(p) if a not in axes), options["epsilon"])
        return kind, tensors, ["x"], options, [make(x.shape, lambda p: apply(value(p), p))], CLOSE
    axis = rng.randrange(len(x.shape))
    options["axis"] = axis
    tensors["mean"] = random_tensor(rng, [x.shape[axis]])
    tensors["variance"] = random_tensor(rng, [x.shape[axis]], low=1)
    apply = with_affine(rng, tensors, options, [x.shape[axis]], lambda p: (p[axis],))
    y = make(x.shape, lambda p: apply((at(x, p) - at(tensors["mean"], (p[axis],))) / math.sqrt(
        at(tensors["variance"], (p[axis],)) + options["epsilon"]), p))
    return kind, tensors, ["x", "mean", "variance"], options, [y], CLOSE


RANGES = {"int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255), "int32": (-2**31, 2**31 - 1)}


def quantization(rng):
    """Scales are powers of two, so that no quotient is near a tie by rounding."""
    blocks = random_shape(rng, 0, 3, 1, 3)
    sizes = [rng.randint(1, 3) for _ in blocks]
    shape = [b * s for b, s in zip(blocks, sizes)]
    data_type = rng.choice(list(RANGES))
    low, high = RANGES[data_type]
    some = (max(low, -200), min(high, 200))
    scale = make(blocks, lambda _: 2.0 ** rng.randint(-3, 2))
    zero = make(blocks, lambda _: rng.randint(*some), data_type)

    def block(place):
        return tuple(i // s for i, s in zip(place, sizes))

    if rng.random() < 0.5:
        x = make(shape, lambda _: rng.randint(*some), data_type)
        y = make(shape, lambda p: float((at(x, p) - at(zero, block(p))) * at(scale, block(p))))
        return "dequantizeLinear", {"x": x, "s": scale, "z": zero}, ["x", "s", "z"], {}, [y], EXACT
    x = random_tensor(rng, shape, low=-200, high=200)
    y = make(shape, lambda p: min(max(round(at(x, p) / at(scale, block(p))) + at(zero, block(p)), low), high), data_type)
    return "quantizeLinear", {"x": x, "s": scale, "z": zero}, ["x", "s", "z"], {}, [y], EXACT


def gemm(rng):
    m, k, n = (rng.randint(1, 4) for _ in range(3))
    a, b = random_tensor(rng, [m, k]), random_tensor(rng, [k, n])
    alpha, beta = rng.choice([1, 0.5, -2]), rng.choice([1, 0, 3.5])
    options = {"alpha": alpha, "beta": beta, "aTranspose": rng.random() < 0.5, "bTranspose": rng.random() < 0.5}
    tensors = {"a": moved(a, "mk", "km" if options["aTranspose"] else "mk"),
               "b": moved(b, "kn", "nk" if options["bTranspose"] else "kn")}
    c = random_tensor(rng, rng.choice([[], [1], [n], [1, n], [m, 1], [m, n], [1, 1]]))
    if rng.random() < 0.7:
        tensors["c"], options["c"] = c, "c"

    def value(place):
        total = alpha * sum(at(a, (place[0], i)) * at(b, (i, place[1])) for i in range(k))
        if "c" in tensors:
            rank = len(c.shape)
            total += beta * at(c, tuple(0 if s == 1 else i for i, s in zip(place[2 - rank:], c.shape)))
        return total

    return "gemm", tensors, ["a", "b"], options, [make([m, n], value)], CLOSE


def softmax(rng):
    x = random_tensor(rng, random_shape(rng, 1, 5))
    axis = rng.randrange(len(x.shape))

    def value(place):
        return math.exp(at(x, place)) / sum(math.exp(at(x, replaced(place, axis, i))) for i in range(x.shape[axis]))

    return "softmax", {"x": x}, ["x", axis], {}, [make(x.shape, value)], CLOSE
