"""Job, session and run records in; usage accounts out."""
