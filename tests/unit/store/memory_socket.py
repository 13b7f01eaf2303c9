"""A socket in memory: it takes what is sent, and gives its answer in the pieces that a test cut it into."""

import io
from collections.abc import Sequence


class MemorySocket:
    def __init__(self, answer: bytes, cuts: Sequence[int] = ()) -> None:
        ends = sorted({cut % len(answer) for cut in cuts} | {len(answer)}) if answer else []
        self._pieces = [answer[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
        self._answer = answer
        self.sent = b""
        self.closed = False

    def settimeout(self, _seconds: float) -> None:
        pass

    def send(self, octets: bytes) -> int:
        taken = bytes(octets[:1_000])  # a kernel buffer is never as large as one hopes
        self.sent += taken
        return len(taken)

    def sendall(self, octets: bytes) -> None:
        """Serve `http.client`, which sends so."""
        self.sent += bytes(octets)

    def recv(self, _limit: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self.closed = True

    def makefile(self, _mode: str) -> io.BytesIO:
        """Serve `http.client`, which reads from a file."""
        return io.BytesIO(self._answer)
