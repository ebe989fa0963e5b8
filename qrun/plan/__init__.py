"""A workload and a device in; a plan out: PUBs packed into jobs, and a mode."""
