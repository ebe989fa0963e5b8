"""Queue, lanes, QPU lock, batches and sessions: a pure state machine; time is passed in."""

from __future__ import annotations

from qrun.local.scheduling.background import LEVELS, Background, Others
from qrun.local.scheduling.device import DeviceScheduler, NotAccepting
from qrun.local.scheduling.history import JobHistory, WorkloadHistory
from qrun.local.scheduling.rules import Rules
from qrun.local.scheduling.shares import Shares
from qrun.local.scheduling.usage import batch_usage, job_usage, session_usage, workload_usage

__all__ = [
    "LEVELS",
    "Background",
    "DeviceScheduler",
    "JobHistory",
    "NotAccepting",
    "Others",
    "Rules",
    "Shares",
    "WorkloadHistory",
    "batch_usage",
    "job_usage",
    "session_usage",
    "workload_usage",
]
