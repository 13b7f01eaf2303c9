"""The private names of MiniStack that the patches reach for, checked before any patch is applied.

A patch changes what it finds, so it declares what it expects to find. `refuse_unless_known` compares
the declarations with the installed package and refuses with one line instead of starting an engine
that is patched by half.
"""

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

MINISTACK_VERSION = "1.5.33"


class EngineRefused(RuntimeError):
    """The engine must not start; the message is one line for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Seam:
    """One private name: `path` is dotted inside `module` (`Class.method` for a method).

    `parameters` are the names of its parameters in order, for a function or method; None where the
    name holds a value, of which only `kind` is checked (the name of its type, or "" for any).
    """

    module: str
    path: str
    parameters: tuple[str, ...] | None = None
    kind: str = ""

    def fault(self) -> str | None:
        """Tell what is wrong with the installed name, or None when it is as declared."""
        try:
            found: object = importlib.import_module(self.module)
            for part in self.path.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return f"{self.module}.{self.path} is missing"
        if self.parameters is not None:
            return self._fault_of_parameters(found)
        if self.kind and type(found).__name__ != self.kind:
            return f"{self.module}.{self.path} is {type(found).__name__}, expected {self.kind}"
        return None

    def _fault_of_parameters(self, found: object) -> str | None:
        if not callable(found):
            return f"{self.module}.{self.path} is not a function"
        names = tuple(inspect.signature(found).parameters)
        if names != self.parameters:
            return f"{self.module}.{self.path} takes {names}, expected {self.parameters}"
        return None


def refuse_unless_known(seams: Iterable[Seam], versions: MappingProxyType[str, str] | None = None) -> None:
    """Raise EngineRefused unless MiniStack is the known version and every seam has its shape.

    `versions` replaces the installed versions in tests.
    """
    installed = versions["ministack"] if versions else importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise EngineRefused(
            f"ministack {installed} is installed, the patches are for {MINISTACK_VERSION}: "
            "install requirements/local.txt"
        )
    faults = [fault for seam in seams if (fault := seam.fault()) is not None]
    if faults:
        raise EngineRefused(f"ministack {installed} is not the build that was patched: {'; '.join(faults)}")
