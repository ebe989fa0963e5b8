"""Numbers of a file: as they are, or as arithmetic with pi in text, by a library that evaluates no code."""

from __future__ import annotations

import ast
import math
import operator
from functools import lru_cache
from typing import Any

LONGEST = 200
"""Characters of one expression."""

NAMES = {"pi": math.pi, "e": math.e, "tau": math.tau}
FUNCTIONS = {
    name: getattr(math, name) for name in ("sqrt", "sin", "cos", "tan", "exp", "log", "acos", "asin", "atan")
}


def number(value: Any) -> float:
    """A number, or the value of an expression such as ``-2*pi/3``.

    Args:
        value: What the file says.

    Returns:
        A finite number.

    Raises:
        ValueError: It is no number; the message says why, without a full stop.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{_shown(value)} is not a number")  # noqa: TRY004
    try:
        found = _evaluate(value) if isinstance(value, str) else float(value)
    except OverflowError:
        raise ValueError(f"{_shown(value)} is too large a number") from None
    if not math.isfinite(found):
        raise ValueError(f"{_shown(value)} is not finite")
    return found


def whole(value: Any) -> int:
    """A whole number of the same kinds.

    Raises:
        ValueError: It is none.
    """
    found = number(value)
    if found != int(found):
        raise ValueError(f"{_shown(value)} is not a whole number")
    return int(found)


@lru_cache(maxsize=4096)
def _evaluate(text: str) -> float:
    import simpleeval

    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters, this one has {len(text)}")
    try:
        found = _evaluator().eval(text.strip())
    except simpleeval.NameNotDefined as error:
        raise ValueError(_unknown(text, str(getattr(error, "name", "")), list(NAMES))) from None
    except simpleeval.FunctionNotDefined as error:
        raise ValueError(_unknown(text, str(getattr(error, "func_name", "")), list(FUNCTIONS))) from None
    except OverflowError:
        raise
    except ZeroDivisionError:
        raise ValueError(f"{text!r} divides by zero") from None
    except Exception:
        # A parser and a dozen operators fail in as many ways; each means that this is no arithmetic.
        raise ValueError(f"{text!r} is not arithmetic with numbers and pi") from None
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise ValueError(f"{text!r} is not a real number")  # noqa: TRY004
    return float(found)


@lru_cache(maxsize=1)
def _evaluator() -> Any:
    import simpleeval

    operators = {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: _power,
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
    }
    evaluator = simpleeval.SimpleEval(operators=operators, functions=dict(FUNCTIONS), names=dict(NAMES))
    # Arithmetic has no conditions, comparisons, attributes or subscripts.
    arithmetic = (ast.Expr, ast.Constant, ast.Name, ast.UnaryOp, ast.BinOp, ast.Call)
    evaluator.nodes = {kind: evaluator.nodes[kind] for kind in arithmetic}
    evaluator.nodes[ast.Constant] = _constant
    return evaluator


def _constant(node: ast.Constant) -> int | float:
    # Text times a number would be as long as the number says.
    if type(node.value) not in (int, float):
        raise ValueError("only numbers are constants here")
    return node.value  # type: ignore[return-value]


def _power(base: Any, exponent: Any) -> float:
    # Of floats: a power of whole numbers could have a million digits.
    return math.pow(float(base), float(exponent))


def _unknown(text: str, name: str, known: list[str]) -> str:
    return f"{text!r} has the name {name!r}, which is none of {', '.join(known)}"


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return f"a {'list' if isinstance(value, list) else 'mapping'}"
    try:
        text = repr(value)
    except ValueError:  # an integer with thousands of digits
        return "this integer"
    return text if len(text) <= 60 else text[:59] + "…"
