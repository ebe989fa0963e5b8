"""The command line: words in, calls down, and what they return drawn with rich or printed as JSON."""
