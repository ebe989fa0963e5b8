"""A plan in; jobs on a service out: submit, follow, collect, cancel, close."""
