"""The adapter to ``qiskit-ibm-runtime``: the one module above the local service that imports it.

Private names in use, each held by a test in ``tests/service/test_client_adapter.py``:

* ``Session._run`` — overridden, so that a primitive prepares its job and the job is sent later. Everything
  that can be wrong with a workload is then found before a batch or session is open and anything is paid for.
* ``decoders.defaults.DEFAULT_DECODERS`` — decodes a stored result without asking the service again.
"""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from qrun.errors import AccountError, ServiceError
from qrun.runtime.accounts import LOCAL, Account
from qrun.runtime.versions import require_client

if TYPE_CHECKING:
    from qiskit.providers import BackendV2

SAMPLER = "sampler"
ESTIMATOR = "estimator"

CLIENT_SIDE = "client-side"
V2 = "v2"


class NoFractionalGates(ServiceError):
    """The backend has no fractional gates.

    Args:
        backend: Its name.
    """

    def __init__(self, backend: str) -> None:
        super().__init__(f"{backend} has no fractional gates.", "Leave out fractional_gates: true.")


@dataclass(frozen=True)
class OptionMistake:
    """An option that the client's own option model does not take."""

    location: tuple[str | int, ...]
    """Path of keys below ``options``."""
    message: str
    known: Sequence[str] = ()
    """Where there is no option of that name: those that there are."""
    unknown: bool = False
    """Whether there is no option of that name, rather than a wrong value for it."""


@dataclass
class PreparedJob:
    """A job as the client would send it, not sent yet."""

    program_id: str
    backend: str
    """Name of the backend that it is for."""
    arguments: dict[str, Any] = field(repr=False)
    notes: list[str] = field(default_factory=list)
    """Warnings of the client, for the user."""

    def payload_bytes(self) -> int:
        """Size of the request's parameters, encoded as the client encodes them."""
        from qiskit_ibm_runtime import RuntimeEncoder

        encoder = RuntimeEncoder()
        # Piece by piece: nothing is kept of a payload that may be larger than the service takes.
        return sum(len(piece.encode()) for piece in encoder.iterencode(self.arguments["inputs"]))

    def request(self) -> tuple[dict[str, Any], bytes]:
        """The body of ``POST /jobs`` as the client writes it: all but ``params``, and ``params`` encoded.

        Sending it over the control channel takes one request; the client's own sending asks for the usage of
        the instance and the state of the backend before each job, and repeats what may have been accepted.
        The fields are those of ``RuntimeClient.program_run`` of client 0.51.
        """
        from qiskit_ibm_runtime import RuntimeEncoder

        options = self.arguments.get("options") or {}
        fields = {
            "program_id": self.program_id,
            "runtime": options.get("image"),
            "log_level": options.get("log_level"),
            "backend": self.backend,
            "tags": options.get("job_tags"),
            "cost": options.get("max_execution_time"),
            "private": options.get("private") or None,
            "calibration_id": self.arguments.get("calibration_id"),
        }
        head = {name: value for name, value in fields.items() if value}
        return head, json.dumps(self.arguments["inputs"], cls=RuntimeEncoder).encode()


class RuntimeClient:
    """A connected client.

    Args:
        account: The account to connect with.

    Raises:
        AccountError: The token or the instance was refused.
        ServiceError: The client is too old, or the service can't be reached.
    """

    def __init__(self, account: Account) -> None:
        self.version = require_client()
        self.account = account
        os.environ.update(account.environment)
        if account.is_loopback:
            _bypass_proxies()
        logging.getLogger("qiskit_ibm_runtime").setLevel(logging.ERROR)
        with _client_errors("connect"):
            self._service = _connect(account)

    @property
    def instance(self) -> str:
        """CRN of the instance in use."""
        return str(self._service.active_instance())

    def plan_name(self) -> str | None:
        """Name of the instance's plan in lower case, such as ``open``; ``None`` where it isn't told."""
        with _client_errors("read the plan of the instance"):
            for instance in self._service.instances():
                if instance["crn"] == self.instance:
                    plan = str(instance.get("plan") or "").removesuffix(" plan").strip()
                    return plan or None
        return None

    def backend_names(self) -> list[str]:
        """Names of the backends of the instance."""
        with _client_errors("list the backends"):
            return sorted(backend.name for backend in self._service.backends())

    def backend(self, name: str, *, fractional_gates: bool = False) -> BackendV2 | None:
        """The backend called ``name``, or ``None`` where the instance has none of that name.

        Args:
            name: Its name.
            fractional_gates: With ``rx`` and ``rzz`` of any angle among its instructions.

        Raises:
            NoFractionalGates: They are asked for, and it has none.
        """
        from qiskit.providers.exceptions import QiskitBackendNotFoundError
        from qiskit_ibm_runtime.exceptions import IBMInputValueError

        with _client_errors(f"read the backend {name}"):
            try:
                backend = self._service.backend(name, use_fractional_gates=fractional_gates)
            except QiskitBackendNotFoundError:
                return None
            except IBMInputValueError:
                if fractional_gates:
                    raise NoFractionalGates(name) from None
                raise
        if fractional_gates and not _has_fractional_gates(backend):
            # An older client says nothing of it.
            raise NoFractionalGates(name)
        return backend

    def names_with_fractional_gates(self) -> list[str]:
        """Names of the backends of the instance that have ``rx`` and ``rzz`` of any angle."""
        with _client_errors("list the backends"):
            found = self._service.backends(use_fractional_gates=True)
            return sorted(backend.name for backend in found if _has_fractional_gates(backend))

    def least_busy(self, *, min_num_qubits: int | None, fractional_gates: bool = False) -> BackendV2 | None:
        """The backend with the shortest queue that has enough qubits, or ``None``."""
        from qiskit.providers.exceptions import QiskitBackendNotFoundError

        with _client_errors("find the least busy backend"):
            try:
                return self._service.least_busy(
                    min_num_qubits=min_num_qubits, use_fractional_gates=fractional_gates
                )
            except QiskitBackendNotFoundError:
                return None

    def prepare(
        self,
        primitive: str,
        pubs: Sequence[tuple[Any, ...]],
        *,
        backend: BackendV2,
        options: Mapping[str, Any],
        tags: Sequence[str],
        shots: int | None = None,
        precision: float | None = None,
        generation: str = CLIENT_SIDE,
    ) -> PreparedJob:
        """Everything that the client does for a job, but sending it.

        Args:
            primitive: ``sampler`` or ``estimator``.
            pubs: PUBs with ISA circuits.
            backend: The backend that they are for.
            options: Options of the primitive.
            tags: Tags that the job carries.
            shots: Shots of every PUB (Sampler).
            precision: Precision of every PUB (Estimator).
            generation: ``client-side`` or ``v2``; V2 also serves where the client has nothing else.

        Raises:
            ValueError: The client refuses the PUBs or the options, and says why.
        """
        catcher = _catcher(backend)
        merged = {**options, "environment": {**options.get("environment", {}), "job_tags": list(tags)}}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            primitive_object = _primitive_class(primitive, generation)(mode=catcher, options=merged)
            if primitive == SAMPLER:
                primitive_object.run(pubs, shots=shots)
            else:
                primitive_object.run(pubs, precision=precision)
        prepared: PreparedJob = catcher.caught
        prepared.notes = _notes(caught)
        return prepared


def check_options(
    primitive: str, options: Mapping[str, Any], generation: str = CLIENT_SIDE
) -> list[OptionMistake]:
    """What the client's own option model does not take, with the nearest right name."""
    model = _options_class(primitive, generation)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model(**options)
    except ValidationError as error:
        return _option_mistakes(primitive, generation, error.errors())
    except TypeError as error:
        return [_unexpected_keyword(model, error)]
    except ValueError as error:
        return [OptionMistake((), str(error))]
    return []


def option_names(primitive: str, generation: str = CLIENT_SIDE) -> frozenset[str]:
    """The top-level names of a primitive's options."""
    return frozenset(_field_names(_options_class(primitive, generation)))


def options_known(options: Mapping[str, Any], primitive: str, generation: str) -> dict[str, Any]:
    """Those of the options that a generation's primitive knows, in any depth."""
    return _known_part(options, option_paths(primitive, generation), "")


def _known_part(options: Mapping[str, Any], paths: frozenset[str], prefix: str) -> dict[str, Any]:
    return {
        name: _known_part(value, paths, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in options.items()
        if prefix + name in paths
    }


@cache
def option_paths(primitive: str, generation: str = CLIENT_SIDE) -> frozenset[str]:
    """All options of a primitive as dotted paths, such as ``twirling.enable_gates``, groups included."""
    return frozenset(_paths(_options_class(primitive, generation)()))


def decode_result(program_id: str, text: str) -> Any:
    """The result object that the client makes of a job's result text.

    Args:
        program_id: ``sampler``, ``estimator`` or ``executor``.
        text: The text that the service gave.
    """
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reduce(
            lambda result, decoder: decoder.decode(result) if decoder.is_applicable(result) else result,
            DEFAULT_DECODERS[program_id],
            text,
        )


def _connect(account: Account) -> Any:
    from qiskit_ibm_runtime import QiskitRuntimeService

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if account.saved_as is not None:
            return QiskitRuntimeService(name=account.saved_as, instance=account.instance)
        resolver = (lambda *_: account.api_url) if account.name == LOCAL else None
        return QiskitRuntimeService(
            channel="ibm_quantum_platform",
            token=account.token,
            url=account.url,
            instance=account.instance,
            url_resolver=resolver,
        )


def _bypass_proxies() -> None:
    """Keep the client from sending calls to this machine through a proxy that the shell names."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        if "127.0.0.1" not in hosts:
            os.environ[name] = ",".join([*hosts, "127.0.0.1", "localhost"])


def _has_fractional_gates(backend: BackendV2) -> bool:
    return bool({"rx", "rzz"} & set(backend.operation_names))


def _catcher(backend: BackendV2) -> Any:
    from qiskit_ibm_runtime import Session

    class Catcher(Session):  # type: ignore[misc]
        """A session that keeps the job a primitive hands it."""

        caught: PreparedJob

        def _run(self, program_id: str, **arguments: Any) -> None:
            self.caught = PreparedJob(program_id, backend.name, arguments)

    return Catcher(backend, create_new=False)


def _primitive_class(primitive: str, generation: str) -> Any:
    if generation == CLIENT_SIDE:
        try:
            if primitive == SAMPLER:
                from qiskit_ibm_runtime.executor_sampler import Sampler

                return Sampler
            from qiskit_ibm_runtime.executor_estimator import Estimator

            return Estimator
        except ImportError:
            pass
    import qiskit_ibm_runtime

    return qiskit_ibm_runtime.SamplerV2 if primitive == SAMPLER else qiskit_ibm_runtime.EstimatorV2


def _options_class(primitive: str, generation: str) -> Any:
    if generation == CLIENT_SIDE:
        try:
            from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions

            return SamplerOptions if primitive == SAMPLER else EstimatorOptions
        except ImportError:
            pass
    from qiskit_ibm_runtime import options

    return options.SamplerOptions if primitive == SAMPLER else options.EstimatorOptions


def _field_names(model: Any) -> list[str]:
    fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", None) or {}
    return [name for name in fields if not name.startswith("_")]


def _paths(options: Any, prefix: str = "") -> Iterator[str]:
    """Paths of an instance of either generation's models, which make their groups when they are made."""
    for name in _field_names(type(options)):
        yield prefix + name
        group = getattr(options, name, None)
        if _field_names(type(group)):
            yield from _paths(group, f"{prefix}{name}.")


def _option_mistakes(
    primitive: str, generation: str, details: Sequence[Mapping[str, Any]]
) -> list[OptionMistake]:
    """What pydantic says, at places as the user writes them.

    V2 groups are unions of a class and ``Dict``: the class's name is a part of the place, and each mistake in
    a group comes with another one, that it is no ``Dict``.
    """
    real = [detail for detail in details if not str(detail["loc"][-1]).startswith("is-instance[")]
    paths = option_paths(primitive, generation)
    mistakes = []
    for detail in real or details:
        location = tuple(part for part in detail["loc"] if not str(part)[:1].isupper())
        if detail["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
            mistakes.append(OptionMistake(location, f"{_dotted(location)}: {detail['msg']}"))
            continue
        group = _dotted(location[:-1])
        known = [path.rpartition(".")[2] for path in paths if path.rpartition(".")[0] == group]
        message = f"there is no option {_dotted(location)!r}"
        mistakes.append(OptionMistake(location, message, sorted(known), unknown=True))
    return mistakes


def _unexpected_keyword(model: Any, error: TypeError) -> OptionMistake:
    found = re.search(r"unexpected keyword argument '([^']+)'", str(error))
    if not found:
        return OptionMistake((), str(error))
    return OptionMistake(
        (found[1],),
        f"there is no option {found[1]!r}",
        sorted(_field_names(model)),
        unknown=True,
    )


def _dotted(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location)


def _notes(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """Warnings meant for the user; deprecations are the developers' business."""
    skipped = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
    return list(dict.fromkeys(str(w.message) for w in caught if not issubclass(w.category, skipped)))


@contextmanager
def _client_errors(doing: str) -> Iterator[None]:
    """Turn the client's exceptions into errors for the user."""
    import requests
    from qiskit.exceptions import QiskitError

    try:
        yield
    except QiskitError as error:
        raise _told(doing, str(getattr(error, "message", "") or error), type(error).__name__) from None
    except (requests.RequestException, OSError) as error:
        raise ServiceError(f"Could not {doing}: {error}", "Check the network.") from None
    except ValueError as error:
        raise ServiceError(f"Could not {doing}: {error}") from None


def _told(doing: str, message: str, kind: str) -> ServiceError:
    message_given, code = message, _code(message)
    # The client wraps the service's message in its own and in that of the HTTP library, and where it does
    # not find all the headers that it looks for, it appends the whole body.
    message = re.sub(r"^'?\"?(?:.*?(?:Client|Server) Error: .*? for url: \S+?\. )", "", message).strip("'\" ")
    message = re.sub(r",? Error code: \d+\.*( \{.*)?$", "", message, flags=re.DOTALL).rstrip(".") + "."
    text = f"Could not {doing}: {message}"
    status = _status(message_given)
    if "Unauthorized" in kind or "NotAuthorized" in kind or kind == "InvalidAccountError":
        return AccountError(text, "Check the token and the instance of the account.", code=code)
    return ServiceError(text, status=status, code=code)


def _status(message: str) -> int | None:
    found = re.search(r"\b(\d{3}) (?:Client|Server) Error", message)
    return int(found[1]) if found else None


def _code(message: str) -> int | None:
    found = re.search(r"Error code: (\d{4})|\"code\":\s*(\d{4})", message)
    return int(found[1] or found[2]) if found else None
