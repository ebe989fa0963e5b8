"""A job that asks for more memory than there is fails alone, with a reason."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zlib

import numpy as np
import pytest

BOMB_BYTES = 1 << 30

SCRIPT = """
import sys
from qrun.local import worker
from qrun.local.simulation.outcome import ProgramError

worker.warm_up("ideal")
used = int(open("/proc/self/statm").read().split()[0]) * 4096
worker.limit_address_space(used + (512 << 20))
try:
    worker.work("ideal", "sampler", sys.stdin.buffer.read())
except ProgramError as error:
    print(error.message)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to the limit")
def test_a_decompression_bomb_is_its_jobs_own_fault() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (BOMB_BYTES // 8,)}
    )
    packer = zlib.compressobj(1)
    zeros = bytes(1 << 20)
    parts = [packer.compress(header.getvalue()), *(packer.compress(zeros) for _ in range(BOMB_BYTES >> 20))]
    bomb = base64.b64encode(b"".join([*parts, packer.flush()])).decode()
    params = {"pubs": [["x", {"__type__": "ndarray", "__value__": bomb}]], "version": 2}
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=zlib.compress(json.dumps(params).encode()), capture_output=True, timeout=60,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr.decode()
    assert finished.stdout.decode().startswith(("The job needs more memory", "The params cannot be read"))


def test_running_out_of_memory_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from qrun.local import worker
    from qrun.local.simulation import programs
    from qrun.local.simulation.outcome import ProgramError

    def greedy(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(programs, "run_program", greedy)
    with pytest.raises(ProgramError, match="more memory"):
        worker.work("ideal", "sampler", zlib.compress(b"{}"))
