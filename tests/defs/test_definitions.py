"""Every definition of the Dagster layer against ``definitions.json``.

A change that is meant: ``CARPRICE_WRITE_SNAPSHOT=1 pytest tests/defs/test_definitions.py``, and
the difference of the file is read before it is committed.
"""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from carprice_assets.definitions import defs

SNAPSHOT = Path(__file__).with_name("definitions.json")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return defs()  # type: ignore[call-arg]


def names(keys: Any) -> list[str]:
    return sorted(key.to_user_string() for key in keys)


def partitions(definition: dg.PartitionsDefinition[str] | None) -> str | None:
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return f"dynamic: {definition.name}"
    return None if definition is None else repr(definition)


def columns(metadata: Any) -> dict[str, str] | None:
    """Column to type, with an exclamation mark where it is never NULL."""
    schema = metadata.get("dagster/column_schema")
    if schema is None:
        return None
    return {
        column.name: column.type + ("" if column.constraints.nullable else "!")
        for column in schema.columns
    }


def assets(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    found: dict[str, Any] = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        step = node.assets_def
        found[key.to_user_string()] = {
            "description": node.description,
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": list(node.owners),
            "code_version": node.code_version,
            "partitions": partitions(node.partitions_def),
            "deps": names(node.parent_keys),
            "pools": sorted(node.pools or ()),
            "step": step.op.name,
            "subsettable": step.can_subset,
            "io_manager": node.io_manager_key,
            "automation": node.automation_condition and node.automation_condition.get_label(),
            "config": config(step.op),
            "columns": columns(node.metadata),
        }
    return found


def config(op: dg.OpDefinition) -> dict[str, Any]:
    """Field to default of a step's run config."""
    schema = op.config_schema.config_type
    fields = getattr(schema, "fields", None) or {}
    return {
        name: field.default_value if field.default_provided else "required"
        for name, field in fields.items()
    }


def checks(definitions: dg.Definitions) -> dict[str, Any]:
    graph = definitions.resolve_asset_graph()
    return {
        f"{key.asset_key.to_user_string()}:{key.name}": {
            "description": node.description,
            "blocking": node.blocking,
            "partitions": partitions(node.partitions_def),
        }
        for key in graph.asset_check_keys
        for node in [graph.get(key)]
    }


def jobs(definitions: dg.Definitions) -> dict[str, Any]:
    return {
        job.name: {
            "description": job.description,
            "assets": names(job.asset_layer.selected_asset_keys),
            "partitions": partitions(job.partitions_def),
        }
        for job in definitions.resolve_all_job_defs()
        if not job.name.startswith("__")
    }


def sensors(definitions: dg.Definitions) -> dict[str, Any]:
    return {
        sensor.name: {
            "description": sensor.description,
            "interval_seconds": sensor.minimum_interval_seconds,
            "default_status": sensor.default_status.value,
            "kind": type(sensor).__name__,
            "targets": sorted(target.job_name for target in getattr(sensor, "targets", ())),
        }
        for sensor in definitions.sensors or ()
    }


def schedules(definitions: dg.Definitions) -> dict[str, Any]:
    return {
        schedule.name: {
            "cron": getattr(schedule, "cron_schedule", None),
            "default_status": schedule.default_status.value,
            "description": schedule.description,
        }
        for schedule in definitions.schedules or ()
    }


def snapshot(definitions: dg.Definitions) -> dict[str, Any]:
    """All that a person or a run sees of the layer, as JSON types."""
    return {
        "assets": assets(definitions),
        "checks": checks(definitions),
        "jobs": jobs(definitions),
        "sensors": sensors(definitions),
        "schedules": schedules(definitions),
        "resources": {
            name: type(resource).__name__
            for name, resource in (definitions.resources or {}).items()
        },
        "loggers": sorted(definitions.loggers or ()),
    }


def test_definitions_are_those_of_the_snapshot(definitions: dg.Definitions) -> None:
    text = json.dumps(snapshot(definitions), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("CARPRICE_WRITE_SNAPSHOT"):
        SNAPSHOT.write_text(text, encoding="utf-8")
        pytest.skip(f"{SNAPSHOT.name} is written anew")
    before = SNAPSHOT.read_text(encoding="utf-8")
    changed = difflib.unified_diff(
        before.splitlines(), text.splitlines(), "definitions.json", "now", n=4, lineterm=""
    )
    if text != before:
        pytest.fail("\n".join(changed), pytrace=False)


def test_every_definition_is_described_and_placed(definitions: dg.Definitions) -> None:
    for name, asset in assets(definitions).items():
        assert asset["description"], name
        assert not asset["description"].startswith((" ", "\n")), name
        for leftover in ("``", ":class:", ":meth:", ":data:", ":func:"):
            assert leftover not in asset["description"], name
        assert asset["owners"], name
        assert asset["kinds"], name
        assert asset["code_version"], name
        assert asset["group"] != "default", name
        assert asset["partitions"] == "dynamic: market", name
    for name, check in checks(definitions).items():
        assert check["description"], name
        assert check["partitions"] == "dynamic: market", name
    for name, job in jobs(definitions).items():
        assert job["description"], name
        assert job["partitions"] == "dynamic: market", name


def test_the_definitions_load_as_dagster_checks_them(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)
