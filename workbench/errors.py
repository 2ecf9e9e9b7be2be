"""The one exception that a person is meant to read."""


class UserError(Exception):
    """Something the user gave cannot be used. The message says what came, what was expected, and what to do.

    The command line prints the message alone and exits with status 2.
    """
