"""Iterative workloads: optimizers whose every evaluation is a job, several side by side in one session."""
