"""``carprice train`` in this process: words that are refused, and what a training says."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

from carprice_assets.home import Home
from carprice_assets.releases.store import ReleaseStore


def test_bad_words_are_named(trained_home: Home, refused: Callable[..., str]) -> None:
    told = refused("train", "-m", "small", "--regressors", "catboost,oracle")
    assert told == (
        "unknown regressor 'oracle': there are random_forest, catboost, automl,"
        " tensorflow_network, pytorch_network, ensemble"
    )
    assert "--regressors names none" in refused("train", "-m", "small", "--regressors", " ,")
    assert "--trials" in refused("train", "-m", "small", "--trials", "-1")
    assert "--minutes" in refused("train", "-m", "small", "--minutes", "-1")
    assert "market us has no listings yet" in refused("train", "-m", "us")
    assert "unknown market 'nowhere'" in refused("train", "-m", "nowhere")


def test_a_broken_absolute_rule_says_so_and_keeps_the_champion(
    trained_home: Home, carprice: Callable[..., Result]
) -> None:
    settings = trained_home.markets / "small.toml"
    settings.write_text(settings.read_text().replace("min_r2 = 0.8", "min_r2 = 0.9999"))
    store = ReleaseStore(trained_home.releases)
    champion = store.champion("small")
    result = carprice("train", "-m", "small", "--regressors", "catboost")
    assert result.exit_code == 2
    out = result.stdout.splitlines()
    assert max(map(len, out)) <= 120
    assert any(line.startswith("* catboost") for line in out)
    assert any(line.startswith("decision    refused: R2: 0.") for line in out)
    assert f"champion    {champion}" in out
    assert store.champion("small") == champion
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        "carprice: challenger is stopped by the check promotion_rules: refused: R2: "
    )
    for noise in ("Execution of", "Dependencies for", "DagsterAssetCheckFailedError"):
        assert noise not in result.stderr
    assert store.ledger("small")[-1]["event"] == "refused"
