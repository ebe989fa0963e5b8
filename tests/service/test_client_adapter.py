"""The adapter to the client, and each private name of it that the adapter uses.

When one of these fails after an upgrade of qiskit-ibm-runtime, ``qrun/runtime/client.py`` is what to change.
"""

from __future__ import annotations

import inspect
import json
import os

import pytest

from qrun.errors import AccountError
from qrun.runtime.accounts import find_account
from qrun.runtime.client import (
    CLIENT_SIDE,
    ESTIMATOR,
    SAMPLER,
    V2,
    RuntimeClient,
    check_options,
    decode_result,
    option_names,
)
from qrun.runtime.control import ControlChannel

GENERATIONS = (CLIENT_SIDE, V2)


@pytest.fixture(scope="module")
def account(service_env):
    before = dict(os.environ)
    os.environ.update(service_env)
    yield find_account("local")
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def client(account):
    return RuntimeClient(account)


@pytest.fixture(scope="module")
def backend(client):
    return client.backend("fake_manila")


@pytest.fixture(scope="module")
def bell(backend):
    from qiskit import QuantumCircuit
    from qiskit.transpiler import generate_preset_pass_manager

    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return generate_preset_pass_manager(backend=backend, optimization_level=1).run(circuit)


def test_private_session_run_takes_what_primitives_give_it():
    from qiskit_ibm_runtime import Session

    parameters = inspect.signature(Session._run).parameters
    assert list(parameters)[:4] == ["self", "program_id", "inputs", "options"]
    assert "create_new" in inspect.signature(Session.__init__).parameters


def test_private_decoders_are_there():
    from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS

    assert {"sampler", "estimator", "executor"} <= set(DEFAULT_DECODERS)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("mode", ["job", "batch"])
def test_a_prepared_job_is_sent_later_and_its_stored_result_decoded(
    account, client, backend, bell, generation, mode
):
    sampler = client.prepare(
        SAMPLER, [(bell,)], backend=backend, options={}, tags=["t-s"], shots=100, generation=generation
    )
    from qiskit.quantum_info import SparsePauliOp

    observable = SparsePauliOp("ZZ").apply_layout(bell.layout)
    bare = bell.remove_final_measurements(inplace=False)
    estimator = client.prepare(
        ESTIMATOR,
        [(bare, observable)],
        backend=backend,
        options={},
        tags=["t-e"],
        precision=0.1,
        generation=generation,
    )
    expected = {CLIENT_SIDE: ("executor", "executor"), V2: ("sampler", "estimator")}[generation]
    assert (sampler.program_id, estimator.program_id) == expected
    with ControlChannel(account) as channel:
        before = len(channel.jobs(tags=["t-s"]))
        session_id = None if mode == "job" else channel.create_session(mode, "fake_manila")
        ids = [channel.create_job(_body(job, session_id)) for job in (sampler, estimator)]
        if session_id:
            channel.close_session(session_id)
        jobs = channel.jobs(tags=["t-s"])
        assert len(jobs) == before + 1, "preparing sends nothing, sending sends once"
        assert jobs[-1].session_id == session_id
        _wait(channel, ids)
        counts = decode_result(expected[0], channel.result_text(ids[0]))[0].data.meas.get_counts()
        assert sum(counts.values()) == 100
        assert decode_result(expected[1], channel.result_text(ids[1]))[0].data.evs == pytest.approx(
            1, abs=0.3
        )


def _body(job, session_id=None):
    head, params = job.request()
    more = {"session_id": session_id} if session_id else {}
    return json.dumps({**head, **more, "params": json.loads(params)}).encode()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_what_is_sent_is_what_the_client_would_send(client, backend, bell, generation, monkeypatch):
    """The client's own sending, as far as its last call, against the request that qrun makes of the job."""
    job = client.prepare(
        SAMPLER,
        [(bell,)],
        backend=backend,
        options={"max_execution_time": 77} | ({} if generation == CLIENT_SIDE else {"default_shots": 9}),
        tags=["t-a", "t-b"],
        shots=100,
        generation=generation,
    )
    sent = []

    class Stop(Exception):
        pass

    def post(self, url, **arguments):
        sent.append(json.loads(arguments["data"]))
        raise Stop

    from qiskit_ibm_runtime.api.session import RetrySession

    monkeypatch.setattr(RetrySession, "post", post)
    arguments = {**job.arguments, "options": {**job.arguments["options"], "backend": backend}}
    with pytest.raises(Stop):
        client._service._run(program_id=job.program_id, **arguments)
    assert json.loads(_body(job)) == sent[0]
    assert sent[0]["cost"] == 77


def _wait(channel, ids):
    import time

    for _ in range(300):
        if all(channel.job(job_id).ended for job_id in ids):
            return
        time.sleep(0.1)
    raise AssertionError("the jobs did not end")


def test_the_client_refuses_a_circuit_that_is_not_for_the_backend_before_anything_is_sent(client, backend):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.rzz(-7.0, 0, 1)
    circuit.measure_all()
    with pytest.raises(Exception, match=r"rzz|ISA|target"):
        client.prepare(SAMPLER, [(circuit,)], backend=backend, options={}, tags=[], shots=1, generation=V2)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_option_models(generation):
    assert "default_shots" in option_names(SAMPLER, generation)
    assert "resilience_level" in option_names(ESTIMATOR, generation)
    assert "resilience_level" not in option_names(SAMPLER, generation)
    assert check_options(SAMPLER, {"twirling": {"enable_gates": True}}, generation) == []
    [mistake] = check_options(SAMPLER, {"twirlling": {}}, generation)
    assert mistake.location[-1] == "twirlling"


def test_a_nested_option_suggests_its_neighbours():
    [mistake] = check_options(ESTIMATOR, {"resilience": {"zne_mitigatoin": True}})
    assert mistake.location == ("resilience", "zne_mitigatoin")
    assert "zne_mitigation" in mistake.known


def test_backends(client):
    assert {"fake_fez", "fake_sherbrooke", "fake_manila", "ideal"} <= set(client.backend_names())
    assert client.backend("fake_fez").num_qubits == 156
    assert client.backend("fake_sherbrooke").num_qubits == 127
    assert client.backend("fake_manila").num_qubits == 5
    assert client.backend("nix") is None
    assert client.least_busy(min_num_qubits=140).name == "fake_fez"
    assert client.least_busy(min_num_qubits=1000) is None


def test_the_plan_of_the_instance_is_told(client):
    assert client.plan_name()


def test_m16_times_to_live_are_the_services(account):
    with ControlChannel(account) as channel:
        session_id = channel.create_session("session", "fake_manila", max_ttl=1234)
        session = channel.session(session_id)
        assert (session.mode, session.interactive_ttl_seconds, session.max_ttl_seconds) == (
            "session",
            60,
            1234,
        )
        channel.close_session(session_id)
        assert channel.session(session_id).closed
        channel.close_session("00000000-0000-0000-0000-000000000000")


def test_a_wrong_token_is_an_account_error(account):
    from dataclasses import replace

    wrong = replace(account, token="x" * 40)
    with pytest.raises(AccountError), ControlChannel(wrong) as channel:
        channel.jobs()
    with pytest.raises(AccountError) as error:
        RuntimeClient(wrong)
    assert "x" * 40 not in str(error.value)
