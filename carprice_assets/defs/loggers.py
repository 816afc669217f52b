"""The logger that commands use."""

import dagster as dg

from carprice_assets.defs.telling import plain_logger


@dg.definitions
def loggers() -> dg.Definitions:
    """``plain`` is for terminals; the UI has Dagster's own."""
    return dg.Definitions(loggers={"plain": plain_logger})
