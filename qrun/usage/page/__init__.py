"""The report's page: its template, style and script."""
