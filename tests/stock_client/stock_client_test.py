#!/usr/bin/python3
"""A gRPC client without any of our libraries: messages made by protoc, calls by grpcio, one daemon of its own.

Usage: stock_client_test.py MODELD PROTO_DIR. Ends with the line "N passed, N failed".
"""
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import grpc

MODELD = os.path.abspath(sys.argv[1])
# No wait in these tests is meant to be reached.
PATIENCE_S = 120


def answers(path):
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def start_daemon(modeld, folder):
    """Starts a daemon in `folder` and waits for its socket."""
    process = subprocess.Popen([modeld, "--cache-dir", f"{folder}/cache", "--state-dir", f"{folder}/state",
                                "--runtime-dir", f"{folder}/run"])
    path = f"{folder}/run/modeld.sock"
    deadline = time.monotonic() + PATIENCE_S
    while not answers(path):  # the file is there before the daemon listens
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the daemon did not start")
        time.sleep(0.02)
    return process, f"unix:{path}"


class Client:
    """The calls this test makes, by method path."""

    def __init__(self, address, pb):
        self.channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        self.pb = pb

    def call(self, service, method, request, response):
        return self.channel.unary_unary(f"/modeld.v1.{service}/{method}", type(request).SerializeToString,
                                        response.FromString)(request, timeout=PATIENCE_S)

    def upload(self, data, ref, chunk=1000):
        pb = self.pb["inference"]

        def chunks():
            for offset in range(0, len(data), chunk):
                yield pb.UploadConstantRequest(blob=ref, offset_bytes=offset, data=data[offset:offset + chunk])

        return self.channel.stream_unary("/modeld.v1.InferenceService/UploadConstant",
                                         pb.UploadConstantRequest.SerializeToString,
                                         pb.UploadConstantResponse.FromString)(chunks(), timeout=PATIENCE_S)


def make_graph(pb, weights):
    """relu(x * W) with W [64, 8] as a constant: operands x, W, product, y."""
    g = pb["graph"]
    ref = g.BlobRef(sha256=hashlib.sha256(weights).digest(), size_bytes=len(weights))
    float32 = g.DATA_TYPE_FLOAT32
    return ref, g.Graph(
        operands=[
            g.Operand(tensor_descriptor=g.TensorDescriptor(data_type=float32, shape=[2, 64]),
                      input=g.Operand.Input(name="x")),
            g.Operand(tensor_descriptor=g.TensorDescriptor(data_type=float32, shape=[64, 8]),
                      constant=g.Operand.Constant(blob=ref)),
            g.Operand(intermediate=g.Operand.Intermediate()),
            g.Operand(intermediate=g.Operand.Intermediate()),
        ],
        inputs=[0],
        operations=[
            g.Operation(type="matmul", label="product", inputs=[0, 1], outputs=[2]),
            g.Operation(type="relu", inputs=[2], outputs=[3]),
        ],
        outputs=[g.Graph.Output(name="y", operand=3)])


def expected(x, w):
    rows = []
    for i in range(2):
        for j in range(8):
            rows.append(max(0.0, sum(x[i * 64 + k] * w[k * 8 + j] for k in range(64))))
    return rows


def check_close(got_bytes, want):
    got = struct.unpack(f"<{len(want)}f", got_bytes)
    assert all(abs(a - b) <= 1e-3 + 1e-4 * abs(b) for a, b in zip(got, want)), (got, want)


def test_build_store_fetch_run(client, pb):
    w = [((i * 37) % 17 - 8) / 8 for i in range(64 * 8)]
    x = [((i * 11) % 13 - 6) / 4 for i in range(2 * 64)]
    weights = struct.pack(f"<{len(w)}f", *w)
    x_bytes = struct.pack(f"<{len(x)}f", *x)
    ref, graph = make_graph(pb, weights)
    context = client.call("ContextService", "CreateContext", pb["context"].CreateContextRequest(),
                          pb["context"].CreateContextResponse).context_id
    build = pb["inference"].BuildRequest(context_id=context, graph=graph)
    answer = client.call("InferenceService", "Build", build, pb["inference"].BuildResponse)
    assert not answer.HasField("graph") and list(answer.missing) == [ref], answer
    assert client.upload(weights, ref).committed_bytes == len(weights)
    answer = client.call("InferenceService", "Build", build, pb["inference"].BuildResponse)
    assert answer.graph.graph_id and not answer.missing
    assert [b.name for b in answer.graph.inputs] == ["x"] and list(
        answer.graph.outputs[0].tensor_descriptor.shape) == [2, 8]

    run = pb["inference"].RunRequest(graph_id=answer.graph.graph_id, inputs={"x": x_bytes})
    result = client.call("InferenceService", "Run", run, pb["inference"].RunResponse)
    check_close(result.outputs["y"], expected(x, w))

    stored = client.call("ModelCacheService", "Store", pb["model_cache"].StoreRequest(graph_id=answer.graph.graph_id),
                         pb["model_cache"].StoreResponse)
    listing = client.call("ModelCacheService", "List", pb["model_cache"].ListRequest(), pb["model_cache"].ListResponse)
    assert [m.model_id for m in listing.models] == [stored.model_id]
    fetched = client.call("ModelCacheService", "Fetch",
                          pb["model_cache"].FetchRequest(context_id=context, model_ids=[b"\0" * 32, stored.model_id]),
                          pb["model_cache"].FetchResponse)
    assert fetched.model_id == stored.model_id
    run.graph_id = fetched.graph.graph_id
    check_close(client.call("InferenceService", "Run", run, pb["inference"].RunResponse).outputs["y"], expected(x, w))


def test_chunks_do_not_change_the_model_id(_, pb):
    weights = struct.pack("<512f", *(i / 7 for i in range(512)))
    ref, graph = make_graph(pb, weights)
    ids = set()
    for chunk in (1, 7, 1000, len(weights)):
        folder = tempfile.mkdtemp(prefix="modeld", dir="/tmp")  # a daemon that has nothing, so that all bytes travel
        process, address = start_daemon(MODELD, folder)
        try:
            client = Client(address, pb)
            context = client.call("ContextService", "CreateContext", pb["context"].CreateContextRequest(),
                                  pb["context"].CreateContextResponse).context_id
            build = pb["inference"].BuildRequest(context_id=context, graph=graph)
            client.upload(weights, ref, chunk)
            built = client.call("InferenceService", "Build", build, pb["inference"].BuildResponse)
            stored = client.call("ModelCacheService", "Store",
                                 pb["model_cache"].StoreRequest(graph_id=built.graph.graph_id),
                                 pb["model_cache"].StoreResponse)
            ids.add(stored.model_id)
            client.channel.close()
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder)
    assert len(ids) == 1, ids


def test_errors_name_the_operation(client, pb):
    context = client.call("ContextService", "CreateContext", pb["context"].CreateContextRequest(),
                          pb["context"].CreateContextResponse).context_id
    _, graph = make_graph(pb, b"\0" * 2048)
    graph.operations[0].type = "mutmal"
    try:
        client.call("InferenceService", "Build", pb["inference"].BuildRequest(context_id=context, graph=graph),
                    pb["inference"].BuildResponse)
        raise AssertionError("an unknown operation was built")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED and "mutmal" in error.details(), error
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        status = pb["error"].StatusDetails.FromString(details)
        detail = pb["error"].ErrorDetail()
        assert status.details[0].Unpack(detail)
        assert detail.operation_index == 0 and detail.label == "product", detail


def test_other_partitions_and_admin_are_refused(client, pb):
    request = pb["model_cache"].ListRequest()
    call = client.channel.unary_unary("/modeld.v1.ModelCacheService/List", type(request).SerializeToString,
                                      pb["model_cache"].ListResponse.FromString)
    for metadata in [("modeld-partition", "web:https://a.example|https://a.example")], [("modeld-partition", "app:x")]:
        try:
            call(request, metadata=metadata, timeout=PATIENCE_S)
            raise AssertionError("an app named a partition")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error
    for service, module, method in (("AdminService", pb["admin"], "GetStatus"),
                                    ("CacheAdminService", pb["cache_admin"], "GetUsage")):
        try:
            client.call(service, method, getattr(module, f"{method}Request")(), getattr(module, f"{method}Response"))
            raise AssertionError(f"an app used {service}")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error


def test_health_and_reflection_answer(client, _):
    # HealthCheckRequest{} -> HealthCheckResponse{status: SERVING}; ServerReflectionRequest{list_services: ""}.
    health = client.channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=PATIENCE_S)
    assert health == b"\x08\x01", health
    replies = client.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")(
        iter([b"\x3a\x00"]), timeout=PATIENCE_S)
    listing = b"".join(replies)
    # All of ours and no others: no debugging service comes in through this door.
    ours = {b"AdminService", b"CacheAdminService", b"ContextService", b"InferenceService", b"ModelCacheService"}
    assert set(re.findall(rb"modeld\.v1\.(\w+)", listing)) == ours, listing
    assert set(re.findall(rb"(grpc\.[\w.]+)", listing)) <= {b"grpc.health.v1.Health",
                                                            b"grpc.reflection.v1alpha.ServerReflection"}, listing


def main():
    modeld, proto_dir = MODELD, os.path.abspath(sys.argv[2])
    folder = tempfile.mkdtemp(prefix="modeld", dir="/tmp")  # socket paths must be short
    process = None
    passed = failed = 0
    try:
        names = ["graph", "error", "context", "inference", "model_cache", "cache_admin", "admin"]
        subprocess.run(["protoc", f"-I{proto_dir}", f"--python_out={folder}"] +
                       [f"{proto_dir}/modeld/v1/{n}.proto" for n in names], check=True)
        sys.path.insert(0, folder)
        pb = {n: __import__(f"modeld.v1.{n}_pb2", fromlist=["x"]) for n in names}
        process, address = start_daemon(modeld, folder)
        for name, test in sorted((n, t) for n, t in globals().items() if n.startswith("test_")):
            try:
                test(Client(address, pb), pb)
                passed += 1
            except Exception:  # a test's own report; the next one still runs
                failed += 1
                print(f"{name}: FAILED")
                traceback.print_exc(file=sys.stdout)
        process.send_signal(signal.SIGTERM)
        if process.wait(PATIENCE_S) != 0 or os.path.exists(f"{folder}/run/modeld.sock"):
            failed += 1
            print(f"the daemon did not stop cleanly: exit status {process.returncode}")
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
