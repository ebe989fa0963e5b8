"""Methods of optimisation: which make sense on noisy values, and which options each takes.

Not among them are the methods of ``scipy.optimize.minimize`` that need second derivatives (Newton-CG, dogleg,
trust-ncg, trust-exact, trust-krylov): shot noise drowns a Hessian made of differences.
"""

from __future__ import annotations

import inspect
import re
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

from qrun.errors import WorkloadError
from qrun.workload.document import Document, Location
from qrun.workload.model import FiniteDifference, LoopSpec
from qrun.workload.words import did_you_mean

SPSA = "SPSA"


@dataclass(frozen=True)
class Method:
    """What a method is like."""

    gradient: bool = False
    """Whether it wants one."""
    bounds: bool = True
    """Whether it keeps them."""


METHODS = {
    "COBYLA": Method(),
    "COBYQA": Method(),
    "Nelder-Mead": Method(),
    "Powell": Method(),
    "CG": Method(gradient=True, bounds=False),
    "BFGS": Method(gradient=True, bounds=False),
    "L-BFGS-B": Method(gradient=True),
    "TNC": Method(gradient=True),
    "SLSQP": Method(gradient=True),
    "trust-constr": Method(gradient=True),
    SPSA: Method(),
}

_SECOND_ORDER = ("Newton-CG", "dogleg", "trust-ncg", "trust-exact", "trust-krylov")
_OURS = {
    "tol": "stop: {tolerance: …}",
    "bounds": "bounds: beside optimizer:",
    "jac": "gradient: beside method:",
    "x0": "initial_point: beside optimizer:",
    "callback": "python: a function of your own",
    "constraints": "bounds: beside optimizer:",
    "disp": "qrun watch",
    "iprint": "qrun watch",
}
"""Options of scipy that a workload writes elsewhere, or that would print into the terminal."""

_WITHOUT_EFFECT = ("eps", "finite_diff_rel_step", "workers", "return_all", "fun", "args", "hess", "hessp")
"""Options for gradients that scipy makes of differences itself, which it is never left to, and arguments."""

SPSA_OPTIONS: dict[str, Any] = {
    "maxiter": 100,
    "a": None,
    "c": 0.2,
    "A": None,
    "alpha": 0.602,
    "gamma": 0.101,
    "seed": 0,
    "resamplings": 1,
    "first_step": 0.1,
    "calibration": 25,
}
"""The options of SPSA and their defaults; what they mean is told in ``qrun.run.loops.spsa``."""


def check_optimizer(
    spec: LoopSpec, document: Document, location: Location
) -> tuple[str | float | None, list[WorkloadError]]:
    """The gradient that a loop's optimizer is given, and what is wrong with it that stops nothing else.

    Args:
        spec: The loop.
        document: The file.
        location: Where the loop stands.

    Returns:
        ``parameter-shift``, the step of finite differences, or ``None``; and mistakes.
    """
    optimizer, here = spec.optimizer, (*location, "optimizer")
    asked = (
        optimizer.gradient.finite_difference
        if isinstance(optimizer.gradient, FiniteDifference)
        else (optimizer.gradient)
    )
    if optimizer.method is None:
        return (None if asked in (None, "none") else asked), []
    # A method alone may be written as optimizer: NAME.
    place = (*here, "method")
    method = METHODS.get(optimizer.method)
    if method is None:
        return None, [_unknown(optimizer.method, document, place)]
    mistakes = _option_mistakes(optimizer.method, optimizer.options, document, (*here, "options"))
    if spec.bounds is not None and not method.bounds:
        mistakes.append(
            document.error(
                (*location, "bounds"),
                f"{optimizer.method} keeps no bounds.",
                f"Leave them out, or use one of {', '.join(n for n, m in METHODS.items() if m.bounds)}.",
            )
        )
    if not method.gradient:
        if asked not in (None, "none"):
            mistakes.append(
                document.error((*here, "gradient"), f"{optimizer.method} uses no gradient.", "Leave it out.")
            )
        return None, mistakes
    if asked == "none":
        mistakes.append(
            document.error(
                (*here, "gradient"),
                f"{optimizer.method} needs a gradient; scipy's own differences have a step of 1e-8, which "
                "shot noise drowns.",
                "Use parameter-shift, or {finite_difference: 0.1}.",
            )
        )
    return ("parameter-shift" if asked in (None, "none") else asked), mistakes


def _unknown(name: str, document: Document, location: Location) -> WorkloadError:
    if name in _SECOND_ORDER:
        return document.error(
            location,
            f"{name} needs second derivatives, which shot noise drowns.",
            "Use L-BFGS-B, BFGS or SLSQP with parameter-shift, or COBYLA.",
        )
    return document.error(
        location, f"There is no method {name!r}.", did_you_mean(name, METHODS) or "Use COBYLA or SPSA."
    )


def _option_mistakes(
    method: str, options: dict[str, Any], document: Document, location: Location
) -> list[WorkloadError]:
    if not options:
        return []
    known = option_names(method)
    mistakes = []
    for name in options:
        if name in _OURS:
            mistakes.append(
                document.error(
                    (*location, name),
                    f"{name!r} is not set among the options.",
                    f"Write {_OURS[name]}.",
                    at_key=True,
                )
            )
        elif name not in known:
            mistakes.append(
                document.error(
                    (*location, name),
                    f"{method} has no option {name!r}.",
                    did_you_mean(name, sorted(known)),
                    at_key=True,
                )
            )
    if not mistakes and (refusal := _refusal(method, options)):
        mistakes.append(document.error(location, f"{method} refuses these options: {refusal}.", None))
    return mistakes


@cache
def option_names(method: str) -> frozenset[str]:
    """The options that a method takes, as scipy's documentation of it lists them."""
    if method == SPSA:
        return frozenset(SPSA_OPTIONS)
    from scipy.optimize import show_options

    text = inspect.cleandoc(show_options(solver="minimize", method=method, disp=False) or "")
    section = re.split(r"^(?:Options|Parameters)\n-+$", text, flags=re.MULTILINE)[-1]
    section = re.split(r"^\w[\w ]*\n-+$", section, flags=re.MULTILINE)[0]
    listed = re.findall(r"^ {0,4}(\w+(?:, \w+)*) : ", section, re.MULTILINE)
    return frozenset(name for line in listed for name in line.split(", ")) - {*_OURS, *_WITHOUT_EFFECT}


def _refusal(method: str, options: dict[str, Any]) -> str | None:
    """What a method says against the values of its options, tried on a parabola of two parameters."""
    import numpy as np

    if method == SPSA:
        return _spsa_refusal(options)
    calls = 0

    def parabola(x: Any) -> float:
        nonlocal calls
        calls += 1
        if calls > 50:
            raise StopIteration
        return float(np.sum(x**2))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _try(method, parabola, options)
        except StopIteration:
            pass
        except Exception as error:
            # scipy's methods check their options each in its own way, or fail on them.
            return str(error).rstrip(".") or type(error).__name__
    unknown = [str(w.message) for w in caught if "Unknown solver options" in str(w.message)]
    return unknown[0] if unknown else None


def _try(method: str, function: Any, options: dict[str, Any]) -> None:
    from scipy.optimize import minimize

    start = [0.3, -0.2]
    jac = (lambda x: 2 * x) if METHODS[method].gradient else None
    minimize(function, start, method=method, jac=jac, options=options)


def _spsa_refusal(options: dict[str, Any]) -> str | None:
    for name, value in options.items():
        if value is None and SPSA_OPTIONS[name] is None:
            continue
        whole = name in ("maxiter", "seed", "resamplings", "calibration")
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return f"{name} is {'a whole' if whole else 'a'} number"
        if value < 0 or (value == 0 and name not in ("seed", "A", "calibration")):
            return f"{name} is positive"
    return None
