"""As much as can be had of everything. Somebody who is connected must still be served meanwhile."""
import grpc

from attack_graphs import chain
from target import Honest

# For hundreds of calls that wait for one another.
CALLS_S = 600
REFUSED = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def attack_connections(target):
    honest = Honest(target)
    before = target.descriptors()
    clients = [target.connect() for _ in range(100)]
    served = 0
    for client in clients:
        answer, _ = client.call("ContextService/CreateContext", target.pb["context"].CreateContextRequest())
        served += answer.ok
        assert answer.ok or answer.code in REFUSED, answer.code
    assert 0 < served < 100, f"{served} of 100 connections of one app were served"
    honest.check()
    for client in clients:
        client.close()
    honest.check()
    # The next attack's connections are not to be refused for these.
    target.wait_for(lambda: target.descriptors() < before + 10, "closed connections remain")
    honest.close()


def attack_calls(target):
    """Hundreds of calls of one session at once: those past the limit are refused, all are answered."""
    honest, client = Honest(target), target.connect()
    pb = target.pb["inference"]
    context = client.context()
    graph = chain(target, 200, [64, 1024])
    built = client.must("InferenceService/Build", pb.BuildRequest(context_id=context, graph=graph)).graph
    run = pb.RunRequest(graph_id=built.graph_id, inputs={"x": bytes(64 * 1024 * 4)}).SerializeToString()
    calls = [client.channel.unary_unary("/modeld.v1.InferenceService/Run").future(run, timeout=CALLS_S) for _ in range(400)]
    honest.check()
    codes = set()
    for i, call in enumerate(calls):
        if i % 5 == 0:
            call.cancel()
            continue
        error = call.exception(timeout=CALLS_S)
        codes.add(grpc.StatusCode.OK if error is None else target.record(error).code)
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}, codes
    assert grpc.StatusCode.OK in codes
    honest.check()
    client.close()
    honest.close()


def attack_handles(target):
    """Sessions that make things until they get no more. Others still get files, memory and threads."""
    honest = Honest(target)
    pb = target.pb
    clients, made = [target.connect() for _ in range(12)], 0
    for client in clients:
        answer, context = client.call("ContextService/CreateContext", pb["context"].CreateContextRequest())
        if not answer.ok:
            continue
        tensor = pb["context"].CreateTensorRequest(context_id=context.context_id,
                                                   tensor_descriptor=target.tensor([1])).SerializeToString()
        method = client.channel.unary_unary("/modeld.v1.ContextService/CreateTensor")
        while True:
            calls = [method.future(tensor, timeout=CALLS_S) for _ in range(30)]
            errors = [target.record(e).code for e in (c.exception() for c in calls) if e is not None]
            made += len(calls) - len(errors)
            if errors:
                assert set(errors) == {grpc.StatusCode.RESOURCE_EXHAUSTED}, set(errors)
                break
    print(f"  {made} tensors, {target.descriptors()} descriptors, {target.mappings()} mappings")
    honest.check()
    late = Honest(target)  # one more connection, files to open, memory to map
    late.check()
    late.close()
    first = clients[0]
    for request, name in ((pb["context"].CreateContextRequest(), "ContextService/CreateContext"),
                          (pb["context"].OpenMemoryRequest(send_bytes=1), "ContextService/OpenMemory")):
        for _ in range(200):
            answer, _ = first.call(name, request)
            if not answer.ok:
                break
        assert answer.code == grpc.StatusCode.RESOURCE_EXHAUSTED, (name, answer.code)
    build = pb["inference"].BuildRequest(context_id=1, graph=chain(target, 1, [4]))
    fresh = target.connect()
    build.context_id = fresh.context()
    for _ in range(600):
        answer, _ = fresh.call("InferenceService/Build", build)
        if not answer.ok:
            break
    assert answer.code == grpc.StatusCode.RESOURCE_EXHAUSTED, answer.code
    fresh.close()
    honest.check()
    for client in clients:
        client.close()
    honest.close()


def attack_half_messages(target):
    """Large messages on many calls at once, all cut off."""
    honest = Honest(target)
    client = target.connect()
    data = bytes(24 << 20)
    calls = [client.channel.unary_unary("/modeld.v1.ContextService/WriteTensor").future(data) for _ in range(12)]
    honest.check()
    for call in calls:
        call.cancel()
    client.close()
    honest.check()
    honest.close()


ATTACKS = [attack_connections, attack_calls, attack_half_messages, attack_handles]
