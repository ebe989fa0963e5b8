"""Iterative workloads: optimizers whose every evaluation is a job, several loops in one session, replayed on resume."""
