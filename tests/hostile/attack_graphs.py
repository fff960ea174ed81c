"""Graphs that are wrong, absurd, or valid with absurd numbers."""
import math

import grpc

from random_messages import FLOATS, NUMBERS
from target import DEFECTS, relu_graph

MIB = 1 << 20
ONE = b"\0\0\x80\x3f"  # 1.0, float32
# operation: number of operands; attributes with their kinds.
TABLE = """
add 2;sub 2;mul 2;div 2;max 2;min 2;pow 2;equal 2;greater 2;lesserOrEqual 2;logicalAnd 2;logicalXor 2;logicalNot 1
isNaN 1;where 3;abs 1;ceil 1;erf 1;exp 1;log 1;neg 1;reciprocal 1;roundEven 1;sign 1;sqrt 1;tan 1;identity 1
cast 1 dataType:type;clamp 1 minValue:float maxValue:float;elu 1 alpha:float;gelu 1;hardSwish 1
hardSigmoid 1 alpha:float beta:float;leakyRelu 1 alpha:float;linear 1 alpha:float beta:float;prelu 2;relu 1;sigmoid 1
softmax 1 axis:int;softplus 1;softsign 1;tanh 1;matmul 2
gemm 2 c:operand alpha:float beta:float aTranspose:bool bTranspose:bool
conv2d 2 bias:operand padding:ints strides:ints dilations:ints groups:int inputLayout:layout filterLayout:layout
convTranspose2d 2 bias:operand padding:ints strides:ints dilations:ints outputPadding:ints outputSizes:ints groups:int
averagePool2d 1 windowDimensions:ints padding:ints strides:ints dilations:ints layout:layout outputSizes:ints
l2Pool2d 1 windowDimensions:ints padding:ints strides:ints dilations:ints
maxPool2d 1 windowDimensions:ints padding:ints strides:ints dilations:ints outputShapeRounding:layout
batchNormalization 3 scale:operand bias:operand axis:int epsilon:float
instanceNormalization 1 scale:operand epsilon:float
layerNormalization 1 scale:operand axes:ints epsilon:float;reduceL1 1 axes:ints;reduceL2 1 axes:ints
reduceLogSumExp 1 axes:ints keepDimensions:bool;reduceMax 1 axes:ints;reduceMean 1 axes:ints;reduceProduct 1 axes:ints
reshape 1 newShape:ints;expand 1 newShape:ints;transpose 1 permutation:ints;concat 2 axis:int;gather 2 axis:int
pad 1 beginningPadding:ints endingPadding:ints mode:layout value:float;slice 1 starts:ints sizes:ints strides:ints
split 1 splits:ints axis:int;argMax 1 axis:int;cumulativeSum 1 axis:int exclusive:bool reversed:bool
triangular 1 diagonal:int
gatherElements 2 axis:int;gatherND 2;scatterElements 3 axis:int;scatterND 3;tile 1 repetitions:ints;reverse 1 axes:ints
resample2d 1 mode:layout scales:floats sizes:ints axes:ints;quantizeLinear 3;dequantizeLinear 3
gru 3 bias:operand steps:int hiddenSize:int;lstm 3 steps:int hiddenSize:int;nonsense 1
"""
LAYOUTS = ["nchw", "nhwc", "oihw", "hwio", "ohwi", "edge", "reflection", "constant", "floor", "ceil", "linear", "",
           "zzz"]
SHAPES = [[], [1], [4], [2, 3], [4, 4], [1, 2, 4, 4], [2, 1, 3, 3], [1, 1, 1, 1], [2, 2, 2, 2, 2]]


def operations():
    rows = [row.split() for line in TABLE.strip().splitlines() for row in line.split(";")]
    return [(row[0], int(row[1]), [a.split(":") for a in row[2:]]) for row in rows]


class GraphMaker:
    """Random graphs: each choice is sensible with the probability `sense`."""

    def __init__(self, target, sense):
        self.rng, self.pb, self.target, self.sense = target.rng, target.pb["graph"], target, sense
        self.table = operations()

    def sane(self):
        return self.rng.random() < self.sense

    def number(self):
        if self.sane():
            return self.rng.choice([0, 1, 1, 2, 3, 4])
        return self.rng.choice(NUMBERS) % 2**63 * self.rng.choice([1, -1])

    def value(self, kind, operands):
        rng, value = self.rng, self.pb.AttributeValue()
        if not self.sane():
            kind = rng.choice(["int", "float", "bool", "ints", "floats", "layout", "type", "operand", "operands",
                               "none"])
        count = rng.choice([0, 1, 2, 2, 4, 4]) if self.sane() else rng.choice([3, 5, 9, 4097])
        if kind == "int":
            value.int_value = self.number()
        elif kind == "float":
            value.float_value = rng.choice(FLOATS)
        elif kind == "bool":
            value.bool_value = rng.random() < 0.5
        elif kind == "ints":
            value.ints.values.extend(self.number() for _ in range(count))
        elif kind == "floats":
            value.floats.values.extend(rng.choice(FLOATS) for _ in range(count))
        elif kind == "layout":
            value.string_value = rng.choice(LAYOUTS)
        elif kind == "type":
            value.data_type = rng.randint(1, 8) if self.sane() else rng.choice([0, 9, -1, 2**31 - 1])
        elif kind == "operand":
            value.operand = self.index(operands)
        elif kind == "operands":
            value.operands.values.extend(self.index(operands) for _ in range(count))
        return value

    def index(self, operands):
        return self.rng.randrange(max(1, operands)) if self.sane() else self.rng.choice(NUMBERS) % 2**32

    def descriptor(self):
        shape = list(self.rng.choice(SHAPES))
        if not self.sane():
            shape = [self.rng.choice(NUMBERS) % 2**32 for _ in range(self.rng.choice([1, 2, 8, 9, 300]))]
        described = self.target.tensor(shape)
        types = [1, 1, 1, self.rng.randint(1, 8)] if self.sane() else [0, 9, 77]
        described.data_type = self.rng.choice(types)
        return described

    def graph(self):
        rng, graph = self.rng, self.pb.Graph()
        shared = self.descriptor()  # most operands alike, so that binary operations fit
        for i in range(rng.randint(1, 4)):
            operand = graph.operands.add(tensor_descriptor=shared if self.sane() else self.descriptor())
            operand.input.name = f"x{i}" if self.sane() else rng.choice(["x0", "", "n" * 2000])
            graph.inputs.append(i if self.sane() else self.index(9))
        for _ in range(rng.randint(1, 6)):
            name, arity, attributes = rng.choice(self.table)
            label = "op" if self.sane() else rng.choice(["", "l", "l" * 1500])
            operation = graph.operations.add(type=name, label=label)
            count = arity if self.sane() else rng.choice([0, 1, 5, 5000])
            operation.inputs.extend(self.index(len(graph.operands)) for _ in range(count))
            for key, kind in attributes:
                if rng.random() < 0.6:
                    operation.attributes[key].CopyFrom(self.value(kind, len(graph.operands)))
            if not self.sane():
                operation.attributes["unheardOf"].CopyFrom(self.value("int", 3))
            for _ in range(2 if name == "split" else 1):
                operation.outputs.append(len(graph.operands) if self.sane() else self.index(len(graph.operands)))
                graph.operands.add().intermediate.SetInParent()
        for i in range(len(graph.operands)):
            # Every result is an output: nothing is dropped before it runs.
            if graph.operands[i].HasField("intermediate") or not self.sane():
                graph.outputs.add(name=f"y{i}" if self.sane() else "y", operand=i if self.sane() else self.index(99))
        return graph


ELEMENT_BITS = {1: 32, 2: 16, 3: 32, 4: 32, 5: 64, 6: 64, 7: 8, 8: 8, 9: 4, 10: 4}


def hostile_bytes(rng, binding):
    """Zeros, ones (NaN, -1), the least integer, or noise; as many bytes as the tensor has."""
    bits = ELEMENT_BITS[binding.tensor_descriptor.data_type]
    total = (math.prod(binding.tensor_descriptor.shape) * bits + 7) // 8
    size = max(1, bits // 8)
    if rng.random() < 0.7:
        element = rng.choice([bytes(size), b"\xff" * size, bytes(size - 1) + b"\x80", rng.randbytes(size)])
        return element * (total // size)
    return rng.randbytes(total)


def attack_random_graphs(target):
    """Whatever is built also runs, on whatever bytes; the rest is refused with a reason."""
    rng, inference, ran = target.rng, target.pb["inference"], 0
    for round_number in range(4000):
        if round_number % 100 == 0:
            if round_number:
                client.close()
            client = target.connect()
            contexts = [client.must("ContextService/CreateContext", target.pb["context"].CreateContextRequest(
                device=device)).context_id for device in ("", "reference")]
        maker = GraphMaker(target, rng.choice([0.7, 0.97, 1.0, 1.0]))
        graph = maker.graph()
        answer, built = client.call("InferenceService/Build",
                                    inference.BuildRequest(context_id=rng.choice(contexts), graph=graph))
        assert answer.code not in DEFECTS, f"{answer.code} {answer.text}\n{graph}"
        if not answer.ok or not built.HasField("graph"):
            continue
        sizes = [math.prod(b.tensor_descriptor.shape) for b in [*built.graph.inputs, *built.graph.outputs]]
        if sum(sizes) > MIB:
            continue
        run = inference.RunRequest(graph_id=built.graph.graph_id,
                                   inputs={b.name: hostile_bytes(rng, b) for b in built.graph.inputs})
        answer, _ = client.call("InferenceService/Run", run)
        assert answer.ok, f"{answer.code} {answer.text}\n{graph}"
        ran += 1
        client.call("InferenceService/DestroyGraph", inference.DestroyGraphRequest(graph_id=built.graph.graph_id))
    print(f"  {ran} random graphs ran")
    assert ran > 20, "the random graphs are too wild: hardly any was built"


def chain(target, length, shape):
    graph = target.pb["graph"].Graph(inputs=[0])
    graph.operands.add(tensor_descriptor=target.tensor(shape)).input.name = "x"
    for i in range(length):
        graph.operations.add(type="exp", inputs=[i], outputs=[i + 1])
        graph.operands.add().intermediate.SetInParent()
    graph.outputs.add(name="y", operand=length)
    return graph


def attack_claims(target):
    """Few bytes that claim much: refused as INVALID_ARGUMENT, and nothing is allocated for them."""
    client, pb = target.connect(), target.pb
    context = client.context()
    big = [[2**31, 2**31], [2**32 - 1, 2**30], [2**16] * 4, [2**8] * 8, [2**32 - 1] * 8, [1] * 9, [0],
           [4, 0, 2**32 - 1]]
    before = target.resident()
    for _ in range(50):
        for shape in big:
            claims = [pb["context"].CreateTensorRequest(context_id=context, tensor_descriptor=target.tensor(shape))]
            for kind in ("input", "constant"):
                graph = chain(target, 1, shape)
                if kind == "constant":
                    graph.operands[0].constant.blob.CopyFrom(target.ref(b"", 2**62))
                claims.append(pb["inference"].BuildRequest(context_id=context, graph=graph))
            for claim in claims:
                assert len(claim.SerializeToString()) <= 170
                name = "ContextService/CreateTensor" if claim is claims[0] else "InferenceService/Build"
                answer, _ = client.call(name, claim)
                assert answer.code == grpc.StatusCode.INVALID_ARGUMENT, (shape, answer.code, answer.text)
    grown = target.resident() - before
    # 1200 calls; one honoured claim would be gigabytes.
    target.check_growth(grown, 128 * MIB, "claims of 2^62 elements made the daemon grow")
    client.close()


def growing(target, operation, sizes, of_constant):
    """A small operand that one operation makes as large as `sizes`; an input, or a constant of one element."""
    graph = chain(target, 3, [1] * len(sizes))
    attribute = {"expand": "newShape", "tile": "repetitions", "pad": "endingPadding"}[operation]
    graph.operations[0].type = operation
    graph.operations[0].attributes[attribute].ints.values.extend(sizes)
    if operation == "pad":
        graph.operations[0].attributes["beginningPadding"].ints.values.extend([0] * len(sizes))
    if of_constant:
        constant = graph.operands.add(tensor_descriptor=target.tensor([1] * len(sizes)))
        constant.constant.blob.CopyFrom(target.ref(ONE))
        graph.operations[0].inputs[:] = [len(graph.operands) - 1]
    return graph


def attack_growth(target):
    """Graphs that are small on the wire and large inside are refused, or built without the room they would take."""
    client, pb = target.connect(), target.pb
    context = client.context()
    answer, _ = client.upload(ONE)  # which the compiler may compute with beforehand
    assert answer.ok, answer.text
    before, codes = target.resident(), {}
    for sizes in ([2**31 - 1], [2**30, 2**20], [2**27], [2**26 - 1], [2**13, 2**12]):
        for operation in ("expand", "tile", "pad"):
            for of_constant in (False, True):
                graph = growing(target, operation, sizes, of_constant)
                answer, _ = client.call("InferenceService/Build",
                                        pb["inference"].BuildRequest(context_id=context, graph=graph))
                assert answer.code not in DEFECTS, (operation, sizes, answer.code, answer.text)
                codes[answer.code.name] = codes.get(answer.code.name, 0) + 1
    print(f"  answers to graphs that grow: {codes}")
    assert codes.get("OK", 0) > 0 and codes.get("INVALID_ARGUMENT", 0) > 0, codes
    grown = target.resident() - before
    # One of the tensors that these graphs describe: 256 MiB.
    target.check_growth(grown, 256 * MIB, "small graphs made the daemon grow")
    client.close()


def attack_structure(target):
    """Cycles, doubles, holes, and as many of everything as fits a message."""
    client, pb = target.connect(), target.pb
    context = client.context()
    bad = grpc.StatusCode.INVALID_ARGUMENT

    def build(change, base=None, want=bad):
        graph = chain(target, 4, [4]) if base is None else base
        change(graph)
        answer, _ = client.call("InferenceService/Build", pb["inference"].BuildRequest(context_id=context, graph=graph))
        assert answer.code not in DEFECTS and (want is None or answer.code == want), (answer.code, answer.text)

    build(lambda g: g.operations[0].inputs.__setitem__(0, 4))  # a cycle
    build(lambda g: g.operations[2].inputs.__setitem__(0, 3))  # reads what it writes
    build(lambda g: g.operations[1].outputs.__setitem__(0, 1))  # written twice
    build(lambda g: g.operations[1].outputs.__setitem__(0, 0))  # writes an input
    build(lambda g: g.operations[3].outputs.__setitem__(0, 2**32 - 1))
    build(lambda g: g.operations[3].outputs.extend([4, 4]))
    build(lambda g: g.inputs.append(0))
    build(lambda g: g.inputs.append(4))
    build(lambda g: g.inputs.__delitem__(0))
    build(lambda g: g.outputs.add(name="y", operand=1))
    build(lambda g: g.outputs.add(name="", operand=1))
    build(lambda g: g.outputs.__delitem__(0))
    build(lambda g: g.outputs.add(name="w", operand=5))
    build(lambda g: g.operations[0].attributes["alpha"].SetInParent())
    build(lambda g: [g.operations[0].attributes[f"a{i}"].SetInParent() for i in range(20_000)])
    build(lambda g: g.operations[0].inputs.extend([0] * 2_000_000))
    build(lambda g: [g.outputs.add(name=f"o{i}", operand=1) for i in range(100_000)])
    build(lambda g: [g.operands.add() for _ in range(1_000_000)])
    build(lambda g: None, chain(target, 100_001, [4]))
    build(lambda g: None, chain(target, 20_000, [4]), want=None)
    build(lambda g: setattr(g.operations[0], "type", "t" * 4_000_000))
    weights = bytes(2048)
    for size in (0, 1, 2047, 2049, 2**62):
        build(lambda g: setattr(g.operands[1].constant.blob, "size_bytes", size), relu_graph(target, weights))
    for digest in (b"", b"x", b"x" * 33, b"x" * 1_000_000):
        build(lambda g: setattr(g.operands[1].constant.blob, "sha256", digest), relu_graph(target, weights))
    client.close()


ATTACKS = [attack_claims, attack_structure, attack_growth, attack_random_graphs]
