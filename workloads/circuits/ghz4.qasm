// A GHZ state of four qubits whose relative phase is 4 phi.
OPENQASM 3.0;
include "stdgates.inc";
input float phi;
qubit[4] q;
h q[0];
cx q[0], q[1];
cx q[1], q[2];
cx q[2], q[3];
rz(phi) q[0];
rz(phi) q[1];
rz(phi) q[2];
rz(phi) q[3];
