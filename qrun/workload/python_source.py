"""``python:``: functions of the user's, called to make circuits and observables.

This runs code. It is done for a file that the user named, and for standard input only with ``--trust``.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from qrun.workload.document import Document, Location
from qrun.workload.paths import path_inside
from qrun.workload.words import did_you_mean

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class PythonSources:
    """Calls the functions that one workload names; a module is loaded once.

    Args:
        document: The workload.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._modules: dict[tuple[str, str], ModuleType] = {}

    def call(self, name: str, args: Mapping[str, Any], location: Location) -> Any:
        """What a function returns.

        Args:
            name: ``file.py:function`` below the workload's folder, or ``package.module:function``.
            args: Its keyword arguments.
            location: Where the mapping with ``python`` stands.

        Raises:
            WorkloadError: Code may not run here, there is no such function, or it fails.
        """
        function = self.function(name, location)
        function_name = name.rpartition(":")[2]
        self._check_args(function, function_name, args, location)
        with self._told(f"{function_name} failed", (*location, "python")):
            return function(**args)

    def function(self, name: str, location: Location) -> Callable[..., Any]:
        """A function that a workload names, to be called later.

        Args:
            name: As for :meth:`call`.
            location: Where the mapping with ``python`` stands.

        Raises:
            WorkloadError: Code may not run here, or there is no such function.
        """
        here = (*location, "python")
        if not self._document.trusted:
            raise self._document.error(
                here,
                "python: runs code, which a workload from standard input or another tool may not.",
                "Save it as a file and name that, or give --trust.",
            )
        module_name, colon, function_name = name.rpartition(":")
        if not colon or not module_name or not function_name:
            raise self._document.error(
                here, f"{name!r} names no function.", "Write file.py:function or package.module:function."
            )
        module = self._module(module_name, here)
        function = getattr(module, function_name, None)
        if not callable(function):
            known = [word for word in vars(module) if callable(getattr(module, word)) and word[0] != "_"]
            raise self._document.error(
                here, f"{module_name} has no function {function_name!r}.", did_you_mean(function_name, known)
            )
        return cast(Callable[..., Any], function)

    def _module(self, name: str, location: Location) -> ModuleType:
        path = path_inside(name, self._document, location) if name.endswith(".py") else None
        folder = path.parent if path else self._document.folder_at(location)
        # The same name in an included file of another folder means another file.
        key = (str(path or folder), name)
        if key not in self._modules:
            with self._told(f"{name} can't be imported", location), _on_path(folder):
                self._modules[key] = _load(path) if path else self._import(name, location)
        return self._modules[key]

    def _import(self, name: str, location: Location) -> ModuleType:
        if not _MODULE.fullmatch(name):
            raise self._document.error(
                location, f"{name!r} is no module.", "Write file.py or package.module."
            )
        return importlib.import_module(name)

    def _check_args(self, function: Any, name: str, args: Mapping[str, Any], location: Location) -> None:
        """Refuse arguments that the function does not take, each at its own place."""
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return
        kinds = {p.kind for p in signature.parameters.values()}
        unknown = (
            []
            if inspect.Parameter.VAR_KEYWORD in kinds
            else [a for a in args if a not in signature.parameters]
        )
        if unknown:
            raise self._document.error(
                (*location, "args", unknown[0]),
                f"{name} takes no argument {unknown[0]!r}.",
                did_you_mean(unknown[0], signature.parameters) or "It takes none.",
                at_key=True,
            )
        try:
            signature.bind(**args)
        except TypeError as error:
            raise self._document.error(
                (*location, "args"), f"{name}: {error}.", f"It is {name}{signature}."
            ) from None

    @contextlib.contextmanager
    def _told(self, what: str, location: Location) -> Iterator[None]:
        """The user's code fails in the user's file, and that is the place to tell."""
        from qrun.errors import WorkloadError

        try:
            # What the code prints is no result of qrun's.
            with contextlib.redirect_stdout(sys.stderr):
                yield
        except WorkloadError:
            raise
        except (Exception, SystemExit) as error:
            message = f"{what}: {type(error).__name__}: {error}".rstrip(": ")
            raise self._document.error(location, f"{message}.", _where(error)) from None


def _load(path: Path) -> ModuleType:
    """A file as a module of a private name, so that it is found nowhere else and hides nothing."""
    name = f"_qrun_workload_{sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses and pickle look for a class's module.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"At {error.filename}:{error.lineno}."
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    frames = [f for f in frames if "importlib" not in f.filename]
    own = [f for f in frames if "site-packages" not in f.filename] or frames
    return f"At {own[-1].filename}:{own[-1].lineno}, in {own[-1].name}." if own else "Check its import."
