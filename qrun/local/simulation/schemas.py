"""Results of the program ``executor`` in each version of its published schema."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from ibm_quantum_schemas.common import CompressedTensorModel, TensorModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from qrun.local.simulation.program import ItemOutcome

_FIRST_COMPRESSED = 2
"""Major version from which tensors are compressed (and of any type)."""
_FIRST_WITH_ELEMENT_RANGES = 1
"""Major version from which chunks say which elements they hold."""


def encode(
    version: str,
    items: Sequence[ItemOutcome],
    spans: Sequence[tuple[datetime, datetime]],
    passthrough_data: Any,
    semantic_role: str | None,
) -> str:
    """A program's result as JSON text.

    Args:
        version: Schema version of the request, as ``"v2.0"``.
        items: What the items gave.
        spans: Modelled start and end of each item's execution, in UTC.
        passthrough_data: The request's own, as its schema model holds it.
        semantic_role: The request's own.
    """
    major, minor = version.removeprefix("v").split(".")
    models: Any = import_module(f"ibm_quantum_schemas.executor.version_{major}_{minor}.models")
    tensor = CompressedTensorModel if int(major) >= _FIRST_COMPRESSED else TensorModel
    data = [
        models.QuantumProgramResultItemModel(
            results={name: tensor.from_numpy(_sendable(array)) for name, array in item.arrays.items()},
            metadata=models.ItemMetadataModel() if hasattr(models, "ItemMetadataModel") else None,
        )
        for item in items
    ]
    chunks = [
        models.ChunkSpan(start=start, stop=stop, parts=[_part(models, int(major), index, item)])
        for index, (item, (start, stop)) in enumerate(zip(items, spans, strict=True))
    ]
    extra = {"passthrough_data": passthrough_data, "semantic_role": semantic_role}
    result = models.QuantumProgramResultModel(
        data=data,
        metadata=models.MetadataModel(chunk_timing=chunks),
        **{
            name: value
            for name, value in extra.items()
            if name in models.QuantumProgramResultModel.model_fields
        },
    )
    text: str = result.model_dump_json()
    return text


def _part(models: Any, major: int, index: int, item: ItemOutcome) -> Any:
    arguments: dict[str, Any] = {"idx_item": index, "size": item.size}
    if major >= _FIRST_WITH_ELEMENT_RANGES:
        arguments["permutation"] = list(range(len(item.shape)))
        arguments["element_range"] = (0, item.size, 1)
    return models.ChunkPart(**arguments)


def _sendable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in a type that all schema versions have: integers of the older ones become floats."""
    if array.dtype in (np.bool_, np.float64, np.uint8, np.complex128):
        return array
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
