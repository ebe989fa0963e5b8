// Bernstein and Vazirani's circuit for the secret 101: one query finds it. The last qubit answers.
OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
qreg answer[1];
creg secret[3];
x answer[0];
h answer[0];
h q;
barrier q;
cx q[0], answer[0];
cx q[2], answer[0];
barrier q;
h q;
measure q -> secret;
