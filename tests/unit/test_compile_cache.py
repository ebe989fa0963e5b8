"""The cache on disk: whole entries or none, a bounded size, and never a reason for a run to fail."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2

from qrun.workload import compile_cache
from qrun.workload.compile import compile_pubs
from qrun.workload.compile_cache import CompileCache, key_of, target_hash
from qrun.workload.compile_worker import to_qpy
from tests.unit.compiling import backend, workload

KEY = "ab" + "0" * 62


def circuit(gates: int = 1):
    made = QuantumCircuit(2)
    for _ in range(gates):
        made.rz(Parameter("a") if gates == 1 else 0.1, 0)
    return made


@pytest.fixture
def cache(tmp_path):
    return CompileCache(tmp_path / "isa")


def entries(cache):
    return sorted(path for path in cache._folder.rglob("*") if path.is_file())


def test_what_is_put_comes_back(cache):
    assert cache.get(KEY) is None
    cache.put(KEY, to_qpy(circuit()))
    found = cache.get(KEY)
    assert found == circuit().assign_parameters({"a": found.parameters[0]})


def test_only_the_owner_can_read_it(cache):
    cache.put(KEY, to_qpy(circuit()))
    [path] = entries(cache)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        lambda content: b"something else",
        lambda content: content + b"more",
    ],
)
def test_a_spoilt_entry_is_ignored_and_replaced(cache, spoil):
    compile_pubs(workload("{circuit: bell}"), backend(), cache=cache)
    [path] = entries(cache)
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert compile_pubs(workload("{circuit: bell}"), backend(), cache=cache).compiled == 1
    assert compile_pubs(workload("{circuit: bell}"), backend(), cache=cache).compiled == 0


def test_a_folder_that_cannot_be_made_or_read_fails_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    cache = CompileCache(tmp_path / "file" / "isa")
    for _ in range(2):
        assert compile_pubs(workload("{circuit: bell}"), backend(), cache=cache).compiled == 1


def test_a_full_disk_fails_nothing_and_leaves_nothing(cache, monkeypatch):
    # What a full disk does: the system call fails after the file was made.
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compile_cache.os, "replace", full)
    assert compile_pubs(workload("{circuit: bell}"), backend(), cache=cache).compiled == 1
    assert entries(cache) == []


def test_what_was_used_longest_ago_goes_first(tmp_path):
    text = to_qpy(circuit(500))
    cache = CompileCache(tmp_path, most_bytes=4 * len(text))
    keys = [f"{number:02d}" + "0" * 62 for number in range(5)]
    for age, key in enumerate(keys):
        cache.put(key, text)
        [path] = tmp_path.glob(f"*/{key}.qpy")
        os.utime(path, (time.time() - 1000 + age,) * 2)
    assert cache.get(keys[0]) is not None
    cache.trim()
    assert [cache.get(key) is not None for key in keys] == [True, False, False, True, True]


def test_half_written_files_of_a_crash_go_away(cache):
    cache.put(KEY, to_qpy(circuit()))
    [path] = entries(cache)
    old, new = path.with_name("old.part"), path.with_name("new.part")
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.trim()
    assert entries(cache) == sorted([path, new])


def test_several_threads_at_one_entry(tmp_path):
    text = to_qpy(circuit(300))

    def use(_):
        cache = CompileCache(tmp_path, most_bytes=len(text) // 2)
        for _ in range(20):
            cache.put(KEY, text)
            found = cache.get(KEY)
            assert found is None or found.size() == 300
            cache.trim()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(use, range(4)))


def test_several_processes_at_one_folder(tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.unit.compiling import backend, workload\n"
        "from qrun.workload.compile import compile_pubs\n"
        "from qrun.workload.compile_cache import CompileCache\n"
        "done = compile_pubs(workload('{circuit: bell}'), backend(), cache=CompileCache(Path(sys.argv[1])))\n"
        "assert done.from_cache + done.compiled == 1\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    done = compile_pubs(workload("{circuit: bell}"), backend(), cache=CompileCache(tmp_path))
    assert (done.from_cache, done.compiled) == (1, 0)


def test_a_calibration_is_known_by_its_content():
    assert target_hash(backend().target) == target_hash(
        GenericBackendV2(
            5,
            basis_gates=["cx", "id", "rz", "sx", "x"],
            coupling_map=[pair for a in range(4) for pair in ([a, a + 1], [a + 1, a])],
            seed=1,
            control_flow=True,
        ).target
    )
    assert target_hash(backend(1).target) != target_hash(backend(2).target)


def test_a_key_holds_the_name_of_the_backend_and_the_options():
    keys = {
        key_of("f", "t", "b", {}),
        key_of("f", "t", "b", {"seed_transpiler": 1}),
        key_of("f", "t", "other", {}),
        key_of("f", "other", "b", {}),
        key_of("other", "t", "b", {}),
    }
    assert len(keys) == 5
