"""The daemon under attack, a client that may send anything, and what is watched of both."""
import hashlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import grpc

FILES = ["graph", "error", "context", "inference", "model_cache", "cache_admin", "admin"]
# No wait is meant to be reached. Longer than it takes the daemon to give back freed memory by itself.
PATIENCE_S = 180
# Low enough for a shared machine; where the limits lie does not change what is tried. Random messages clear what is stored, so that
# it is stored anew more often than an honest app does.
FLAGS = ["--max-session-tensor-bytes", "256MiB", "--max-tensor-bytes", "256MiB", "--max-arena-bytes", "256MiB", "--stores-per-hour",
         "0"]
# Never the answer to a message that can be parsed: a defect (INTERNAL, UNKNOWN) or no answer at all.
DEFECTS = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED)


# Methods that tell more until their call ends, and how long we listen.
WATCHES = ("/modeld.v1.InferenceService/WatchUploads", "/modeld.v1.AdminService/WatchActivity")
WATCH_S = 0.1


class Method:
    """One method of the contract, as the .proto files describe it."""

    def __init__(self, service, method, streams):
        self.path = f"/{service.full_name}/{method.name}"
        self.request, self.response = method.input_type, method.output_type
        self.streams_in, self.streams_out = streams


class Answer:
    def __init__(self, code, data=None, text=""):
        self.code, self.data, self.text = code, data, text

    @property
    def ok(self):
        return self.code == grpc.StatusCode.OK


class Client:
    """One connection: one session. Sends bytes and records every text that comes back."""

    def __init__(self, target):
        self.target = target
        self.channel = grpc.insecure_channel(target.address, options=[
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1)])

    def raw(self, path, requests, streams=(False, False), metadata=None, timeout=PATIENCE_S):
        """The answer to bytes: one request, or a list of them for a method that streams in."""
        kind = ("stream" if streams[0] else "unary") + "_" + ("stream" if streams[1] else "unary")
        call = getattr(self.channel, kind)(path)
        try:
            reply = call(iter(requests) if streams[0] else requests, metadata=metadata, timeout=timeout)
            return Answer(grpc.StatusCode.OK, b"".join(reply) if streams[1] else reply)
        except grpc.RpcError as error:
            return self.target.record(error)

    def send(self, method, message, **options):
        data = message if isinstance(message, (bytes, list)) else message.SerializeToString()
        if method.streams_in and isinstance(data, bytes):
            data = [data]
        watches = method.path in WATCHES
        if watches:
            options.setdefault("timeout", WATCH_S)
        answer = self.raw(method.path, data, (method.streams_in, method.streams_out), **options)
        ended_by_us = watches and answer.code == grpc.StatusCode.DEADLINE_EXCEEDED
        return Answer(grpc.StatusCode.OK, b"") if ended_by_us else answer

    def call(self, name, message, **options):
        """(answer, parsed response or None) of e.g. "ContextService/CreateTensor"."""
        method = self.target.methods[f"/modeld.v1.{name}"]
        answer = self.send(method, message, **options)
        if not answer.ok:
            return answer, None
        return answer, self.target.message_class(method.response).FromString(answer.data)

    def must(self, name, message):
        answer, response = self.call(name, message)
        assert answer.ok, f"{name}: {answer.code}: {answer.text}"
        return response

    def context(self):
        return self.must("ContextService/CreateContext", self.target.pb["context"].CreateContextRequest()).context_id

    def upload(self, data, ref=None, chunk=1 << 20):
        inference = self.target.pb["inference"]
        ref = ref or self.target.ref(data)
        parts = [inference.UploadConstantRequest(blob=ref, offset_bytes=o, data=data[o:o + chunk]).SerializeToString()
                 for o in range(0, max(1, len(data)), chunk)]
        return self.call("InferenceService/UploadConstant", parts)

    def close(self):
        self.channel.close()


class Target:
    """One daemon in a scratch folder."""

    def __init__(self, modeld, proto_dir, seed):
        self.rng = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="hostile", dir="/tmp")  # socket paths must be short
        self.texts = []
        subprocess.run(["protoc", f"-I{proto_dir}", f"--python_out={self.folder}"] +
                       [f"{proto_dir}/modeld/v1/{n}.proto" for n in FILES], check=True)
        sys.path.insert(0, self.folder)
        self.pb = {n: __import__(f"modeld.v1.{n}_pb2", fromlist=["x"]) for n in FILES}
        self.methods = {m.path: m for m in self._list_methods()}
        self.process = subprocess.Popen([modeld, "--cache-dir", f"{self.folder}/cache", "--state-dir",
                                         f"{self.folder}/state", "--runtime-dir", f"{self.folder}/run", "--log",
                                         "off"] + FLAGS)
        self.socket, self.address = f"{self.folder}/run/modeld.sock", f"unix:{self.folder}/run/modeld.sock"
        self.wait_for(self._listens, "the daemon does not start")

    def _listens(self):
        with socket.socket(socket.AF_UNIX) as probe:  # the file is there before the daemon listens
            return probe.connect_ex(self.socket) == 0

    def _list_methods(self):
        from google.protobuf import descriptor_pb2
        for pb in self.pb.values():
            for service in pb.DESCRIPTOR.services_by_name.values():
                proto = descriptor_pb2.ServiceDescriptorProto()
                service.CopyToProto(proto)
                for method, described in zip(service.methods, proto.method):
                    yield Method(service, method, (described.client_streaming, described.server_streaming))

    def message_class(self, descriptor):
        name = descriptor.file.name.rsplit("/", 1)[1][:-len(".proto")]
        return getattr(self.pb[name], descriptor.name)

    def wait_for(self, condition, complaint):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.check_alive()
            assert time.monotonic() < deadline, complaint
            time.sleep(0.05)

    def check_alive(self):
        status = self.process.poll()
        assert status is None, f"the daemon ended with {status}"

    def record(self, error):
        """The answer that an error is; its texts are kept for the search for paths."""
        trailers = [(k, v if isinstance(v, bytes) else str(v).encode()) for k, v in (error.trailing_metadata() or ())]
        text = error.details() or ""
        # What grpcio itself says of a lost connection names the socket, which its own process knows.
        if error.code() != grpc.StatusCode.UNAVAILABLE:
            self.texts.append(text.encode("utf-8", "replace"))
        self.texts.extend(v for _, v in trailers)
        if error.code() in (grpc.StatusCode.UNAVAILABLE, *DEFECTS):
            self.check_alive()
        return Answer(error.code(), None, text)

    def connect(self):
        return Client(self)

    def ref(self, data, size=None):
        return self.pb["graph"].BlobRef(sha256=hashlib.sha256(data).digest(),
                                        size_bytes=len(data) if size is None else size)

    def tensor(self, shape, data_type="FLOAT32"):
        graph = self.pb["graph"]
        return graph.TensorDescriptor(data_type=graph.DataType.Value("DATA_TYPE_" + data_type), shape=shape)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def mappings(self):
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as file:
            return sum(1 for _ in file)

    def resident(self):
        """Bytes of memory of the daemon's own, shared memory included."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file)
        return sum(int(lines[k].split()[0]) * 1024 for k in ("RssAnon", "RssShmem"))

    def check_growth(self, grown, bound, complaint):
        """Asserts that the daemon grew by at most `bound` bytes. An address sanitizer keeps what is freed, on purpose: its daemon's
        size tells nothing, which is printed then."""
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as file:
            instrumented = "libasan" in file.read()
        if instrumented and grown > bound:
            print(f"{complaint}: not judged under the address sanitizer ({grown >> 20} MiB)")
            return
        assert grown <= bound, f"{complaint}: {grown} bytes"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, f"SIGTERM ended the daemon with {self.process.returncode}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)


def relu_graph(target, weights):
    """relu(x * W), x [2, 64], W [64, 8]."""
    g = target.pb["graph"]
    return g.Graph(
        operands=[
            g.Operand(tensor_descriptor=target.tensor([2, 64]), input=g.Operand.Input(name="x")),
            g.Operand(tensor_descriptor=target.tensor([64, 8]), constant=g.Operand.Constant(blob=target.ref(weights))),
            g.Operand(intermediate=g.Operand.Intermediate()),
            g.Operand(intermediate=g.Operand.Intermediate()),
        ],
        inputs=[0],
        operations=[g.Operation(type="matmul", label="product", inputs=[0, 1], outputs=[2]),
                    g.Operation(type="relu", inputs=[2], outputs=[3])],
        outputs=[g.Graph.Output(name="y", operand=3)])


class Honest:
    """A client that does everything right: builds, uploads, runs, stores; its answers must stay right."""

    def __init__(self, target):
        self.client, self.pb = target.connect(), target.pb
        self.w = [((i * 37) % 17 - 8) / 8 for i in range(64 * 8)]
        weights = struct.pack("<512f", *self.w)
        self.context = self.client.context()
        graph = relu_graph(target, weights)
        build = self.pb["inference"].BuildRequest(context_id=self.context, graph=graph)
        self.client.must("InferenceService/Build", build)
        answer, _ = self.client.upload(weights)
        assert answer.ok, answer.text
        self.build = build
        self.graph = self.client.must("InferenceService/Build", build).graph.graph_id

    def check(self):
        """Runs the graph and stores it: memory, files and threads are there for it."""
        x = [((i * 11) % 13 - 6) / 4 for i in range(2 * 64)]
        run = self.pb["inference"].RunRequest(graph_id=self.graph, inputs={"x": struct.pack("<128f", *x)})
        got = struct.unpack("<16f", self.client.must("InferenceService/Run", run).outputs["y"])
        want = [max(0.0, sum(x[i * 64 + k] * self.w[k * 8 + j] for k in range(64))) for i in range(2) for j in range(8)]
        assert all(abs(a - b) <= 1e-3 + 1e-4 * abs(b) for a, b in zip(got, want)), (got, want)
        self.client.must("ModelCacheService/Store", self.pb["model_cache"].StoreRequest(graph_id=self.graph))

    def close(self):
        self.client.close()
