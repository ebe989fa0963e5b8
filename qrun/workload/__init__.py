"""A YAML file in; a workload out: circuits, observables, parameter values, PUBs; then ISA circuits."""
