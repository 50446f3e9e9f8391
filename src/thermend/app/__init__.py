"""The command line: one module a command, `main` in front; `inputs`, `outputs` and `batch` are what they share."""
