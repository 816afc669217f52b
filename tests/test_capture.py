"""That a command which sets up logging leaves the capture of the tests after it."""

from __future__ import annotations

import logging.config
import sys

import click
from click.testing import CliRunner


def test_logging_set_up_in_a_command_closes_nothing_of_pytest() -> None:
    from absl.logging import get_absl_handler

    before = sys.stderr

    @click.command()
    def command() -> None:
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})

    assert get_absl_handler().python_handler.stream is not before
    assert CliRunner().invoke(command, catch_exceptions=False).exit_code == 0
    assert not before.closed
