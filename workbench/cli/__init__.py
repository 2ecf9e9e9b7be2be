"""The command line. Nothing else imports it; `--help` imports nothing heavy."""
