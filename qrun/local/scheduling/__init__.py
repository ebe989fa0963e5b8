"""Queue, lanes, QPU lock, batches and sessions: a pure state machine; time is passed in."""
