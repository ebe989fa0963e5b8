"""Arrays of numbers: written out, made by a generator such as ``linspace``, or read from a file."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrun.workload.arithmetic import number, whole
from qrun.workload.document import Document, Location
from qrun.workload.paths import check_size, path_inside, read_inside
from qrun.workload.words import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_NUMBERS = 100_000_000
"""Numbers of all parameter values of a workload together."""
MOST_FILE_BYTES = 8 * MOST_NUMBERS + 1_000_000
MOST_CSV_BYTES = 64 * 1024 * 1024

GENERATORS = ("linspace", "arange", "logspace", "random", "file", "values")
"""Keys that make an array of numbers."""
_EXTRA_KEYS = {"file": ("array", "column")}
DISTRIBUTIONS = {"uniform": ("low", "high"), "normal": ("mean", "std")}


class Numbers:
    """Makes the arrays of one workload, and keeps their sum bounded.

    Args:
        document: The file.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._made = 0

    def array(self, spec: Any, location: Location, column: str | None = None) -> NDArray[Any]:
        """The numbers that a part of the file means.

        Args:
            spec: A number, arithmetic in text, nested lists of these, or a generator.
            location: Where it stands.
            column: The column or array to prefer in a file that names several.

        Returns:
            Finite floats, at least one.

        Raises:
            WorkloadError: They aren't numbers, are ragged, too many, or can't be read.
        """
        import numpy as np

        try:
            found = np.asarray(self._nested(spec, location, column), dtype=float)
        except ValueError:
            raise self._document.error(
                location,
                "These are not numbers in lists of equal length.",
                "For example:  [[0.1, 0.2], [0.3, 0.4]]",
            ) from None
        if found.size == 0:
            raise self._document.error(
                location, "There are no values in this list.", "Give at least one number."
            )
        if not np.isfinite(found).all():
            raise self._document.error(location, "A parameter value is not finite.", "Give finite numbers.")
        return found

    def count(self, more: int, location: Location) -> None:
        """Note that so many numbers are about to be made.

        Raises:
            WorkloadError: They are more than a workload can have.
        """
        self._made += more
        if self._made > MOST_NUMBERS:
            raise self._document.error(
                location, f"The workload has more than {MOST_NUMBERS:,} parameter values.", "Run it in parts."
            )

    def is_generator(self, spec: Any) -> bool:
        """Whether a mapping makes an array, and isn't one from names to values."""
        return isinstance(spec, dict) and any(key in spec for key in GENERATORS)

    def _nested(self, spec: Any, location: Location, column: str | None) -> Any:
        if isinstance(spec, list):
            return [self._nested(item, (*location, index), column) for index, item in enumerate(spec)]
        if isinstance(spec, dict):
            return self._generate(spec, location, column)
        self.count(1, location)
        return self._number(spec, location)

    def _number(self, value: Any, location: Location) -> float:
        try:
            return number(value)
        except ValueError as error:
            raise self._document.error(
                location, f"{str(error)[0].upper()}{str(error)[1:]}.", "Write a number such as 0.5 or pi/4."
            ) from None

    def _whole(self, value: Any, location: Location) -> int:
        try:
            return whole(value)
        except ValueError as error:
            raise self._document.error(location, f"{error}.", "Write a whole number.") from None

    def _generate(self, spec: dict[str, Any], location: Location, column: str | None) -> NDArray[Any]:
        kind = next((key for key in GENERATORS if key in spec), None)
        if kind is None:
            word = next(iter(spec), "")
            raise self._document.error(
                (*location, word),
                f"{word!r} makes no numbers." if spec else "This mapping is empty.",
                did_you_mean(word, GENERATORS),
                at_key=True,
            )
        for key in spec:
            if key != kind and key not in _EXTRA_KEYS.get(kind, ()):
                raise self._document.error(
                    (*location, key),
                    f"There is no key {key!r} beside {kind}.",
                    did_you_mean(key, (kind, *_EXTRA_KEYS.get(kind, ()))),
                    at_key=True,
                )
        here = (*location, kind)
        if kind == "values":
            return self.array(spec[kind], here, column)
        if kind == "file":
            return self._file(spec, location, column)
        make: Callable[[Any, Location], NDArray[Any]] = getattr(self, f"_{kind}")
        return make(spec[kind], here)

    def _triple(self, given: Any, form: str, location: Location, least: int = 3) -> list[float]:
        if not isinstance(given, list) or not least <= len(given) <= 3:
            raise self._document.error(
                location, f"{location[-1]} takes {form}.", f"For example:  {location[-1]}: [0, 2*pi, 9]"
            )
        return [self._number(value, (*location, index)) for index, value in enumerate(given)]

    def _linspace(self, given: Any, location: Location) -> NDArray[Any]:
        import numpy as np

        start, stop, _ = self._triple(given, "[start, stop, number of points]", location)
        points = self._points(given[2], (*location, 2))
        with np.errstate(all="ignore"):  # what is not finite is told by array()
            return np.linspace(start, stop, points)

    def _logspace(self, given: Any, location: Location) -> NDArray[Any]:
        import numpy as np

        start, stop, _ = self._triple(given, "[exponent of 10, exponent of 10, number of points]", location)
        points = self._points(given[2], (*location, 2))
        with np.errstate(all="ignore"):
            return np.logspace(start, stop, points)

    def _points(self, value: Any, location: Location) -> int:
        points = self._whole(value, location)
        if points < 1:
            raise self._document.error(location, "At least one point is needed.", "For example:  [0, 1, 11]")
        self.count(points, location)
        return points

    def _arange(self, given: Any, location: Location) -> NDArray[Any]:
        import numpy as np

        bounds = self._triple(given, "[start, stop, step]", location, least=2)
        start, stop, step = bounds if len(bounds) == 3 else (*bounds, 1.0)
        if step == 0 or (stop - start) / step <= 0:
            raise self._document.error(
                location,
                "This range has no values.",
                "The step leads from start towards stop, which is left out.",
            )
        steps = (stop - start) / step
        self.count(math.ceil(steps) if steps < MOST_NUMBERS else MOST_NUMBERS + 1, location)
        return np.arange(start, stop, step)

    def _random(self, given: Any, location: Location) -> NDArray[Any]:
        import numpy as np

        if not isinstance(given, dict):
            raise self._document.error(
                location, "random takes a mapping.", "For example:  random: {shape: [10, 4], seed: 1}"
            )
        kind = given.get("distribution", "uniform")
        if not isinstance(kind, str) or kind not in DISTRIBUTIONS:
            raise self._document.error(
                (*location, "distribution"),
                f"There is no distribution {kind!r}.",
                did_you_mean(kind, DISTRIBUTIONS),
            )
        known = ("shape", "seed", "distribution", *DISTRIBUTIONS[kind])
        for key in given:
            if key not in known:
                raise self._document.error(
                    (*location, key), f"There is no key {key!r} here.", did_you_mean(key, known), at_key=True
                )
        if "seed" not in given:
            raise self._document.error(
                location,
                "random needs a seed, so that the file means the same values each time.",
                "Add seed: 1",
            )
        seed = self._whole(given["seed"], (*location, "seed"))
        if seed < 0:
            raise self._document.error(
                (*location, "seed"), "A seed is not negative.", "For example:  seed: 1"
            )
        shape = self._shape(given.get("shape", []), (*location, "shape"))
        low, high = (
            self._number(given.get(name, default), (*location, name))
            for name, default in zip(DISTRIBUTIONS[kind], (0, 1), strict=True)
        )
        generator = np.random.default_rng(seed)
        try:
            return np.asarray(getattr(generator, kind)(low, high, shape))
        except (ValueError, OverflowError) as error:
            raise self._document.error(location, f"random: {error}.", "Check its numbers.") from None

    def _shape(self, given: Any, location: Location) -> tuple[int, ...]:
        sizes = given if isinstance(given, list) else [given]
        shape = tuple(self._whole(size, (*location, i)) for i, size in enumerate(sizes))
        if any(size < 1 for size in shape):
            raise self._document.error(
                location, "Each axis of a shape has at least one value.", "shape: [10, 4]"
            )
        self.count(math.prod(shape), location)
        return shape

    def named_file(self, spec: Any, location: Location) -> dict[str, NDArray[Any]]:
        """The named columns or arrays of a ``.csv`` or ``.npz`` file; nothing where it has no names.

        Raises:
            WorkloadError: The file can't be read.
        """
        if not isinstance(spec, dict) or set(spec) != {"file"} or not isinstance(spec["file"], str):
            return {}
        name, here = spec["file"], (*location, "file")
        suffix = Path(name).suffix.lower()
        if suffix == ".csv":
            return self._csv(name, here)[0]
        return self._npz(name, None, here) if suffix == ".npz" else {}

    def _file(self, spec: dict[str, Any], location: Location, column: str | None) -> NDArray[Any]:
        import numpy as np

        name, here = spec["file"], (*location, "file")
        for key in spec:
            if not isinstance(spec[key], str):
                raise self._document.error((*location, key), f"{key} takes a name.", "file: values.npy")
        suffix = Path(name).suffix.lower()
        if suffix == ".npy":
            return self._npy(name, here)
        if suffix == ".npz":
            asked = spec.get("array")
            arrays = self._npz(name, asked, here)
            return self._one(arrays, asked, column, "array", name, location)
        if suffix == ".csv":
            columns, whole_table = self._csv(name, here)
            asked = spec.get("column")
            if asked is None and not columns:
                return whole_table
            elements = [columns[word] for word in columns if word.startswith(f"{column}[")]
            if asked is None and column not in columns and elements and len(elements) == len(columns):
                return np.stack(elements, axis=-1)
            return self._one(columns, asked, column, "column", name, location)
        raise self._document.error(here, f"{name} is no .npy, .npz or .csv file.", "Rename or convert it.")

    def _one(
        self,
        arrays: dict[str, NDArray[Any]],
        asked: str | None,
        preferred: str | None,
        key: str,
        name: str,
        location: Location,
    ) -> NDArray[Any]:
        if asked is not None and asked not in arrays:
            raise self._document.error(
                (*location, key), f"{name} has no {key} {asked!r}.", did_you_mean(asked, arrays)
            )
        if asked is not None:
            return arrays[asked]
        if preferred in arrays:
            return arrays[preferred]
        if len(arrays) != 1:
            raise self._document.error(
                (*location, "file"),
                f"{name} has {len(arrays)} {key}s{f', and none is {preferred}' if preferred else ''}.",
                f"Add {key}: {' | '.join(arrays)}",
            )
        return next(iter(arrays.values()))

    def _npy(self, name: str, location: Location) -> NDArray[Any]:
        path = path_inside(name, self._document, location)
        check_size(path, name, MOST_FILE_BYTES, self._document, location)
        try:
            with path.open("rb") as file:
                return self._read_npy(file, name, location)
        except (ValueError, OSError, EOFError, TypeError) as error:
            raise self._broken(name, error, location) from None

    def _npz(self, name: str, asked: str | None, location: Location) -> dict[str, NDArray[Any]]:
        path = path_inside(name, self._document, location)
        check_size(path, name, MOST_FILE_BYTES, self._document, location)
        arrays = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    array = member.removesuffix(".npy")
                    if asked is None or asked == array or asked not in _stems(archive):
                        with archive.open(member) as file:
                            arrays[array] = self._read_npy(file, name, location)
        except (
            ValueError,
            OSError,
            EOFError,
            TypeError,
            RuntimeError,
            NotImplementedError,
            zipfile.BadZipFile,
        ) as error:
            raise self._broken(name, error, location) from None
        return arrays

    def _read_npy(self, file: Any, name: str, location: Location) -> NDArray[Any]:
        """An array, once its header says that it is numbers and not too many."""
        import numpy as np

        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)
        if any(size < 0 for size in shape):
            raise self._document.error(location, f"{name} is not a NumPy file: its shape is {shape}.")
        if dtype.kind not in "iuf" or dtype.hasobject:
            raise self._document.error(
                location, f"{name} holds {dtype}, not numbers.", "Save an array of floats."
            )
        count = math.prod(shape)
        self.count(count, location)
        raw = file.read(count * dtype.itemsize)
        array = np.frombuffer(raw, dtype=dtype, count=count).astype(float)
        return self._finite(array.reshape(shape, order="F" if fortran else "C"), name, location)

    def _finite(self, array: NDArray[Any], name: str, location: Location) -> NDArray[Any]:
        import numpy as np

        if not np.isfinite(array).all():
            raise self._document.error(
                location, f"{name} has a value that is not finite.", "Give finite numbers."
            )
        return array

    def _broken(self, name: str, error: Exception, location: Location) -> Exception:
        return self._document.error(location, f"{name} can't be read as an array: {error}.", "Is it whole?")

    def _csv(self, name: str, location: Location) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
        """The columns by the names of the header, if there is one, and the table (rows, columns)."""
        import numpy as np

        raw = read_inside(name, MOST_CSV_BYTES, self._document, location)
        try:
            text = raw.decode("utf-8-sig")
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._broken(name, error, location) from None
        header = [] if not rows or all(_is_number(cell) for cell in rows[0]) else [c.strip() for c in rows[0]]
        body = rows[1:] if header else rows
        if (
            not body
            or any(len(row) != len(body[0]) for row in body)
            or (header and len(header) != len(body[0]))
        ):
            raise self._document.error(location, f"{name} is no table of numbers.", "Give each row as many.")
        if twice := [word for index, word in enumerate(header) if word in header[:index]]:
            raise self._document.error(location, f"{name} has two columns {twice[0]!r}.", "Rename one.")
        self.count(len(body) * len(body[0]), location)
        table = np.array([[self._cell(cell, name, location) for cell in row] for row in body], dtype=float)
        self._finite(table, name, location)
        columns = {word: table[:, index] for index, word in enumerate(header)}
        return columns, table[:, 0] if table.shape[1] == 1 else table

    def _cell(self, cell: str, name: str, location: Location) -> float:
        try:
            return float(cell) if _is_number(cell) else number(cell)
        except ValueError as error:
            raise self._document.error(
                location, f"{name}: {error}.", "Write numbers below the header."
            ) from None


def _stems(archive: zipfile.ZipFile) -> set[str]:
    return {member.removesuffix(".npy") for member in archive.namelist()}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
