"""An ordinary script of an ordinary user: it knows nothing of qrun. Prints one JSON document."""

import json
import sys

from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import Batch, EstimatorV2, QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler

# With an argument: through the proxy of a made-up domain, everything given to the service object.
service = QiskitRuntimeService(**json.loads(sys.argv[1])) if len(sys.argv) > 1 else QiskitRuntimeService()
backend = service.backend("fake_manila")
bell = QuantumCircuit(2)
bell.h(0)
bell.cx(0, 1)
measured = bell.measure_all(inplace=False)
passes = generate_preset_pass_manager(optimization_level=1, backend=backend, seed_transpiler=7)
isa_bell, isa_measured = passes.run([bell, measured])
parity = SparsePauliOp("ZZ").apply_layout(isa_bell.layout)
found = {"backends": [backend.name for backend in service.backends()], "modes": {}}


def told(job):
    if job.primitive_id == "sampler" or "meas" in job.result()[0].data:
        value = job.result()[0].data.meas.get_counts()
    else:
        value = float(job.result()[0].data.evs)
    return {
        "id": job.job_id(),
        "program": job.primitive_id,
        "value": value,
        "status": job.status(),
        "usage": job.usage(),
        "metrics": job.metrics(),
        "estimate": job.usage_estimation["quantum_seconds"],
    }


for mode in (Session, Batch):
    with mode(backend=backend, max_time="25m") as workload:
        pending = workload.status()
        jobs = [
            Sampler(mode=workload).run([isa_measured], shots=1000),
            Estimator(mode=workload).run([(isa_bell, parity)]),
        ]
        if mode is Session:
            jobs.append(SamplerV2(mode=workload).run([isa_measured], shots=1000))
            jobs.append(EstimatorV2(mode=workload).run([(isa_bell, parity)]))
        answers = [told(job) for job in jobs]
        during = workload.status()
    found["modes"][mode.__name__] = {
        "jobs": answers,
        "statuses": [pending, during, workload.status()],
        "usage": workload.usage(),
        "details": workload.details(),
        "listed": [job.job_id() for job in service.jobs(session_id=workload.session_id, limit=None)],
    }

job = SamplerV2(mode=backend).run([isa_measured])
job.result()
job.update_tags(["kept"])
found["job"] = {"session": job.session_id, "tags": service.job(job.job_id()).tags, "inputs": list(job.inputs)}
wrong = SamplerV2(mode=backend)
wrong.options.max_execution_time = 1
late = wrong.run([isa_measured])
try:
    late.result()
except Exception as error:
    found["late"] = {"status": late.status(), "error": type(error).__name__, "usage": late.usage()}
found["instance_usage"] = service.usage()["usage_consumed_seconds"]
print(json.dumps(found))
