"""What is deployed, as far as it can be looked at without Docker."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from carprice_assets.home import PROJECT

DEPLOY = PROJECT / "deploy"
IMAGES = ("service", "platform")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """``scripts/service_image.py``, which reads container files and the ignore file."""
    spec = importlib.util.spec_from_file_location(
        "service_image", PROJECT / "scripts" / "service_image.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def text(image: str) -> str:
    return (DEPLOY / f"{image}.Containerfile").read_text()


def test_the_build_sees_code_and_nothing_else(script: ModuleType) -> None:
    sent = {path.as_posix() for path in script.context(PROJECT)}
    assert {"pyproject.toml", "constraints.txt", "deploy/dagster.yaml"} <= sent
    assert "carprice_serving/server.py" in sent
    assert any(path.endswith("/practice.toml") for path in sent)
    roots = {path.split("/")[0] for path in sent}
    assert roots == {
        *("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "dagster.yaml"),
        *("carprice_assets", "carprice_serving", "deploy"),
    }
    assert not [path for path in sent if "__pycache__" in path or path.endswith((".pyc", ".env"))]


@pytest.mark.parametrize("image", IMAGES)
def test_what_an_image_copies_is_sent_to_its_build(script: ModuleType, image: str) -> None:
    sent = script.context(PROJECT)
    copied = [
        source
        for name, words in script.instructions(text(image))
        if name == "COPY" and not words.startswith("--from")
        for source in shlex.split(words)[:-1]
    ]
    assert "carprice_assets" in copied
    for source in map(Path, copied):
        assert any(path == source or source in path.parents for path in sent), source


@pytest.mark.parametrize("image", IMAGES)
def test_images_run_as_one_user_that_is_not_root(script: ModuleType, image: str) -> None:
    """One home is written to by both, so the owner's number must be the same."""
    found = script.instructions(text(image))
    assert [words for name, words in found if name == "USER"] == ["carprice"]
    assert [re.findall(r"--uid (\d+)", text(image))] == [["10001"]]
    assert "install -d -o carprice -g carprice /data /data/dagster" in text(image)


def test_the_service_is_built_from_its_extra_alone(script: ModuleType) -> None:
    runs = " ".join(w for name, w in script.first_stage(text("service")) if name == "RUN")
    assert '".[serving]"' in runs
    assert runs.count(".[") == 1
    last = [words for name, words in script.instructions(text("service")) if name == "ENTRYPOINT"]
    assert last == ['["/opt/carprice/bin/python", "-m", "carprice_serving"]']


def test_the_compose_file_names_what_there_is(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "code", "webserver", "daemon", "service"}
    for name in ("code", "webserver", "daemon", "service"):
        build = services[name]["build"]
        context = (DEPLOY / build["context"]).resolve()
        assert context == PROJECT
        assert (context / build["dockerfile"]).is_file()
        assert "home:/data" in services[name]["volumes"]
        assert services[name]["environment"]["CARPRICE_HOME"] == "/data"
        for other, need in services[name].get("depends_on", {}).items():
            assert need["condition"] != "service_healthy" or "healthcheck" in services[other]
    mounts = {m for each in services.values() for m in each.get("volumes", ())}
    assert {m.split(":")[0] for m in mounts if not m.startswith(".")} == set(compose["volumes"])
    [bound] = [m.split(":")[0] for m in mounts if m.startswith(".")]
    assert (DEPLOY / bound).is_file()


def test_nothing_but_the_service_and_the_ui_is_reached_from_outside(
    compose: dict[str, Any],
) -> None:
    ports = {name: each["ports"] for name, each in compose["services"].items() if "ports" in each}
    assert set(ports) == {"service", "webserver"}
    assert ports["webserver"] == ["127.0.0.1:3000:3000"]
    assert ports["service"] == ["${CARPRICE_PUBLISH:-127.0.0.1:8000}:8000"]


def test_variables_are_known_to_who_gets_them(compose: dict[str, Any]) -> None:
    settings = (PROJECT / "carprice_serving" / "settings.py").read_text()
    for name in compose["services"]["service"]["environment"]:
        assert f'"{name}"' in settings, name
    limits = set(re.findall(r'"(CARPRICE_(?:RATE|MAX_\w+))"', settings))
    assert len(limits) == 5
    assert limits <= set(compose["services"]["service"]["environment"])
    instance = (DEPLOY / "dagster.yaml").read_text()
    wanted = {"CARPRICE_APPROVER"} | set(re.findall(r"env: (\w+)", instance))
    for name in ("code", "webserver", "daemon"):
        assert wanted <= set(compose["services"][name]["environment"])
    told = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.M))
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked == told


def test_commands_find_what_they_name(compose: dict[str, Any], script: ModuleType) -> None:
    services = compose["services"]
    programs = {services[name]["command"][0] for name in ("code", "webserver", "daemon")}
    assert all((Path(sys.executable).parent / program).exists() for program in programs)
    [server] = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    port = services["code"]["command"][-1]
    assert (server["grpc_server"]["host"], str(server["grpc_server"]["port"])) == ("code", port)
    assert "carprice_assets.definitions" in services["code"]["command"]
    sent = {f"/app/{path.as_posix()}" for path in script.context(PROJECT)}
    for name in ("webserver", "daemon"):
        assert services[name]["command"][-1] in sent


def test_the_instance_is_the_usual_one_but_for_its_storage() -> None:
    usual = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    deployed = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    assert "postgres" in deployed.pop("storage")
    assert deployed == usual
