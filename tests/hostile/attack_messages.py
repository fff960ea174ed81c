"""Bytes, messages and uploads that are wrong in every way, to every method."""
import os
import socket
import struct
import threading

import grpc

from random_messages import TEXTS, blob, fill, mutated, nested
from target import DEFECTS, PATIENCE_S

INTERNAL = grpc.StatusCode.INTERNAL
OTHERS = [("/grpc.health.v1.Health/Check", (False, False)),
          ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", (True, True)),
          ("/modeld.v1.ContextService/NoSuchMethod", (False, False)), ("/", (False, False)),
          ("/../../etc/passwd", (False, False))]


def known_handles(target, client):
    """Ids of things that exist, by the names of the fields that hold them."""
    honest = target.pb["inference"]
    context = client.context()
    tensors = [client.must("ContextService/CreateTensor", target.pb["context"].CreateTensorRequest(
        context_id=context, tensor_descriptor=target.tensor(shape))).tensor_id for shape in ([4], [2, 64], [2, 8])]
    g = target.pb["graph"]
    graph = g.Graph(operands=[g.Operand(tensor_descriptor=target.tensor([4]), input=g.Operand.Input(name="x")),
                              g.Operand(intermediate=g.Operand.Intermediate())],
                    inputs=[0], operations=[g.Operation(type="exp", inputs=[0], outputs=[1])],
                    outputs=[g.Graph.Output(name="y", operand=1)])
    built = client.must("InferenceService/Build", honest.BuildRequest(context_id=context, graph=graph))
    stored = client.must("ModelCacheService/Save",
                         target.pb["model_cache"].SaveRequest(graph_id=built.graph.graph_id, key="k"))
    return {"context_id": [context], "tensor_id": tensors, "receive_tensor_id": tensors, "key": ["k", "x", "y"],
            "graph_id": [built.graph.graph_id], "model_id": [stored.model_id], "model_ids": [stored.model_id],
            "size_bytes": [16, 64], "offset_bytes": [0, 1], "type": ["add", "exp"], "data": [b"\0" * 16],
            "num_threads": [1]}


def attack_random_bytes(target):
    rng, client = target.rng, target.connect()
    handles = known_handles(target, client)
    for method in target.methods.values():
        for i in range(40):
            valid = fill(rng, target.message_class(method.request)(), handles).SerializeToString()
            data = blob(rng) if i % 4 == 0 else mutated(rng, valid)
            answer = client.send(method, [data, mutated(rng, data)] if method.streams_in else data)
            # gRPC itself answers INTERNAL to bytes that are no message.
            assert answer.code == INTERNAL or answer.code not in DEFECTS, (method.path, answer.code, data)
        for field in (1, 2, 3, 4, 15):
            client.send(method, nested(field, 10_000))
        answer = client.send(method, b"\0" * ((64 << 20) + 1), timeout=PATIENCE_S)
        assert not answer.ok, f"{method.path}: a message past the limit was taken"
    for path, streams in OTHERS:
        for _ in range(20):
            data = [blob(rng) for _ in range(3)] if streams[0] else blob(rng)
            client.raw(path, data, streams)
    client.close()


def attack_random_messages(target):
    """Messages that can be parsed never meet a defect, whatever they say."""
    rng = target.rng
    for _ in range(6):
        client = target.connect()
        handles = known_handles(target, client)
        for method in target.methods.values():
            for _ in range(25):
                message = fill(rng, target.message_class(method.request)(), handles)
                answer = client.send(method, message)
                assert answer.code not in DEFECTS, f"{method.path}: {answer.code} {answer.text}\n{message}"
        client.close()


def attack_metadata(target):
    client = target.connect()
    request = target.pb["model_cache"].ListRequest()
    for text in ["", "app:x", "web:", "web:|", "web:https://a|https://a", "x" * 4000, "../..", "%n", "app:" + "a" * 1000]:
        answer, _ = client.call("ModelCacheService/List", request, metadata=[("modeld-partition", text)])
        assert answer.code == grpc.StatusCode.PERMISSION_DENIED, (text, answer.code)
    answer, _ = client.call("ModelCacheService/List", request, metadata=[("modeld-partition", "app:x")] * 50)
    assert answer.code == grpc.StatusCode.INVALID_ARGUMENT, answer.code
    client.call("ModelCacheService/List", request, metadata=[(f"k{i}", "v" * 2000) for i in range(500)])
    client.close()


def attack_keys(target):
    """Keys are data: none reaches the file system."""
    client = target.connect()
    handles = known_handles(target, client)
    pb = target.pb["model_cache"]
    keys = ["../../../../tmp/hostile-key", "/tmp/hostile-key", "a/b", ".", "..", "a\0b", "\n", "é" * 300] + TEXTS
    for key in keys:
        answer, _ = client.call("ModelCacheService/Save", pb.SaveRequest(graph_id=handles["graph_id"][0], key=key))
        assert answer.code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), (key, answer.code, answer.text)
        client.call("ModelCacheService/Load", pb.LoadRequest(context_id=handles["context_id"][0], key=key))
        client.call("ModelCacheService/Delete", pb.DeleteRequest(key=key))
    assert not os.path.exists("/tmp/hostile-key")
    client.close()


def attack_uploads(target):
    client, pb = target.connect(), target.pb["inference"]

    def upload(*parts):
        return client.call("InferenceService/UploadConstant", [p.SerializeToString() for p in parts])[0].code

    data = target.rng.randbytes(5000)
    ref, part = target.ref(data), pb.UploadConstantRequest
    bad = grpc.StatusCode.INVALID_ARGUMENT
    assert upload() == bad
    assert upload(part(data=data)) == bad
    for offset in (1, 4999, 5000, 2**32, 2**63, 2**64 - 1):
        assert upload(part(blob=ref, offset_bytes=offset, data=data)) == bad, offset
    for size in (0, 2**62, 2**64 - 1):
        assert upload(part(blob=target.ref(data, size), data=data)) == bad, size
    assert upload(part(blob=ref, data=data + b"x")) == bad
    assert upload(part(blob=ref, data=data[:100]), part(offset_bytes=50, data=data[50:])) == bad
    assert upload(part(blob=target.ref(data, 4999), data=data[:4999])) == grpc.StatusCode.DATA_LOSS
    assert upload(part(blob=target.ref(b"other", 5000), data=data)) == grpc.StatusCode.DATA_LOSS
    assert upload(part(blob=target.ref(data + b"y", 2 << 20), data=b"z" * ((1 << 20) + 1))) == bad
    # Chunks of nothing do not keep the daemon busy for ever, nor do they count as bytes.
    upload(*[part(blob=target.ref(b"empty", 10)) for _ in range(2000)])
    query = client.must("InferenceService/QueryUpload", pb.QueryUploadRequest(blob=target.ref(b"empty", 10)))
    assert query.committed_bytes == 0 and not query.complete
    # A constant that the disk cannot hold is refused before a byte of it is asked for.
    for size in (2**40, 2**50):
        answer, _ = client.call("InferenceService/UploadConstant", [part(blob=target.ref(data, size)).SerializeToString()])
        assert not answer.ok, size
    client.close()


def attack_raw_sockets(target):
    """Whatever speaks no HTTP/2, or half of it, and leaves at any moment."""
    rng = target.rng
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    frames = [b"", preface, preface[:10], b"GET / HTTP/1.1\r\n\r\n", preface + b"\xff\xff\xff\0\0\0\0\0\1",
              preface + struct.pack(">I", 64)[1:] + b"\1\4\0\0\0\1" + rng.randbytes(64)]
    for _ in range(60):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(target.socket)
            try:
                raw.sendall(rng.choice(frames) + rng.randbytes(rng.choice([0, 9, 500])))
            except OSError:
                pass  # it hung up already
    target.check_alive()


def attack_vanishing(target):
    """Connections that are closed in the middle of a call, of a stream, of many calls at once."""
    pb = target.pb["inference"]
    for i in range(12):
        client = target.connect()
        handles = known_handles(target, client)
        stop = threading.Event()

        def parts(ref=target.ref(b"vanish%d" % i, 3 << 20)):
            for at in range(0, 2 << 20, 1 << 18):
                yield pb.UploadConstantRequest(blob=ref, offset_bytes=at, data=bytes(1 << 18)).SerializeToString()
            stop.wait(5)  # a stream that neither goes on nor ends

        calls = [client.channel.stream_unary("/modeld.v1.InferenceService/UploadConstant").future(parts())]
        run = pb.RunRequest(graph_id=handles["graph_id"][0], inputs={"x": bytes(16)}).SerializeToString()
        calls += [client.channel.unary_unary("/modeld.v1.InferenceService/Run").future(run) for _ in range(20)]
        if i % 3 == 0:
            for call in calls[::2]:
                call.cancel()
        if i % 2:
            calls[1].exception(timeout=PATIENCE_S)
        client.close()
        stop.set()
    target.check_alive()


ATTACKS = [attack_random_bytes, attack_random_messages, attack_metadata, attack_keys, attack_uploads, attack_raw_sockets,
           attack_vanishing]
