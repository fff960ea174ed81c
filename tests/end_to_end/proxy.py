"""A socket between modelctl and the daemon that counts what the client sends."""
import os
import socket
import threading


class CountingProxy:
    """Forwards connections on its own socket to another; to the daemon, its clients are this process."""

    def __init__(self, path, target):
        self.path = path
        self.target = target
        self.sent_bytes = 0  # from clients to the daemon
        self._limit = None
        self._reached = threading.Event()
        self._open = set()
        self._lock = threading.Lock()
        if os.path.exists(path):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._open:
                self._shut(end)
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()
        os.unlink(self.path)

    @property
    def host(self):
        return f"unix://{self.path}"

    def hold_after(self, count):
        """Forwards no client's byte beyond `count`; returns an event that tells when these have passed."""
        self._limit = count
        return self._reached

    @staticmethod
    def _shut(end):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was first

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            daemon = socket.socket(socket.AF_UNIX)
            try:
                daemon.connect(self.target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, daemon}
                for source, sink, counted in (client, daemon, True), (daemon, client, False):
                    self._threads.append(threading.Thread(target=self._forward, args=(source, sink, counted), daemon=True))
                    self._threads[-1].start()

    def _room(self, size):
        """How many of `size` bytes may pass."""
        with self._lock:
            if self._limit is None:
                return size
            return min(size, self._limit - self.sent_bytes)

    def _forward(self, source, sink, counted):
        try:
            while data := source.recv(65536):
                room = self._room(len(data)) if counted else len(data)
                sink.sendall(data[:room])
                if counted:
                    with self._lock:
                        self.sent_bytes += room
                if room < len(data):
                    self._reached.set()
                    while source.recv(65536):  # until the client has gone
                        pass
                    break
        except OSError:
            pass  # one side has gone
        self._shut(sink)
        self._shut(source)
