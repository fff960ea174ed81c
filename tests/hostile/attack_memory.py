"""Garbage for the memory socket, and shared memory that changes while it is used."""
import array
import fcntl
import mmap
import os
import socket
import struct
import threading

import grpc

from target import PATIENCE_S

F_ADD_SEALS = 1033
SEAL_SEAL, SHRINK, GROW, WRITE = 1, 2, 4, 8
SEALS = SHRINK | GROW | WRITE
# Answers of the memory socket.
OK, INVALID, NOT_FOUND, PRECONDITION = 0, 3, 5, 9


def memfd(data, seals=SEALS):
    fd = os.memfd_create("hostile", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, data)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


class MemoryClient:
    def __init__(self, target):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f"{target.folder}/run/memory.sock")
        self.socket.settimeout(PATIENCE_S)

    def send(self, data, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self.socket.sendmsg([data], control)
        except OSError:
            pass  # it hung up

    def answer(self):
        """(code, descriptor or None); (None, None) when it hung up."""
        try:
            data, control, _, _ = self.socket.recvmsg(4, socket.CMSG_SPACE(4))
        except ConnectionResetError:
            return None, None
        fds = array.array("i")
        for _, _, content in control:
            fds.frombytes(content)
        return (struct.unpack("<I", data)[0] if len(data) == 4 else None), (fds[0] if fds else None)

    def ask(self, ticket, fds=()):
        self.send(b"MDM1" + ticket, fds)
        return self.answer()

    def close(self):
        self.socket.close()


def attack_memory_socket(target):
    client, pb, rng = target.connect(), target.pb, target.rng
    data = rng.randbytes(4096)
    fds = [memfd(data), memfd(data, 0), memfd(data, SHRINK | GROW), memfd(data[:4095]), memfd(b""), os.open("/", os.O_RDONLY),
           os.open("/dev/zero", os.O_RDONLY), os.open("/proc/self/exe", os.O_RDONLY), os.eventfd(0), *os.pipe()]
    good, other = fds[0], fds[1:]

    def announce(size=len(data)):
        return client.must("ContextService/OpenMemory", pb["context"].OpenMemoryRequest(send_bytes=size))

    def forget(memory_id):
        client.call("InferenceService/ImportConstants",
                    pb["inference"].ImportConstantsRequest(memory_id=memory_id, last=True))

    memory = MemoryClient(target)
    for fd, want in zip(other[:3], (PRECONDITION, PRECONDITION, INVALID)):
        opened = announce()
        assert memory.ask(opened.ticket, [fd])[0] == want, fd
        assert memory.ask(opened.ticket, [good])[0] == NOT_FOUND, "a ticket was good twice"
        forget(opened.memory_id)
    for attempt in ([], [good, good], [good] * 100, *([fd] for fd in other[3:])):
        opened = announce()
        code, _ = memory.ask(opened.ticket, attempt)
        assert code in (INVALID, PRECONDITION), (attempt, code)
        answer, _ = client.call("InferenceService/ImportConstants", pb["inference"].ImportConstantsRequest(
            memory_id=opened.memory_id, ranges=[{"blob": target.ref(data)}], last=True))
        assert answer.code == grpc.StatusCode.NOT_FOUND, answer.code
    for wrong in (bytes(32), rng.randbytes(32)):
        assert memory.ask(wrong, [good])[0] == NOT_FOUND
    memory.close()
    for garbage in (b"", b"M", b"MDM", b"MDM2" + bytes(32), rng.randbytes(500), b"MDM1" + bytes(10), b"\0" * 100_000):
        for extra in ([], [good], [good] * 4, other[:3]):
            memory = MemoryClient(target)
            memory.send(garbage, extra if garbage else [])
            memory.close()
    for size in (2**62, 2**63, 2**64 - 1, 17 << 30, 0):
        answer, _ = client.call("ContextService/OpenMemory", pb["context"].OpenMemoryRequest(send_bytes=size))
        assert answer.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED), (size, answer.code)

    # Handed over and sealed: it can no longer be shrunk, so reading it never faults.
    memory, opened = MemoryClient(target), announce()
    assert memory.ask(opened.ticket, [good])[0] == OK
    for change in (lambda: os.ftruncate(good, 0), lambda: os.pwrite(good, b"x", 0)):
        try:
            change()
            raise AssertionError("sealed memory was changed")
        except PermissionError:
            pass
    for offset, blob in ((2**64 - 1, target.ref(data)), (1, target.ref(data)), (0, target.ref(data, 2**62)), (4096, target.ref(b"a"))):
        answer, _ = client.call("InferenceService/ImportConstants", pb["inference"].ImportConstantsRequest(
            memory_id=opened.memory_id, ranges=[{"blob": blob, "offset_bytes": offset}]))
        assert answer.code == grpc.StatusCode.INVALID_ARGUMENT, (offset, answer.code)
    answer, _ = client.call("InferenceService/ImportConstants", pb["inference"].ImportConstantsRequest(
        memory_id=opened.memory_id, ranges=[{"blob": target.ref(data[:4]), "offset_bytes": 1}]))
    assert answer.code == grpc.StatusCode.DATA_LOSS, answer.code
    client.must("InferenceService/ImportConstants", pb["inference"].ImportConstantsRequest(
        memory_id=opened.memory_id, ranges=[{"blob": target.ref(data)}], last=True))
    memory.close()
    client.close()
    for fd in fds:
        os.close(fd)


def attack_memory_connections(target):
    """More connections than are kept, each in the middle of a request with a descriptor."""
    fd = memfd(b"x")
    connections = [MemoryClient(target) for _ in range(300)]
    for connection in connections:
        connection.send(b"MDM1xxx", [fd])
    client = target.connect()
    tensor = client.must("ContextService/CreateTensor", target.pb["context"].CreateTensorRequest(
        context_id=client.context(), tensor_descriptor=target.tensor([4]))).tensor_id
    opened = client.must("ContextService/OpenMemory", target.pb["context"].OpenMemoryRequest(receive_tensor_id=tensor))
    code, received = MemoryClient(target).ask(opened.ticket)
    assert code == OK and received is not None, "an honest client was not served"
    os.close(received)
    for connection in connections:
        connection.close()
    os.close(fd)
    client.close()


def attack_shared_tensors(target):
    """gather, scatter and division read indices and numbers that the client changes all the while."""
    client, pb = target.connect(), target.pb
    g = pb["graph"]
    context = client.context()
    index = ("INT32", "UINT32", "INT64")
    for kind in index:
        graph = g.Graph(inputs=[0, 1], operands=[
            g.Operand(tensor_descriptor=target.tensor([64, 16]), input=g.Operand.Input(name="x")),
            g.Operand(tensor_descriptor=target.tensor([4096], kind), input=g.Operand.Input(name="i")),
            g.Operand(intermediate=g.Operand.Intermediate()), g.Operand(intermediate=g.Operand.Intermediate()),
            g.Operand(intermediate=g.Operand.Intermediate())],
            operations=[g.Operation(type="gather", inputs=[0, 1], outputs=[2]),
                        g.Operation(type="exp", inputs=[2], outputs=[3]),
                        g.Operation(type="div", inputs=[1, 1], outputs=[4])],
            outputs=[g.Graph.Output(name="y", operand=3), g.Graph.Output(name="d", operand=4)])
        built = client.must("InferenceService/Build", pb["inference"].BuildRequest(context_id=context, graph=graph)).graph
        tensors, maps = {}, []
        for binding in [*built.inputs, *built.outputs]:
            tensor = client.must("ContextService/CreateTensor", pb["context"].CreateTensorRequest(
                context_id=context, tensor_descriptor=binding.tensor_descriptor))
            tensors[binding.name] = tensor.tensor_id
            opened = client.must("ContextService/OpenMemory",
                                 pb["context"].OpenMemoryRequest(receive_tensor_id=tensor.tensor_id))
            memory = MemoryClient(target)
            code, fd = memory.ask(opened.ticket)
            memory.close()
            assert code == OK
            for change in (lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 1 << 30),
                           lambda: fcntl.fcntl(fd, F_ADD_SEALS, WRITE)):
                try:
                    change()
                    raise AssertionError("a tensor's memory was resized or sealed")
                except PermissionError:
                    pass
            maps.append(mmap.mmap(fd, tensor.size_bytes))
            os.close(fd)
        done, noise = threading.Event(), target.rng.randbytes(4096)

        def scribble():
            size = max(len(memory) for memory in maps)
            fills = [bytes(size), b"\xff" * size, noise * (size // len(noise)), b"\0\0\0\x80" * (size // 4)]
            while not done.is_set():
                for fill in fills:
                    for memory in maps:
                        memory[:] = fill[:len(memory)]

        scribbler = threading.Thread(target=scribble)
        scribbler.start()
        try:
            for _ in range(150):
                client.must("InferenceService/Dispatch", pb["inference"].DispatchRequest(
                    graph_id=built.graph_id, inputs={n: tensors[n] for n in "xi"}, outputs={n: tensors[n] for n in "yd"}))
        finally:
            done.set()
            scribbler.join()
        for binding in ({"x": tensors["x"]}, {"x": tensors["i"], "i": tensors["i"]}, {"x": 2**64 - 1, "i": 0}):
            answer, _ = client.call("InferenceService/Dispatch", pb["inference"].DispatchRequest(
                graph_id=built.graph_id, inputs=binding, outputs={n: tensors[n] for n in "yd"}))
            assert answer.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), answer.code
        for memory in maps:
            memory.close()
    client.close()


def attack_many_constants(target):
    """A graph of very many small constants does not use up the mappings that the kernel gives the daemon."""
    client, pb, count = target.connect(), target.pb, 300
    g, context = pb["graph"], client.context()
    data = struct.pack(f"<{count}I", *range(count))
    opened = client.must("ContextService/OpenMemory", pb["context"].OpenMemoryRequest(send_bytes=len(data)))
    memory, fd = MemoryClient(target), memfd(data)
    assert memory.ask(opened.ticket, [fd])[0] == OK
    memory.close()
    os.close(fd)
    refs = [target.ref(data[at:at + 4]) for at in range(0, len(data), 4)]
    client.must("InferenceService/ImportConstants", pb["inference"].ImportConstantsRequest(
        memory_id=opened.memory_id, last=True, ranges=[{"blob": r, "offset_bytes": 4 * i} for i, r in enumerate(refs)]))
    graph = g.Graph(inputs=[0])
    graph.operands.add(tensor_descriptor=target.tensor([2])).input.name = "x"
    for ref in refs:
        last = len(graph.operands) - 1
        graph.operands.add(tensor_descriptor=target.tensor([1])).constant.blob.CopyFrom(ref)
        graph.operands.add().intermediate.SetInParent()
        graph.operations.add(type="max", inputs=[last, last + 1], outputs=[last + 2])
    graph.outputs.add(name="y", operand=len(graph.operands) - 1)
    before = target.mappings()
    built = client.must("InferenceService/Build", pb["inference"].BuildRequest(context_id=context, graph=graph))
    assert built.graph.graph_id, "constants are missing"
    grown = target.mappings() - before
    assert grown < count // 4, f"{count} constants took {grown} mappings"
    client.close()


ATTACKS = [attack_memory_socket, attack_many_constants, attack_memory_connections, attack_shared_tensors]
