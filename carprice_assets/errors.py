"""The one exception that means: the caller can mend this."""

from __future__ import annotations


class UserError(Exception):
    """Bad input, told in one line that names the thing at fault.

    The command line prints the message and exits with 2; a Dagster step fails with it. Any
    other exception is a defect of the platform and keeps its traceback.
    """
