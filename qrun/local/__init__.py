"""A Qiskit Runtime service on the user's own machine.

It speaks the service's REST interface on the loopback address, so the unmodified ``qiskit-ibm-runtime``
client talks to it. The rest of qrun reaches it in no other way: nothing above imports this package
(but ``qrun local …``, which starts and stops the process) and this package imports nothing above.
"""
