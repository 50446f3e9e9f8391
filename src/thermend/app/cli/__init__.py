"""The command line: one module a command, `main` in front, `console` for what all commands say."""
