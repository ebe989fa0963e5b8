"""The programs ``sampler``, ``estimator`` and ``executor`` on qiskit-aer, with modelled QPU time."""
