"""Bargains: planted ones found, by each autoencoder, known baselines, residual and combination.

    python benchmarks/bargains.py                     # everything: about 25 minutes on two cores
    python benchmarks/bargains.py --parts practice    # of cards, practice, ranking
    python benchmarks/bargains.py --home DIR          # keep artifacts
    python benchmarks/bargains.py --home DIR --reuse DATASET,FEATURE_SET,REGRESSOR
                                                      # cards whose prices DIR has fitted already

On the hold-out of the cards file 2 % of the prices are lowered by 20 to 35 %, with five seeds;
of as many offers as were planted, and of the first 20 and 50, the share that was planted. No car
of the hold-out took part in fitting, tuning or weighing. The plain autoencoder's middle layer is
first chosen on validation. IsolationForest and ECOD (Li et al., 2022; written here) see what the
autoencoders see. The practice market plants its own bargains; those of its hold-out are counted.
Then all current offers of the cards are ranked in a process of its own. The cards are private
(CARPRICE_REAL_DATA, default ../shared/data); without them the practice market alone is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from five_salts import cleaned_warehouse, dataset_of
from numpy.typing import NDArray
from real_listings import data_folder

from carprice_assets.artifacts import Artifact, ArtifactStore
from carprice_assets.bargains.autoencoders import KINDS
from carprice_assets.bargains.detector import Detector, Offers
from carprice_assets.bargains.direction import Direction
from carprice_assets.bargains.form import AutoencoderForm
from carprice_assets.bargains.making import make_list
from carprice_assets.bargains.planting import plant, precision
from carprice_assets.bargains.training import FEATURES, SERVING, TUNED_ON, fit_autoencoder
from carprice_assets.bargains.weighing import fit_detector, offers_of, ways
from carprice_assets.features.registry import NAMES
from carprice_assets.features.training import encode, fit_transformer
from carprice_assets.home import Home
from carprice_assets.listings import cleaning, raw
from carprice_assets.listings.dataset import read_head, read_side
from carprice_assets.listings.warehouse import Warehouse
from carprice_assets.markets import Market, load_market
from carprice_assets.practice_market import Settings, scrape, simulate
from carprice_assets.regressors.costs import peak_memory
from carprice_assets.regressors.predictor import Predictor
from carprice_assets.regressors.training import Encoded, fit_regressor
from carprice_assets.releases.content import build_content
from carprice_assets.releases.golden import golden_cars
from carprice_assets.releases.recipe import RECIPE, Recipe
from carprice_assets.releases.store import ReleaseStore
from carprice_assets.releases.valuer import Valuer
from carprice_assets.releases.vehicles import vehicle_hashes
from carprice_assets.sources.payload import write_lines

SEEDS = (1, 2, 3, 4, 5)
LATENTS = (8, 16, 32)
TUNING_EPOCHS = 10
FIRST = (20, 50)
REGRESSOR = "catboost"
PRACTICE_SIZE, PRACTICE_SEED = 40_000, 7
TIMES, SPREADS = 1.5, 2.0
FOUND, MINUTES, SECONDS, MEGABYTES = 0.70, 10.0, 60.0, 4_000.0
Scores = NDArray[np.float64]


def say(text: str) -> None:
    print(text, flush=True)


def told(what: str, met: bool) -> bool:
    say(f"{'met   ' if met else 'MISSED'}  {what}")
    return met


@dataclass(frozen=True)
class Made:
    """All that was fitted on one market."""

    market: Market
    dataset: Artifact
    feature_set: Artifact
    regressor: Artifact
    detector: Artifact
    autoencoder_seconds: float

    @property
    def serving(self) -> Path:
        return self.regressor.path / "serving"


def made(market: Market, clean: Path, store: ArtifactStore, threads: int, reuse: str = "") -> Made:
    """Dataset, features, regressor, autoencoders and detector of one market."""
    if reuse:
        return weighed(market, *(store.get(each) for each in reuse.split(",")), store)
    began = time.perf_counter()
    dataset = dataset_of(market, clean, store)
    train = read_side(dataset.path, "train")
    states: dict[str, Artifact] = {}
    for name in NAMES:
        states[name] = fit_transformer(name, dataset, train, states, store).artifact
    feature_set = encode(
        states, dataset, store, drop_outliers=False, progress=lambda line: None
    ).artifact
    encoded = Encoded.open(feature_set)
    say(f"  {len(encoded.train.price):,} training cars, {len(encoded.feature_names)} features:"
        f" {time.perf_counter() - began:.0f} s")  # fmt: skip
    regressor = fit_regressor(
        REGRESSOR, encoded, store, seed=market.training.seed, trials=0,
        progress=lambda line: None, coverage=market.ranges.coverage, thread_count=threads,
    )  # fmt: skip
    say(f"  {REGRESSOR}: {regressor.seconds:.0f} s")
    return weighed(market, dataset, feature_set, regressor.artifact, store)


def weighed(
    market: Market,
    dataset: Artifact,
    feature_set: Artifact,
    regressor: Artifact,
    store: ArtifactStore,
) -> Made:
    """The autoencoders and the detector, on what is there already."""
    encoded = Encoded.open(feature_set)
    latent = tuned(encoded, store, market)
    autoencoders: dict[str, Artifact] = {}
    seconds = 0.0
    for name in KINDS:
        parameters = {"latent": latent} if name == "plain_autoencoder" else {}
        fitted = fit_autoencoder(
            name, encoded, store, rules=market.bargains, seed=market.training.seed,
            progress=lambda line: None, parameters=parameters,
        )  # fmt: skip
        autoencoders[name] = fitted.artifact
        seconds += fitted.seconds
        form = AutoencoderForm.load(fitted.artifact.path / SERVING)
        found = fitted.reconstruction
        say(f"  {name}: {fitted.seconds:.0f} s, unexplained {found.total:.1%}, of the price"
            f" {found.price:.1%}, reach {form.reach:g}, rest {form.rest_weight:g}")  # fmt: skip
    detector = fit_detector(
        autoencoders, REGRESSOR, regressor.path / "serving", encoded, store,
        rules=market.bargains, deployed={}, seed=market.training.seed,
        progress=lambda line: None,
    )  # fmt: skip
    say("  weights: " + ", ".join(f"{k} {v:+.2f}" for k, v in detector.weights.items()))
    return Made(market, dataset, feature_set, regressor, detector.artifact, seconds)


def tuned(encoded: Encoded, store: ArtifactStore, market: Market) -> int:
    """The middle layer's width by which the plain autoencoder finds most on validation."""
    found: dict[int, float] = {}
    for latent in LATENTS:
        fitted = fit_autoencoder(
            "plain_autoencoder", encoded, store, rules=market.bargains,
            seed=market.training.seed, progress=lambda line: None,
            parameters={"latent": latent, "epochs": TUNING_EPOCHS},
        )  # fmt: skip
        form = AutoencoderForm.load(fitted.artifact.path / SERVING)
        side = encoded.validation
        shares: list[float] = []
        for seed in TUNED_ON:
            planted = plant(side.price, seed=seed)
            errors = form.errors(encoded.feature_names, side.features, planted.price)
            far = Direction.parse(market.bargains.direction).distance(
                errors, form.inputs.names, reach=form.reach, rest_weight=form.rest_weight
            )
            shares.append(precision(-far.astype(np.float64), planted.is_planted))
        found[latent] = float(np.mean(shares))
    best = max(found, key=lambda latent: found[latent])
    say("  plain autoencoder on validation, by its middle layer: "
        + ", ".join(f"{k}: {v:.1%}" for k, v in found.items()) + f"; {best} is taken")  # fmt: skip
    return best


class Baselines:
    """IsolationForest and ECOD, fitted on what the autoencoders learn from."""

    def __init__(self, encoded: Encoded, form: AutoencoderForm) -> None:
        from sklearn.ensemble import IsolationForest

        self.names, self.inputs = encoded.feature_names, form.inputs
        side = encoded.train
        rows = self.inputs.encode(self.names, side.features, side.price)
        self.forest = IsolationForest(n_estimators=200, random_state=1).fit(rows)
        self.sorted = np.sort(rows, axis=0)
        centred = rows.astype(np.float64) - rows.mean(axis=0)
        self.skewed_left = (centred**3).mean(axis=0) < 0

    def scores(self, features: Any, price: Scores) -> dict[str, Scores]:
        rows = self.inputs.encode(self.names, features, price)
        return {"IsolationForest": -self.forest.score_samples(rows), "ECOD": self._ecod(rows)}

    def _ecod(self, rows: Any) -> Scores:
        """Empirical cumulative distributions: the largest of the summed tail probabilities."""
        left, right, automatic = (np.zeros(len(rows)) for _ in range(3))
        count = len(self.sorted)
        for place in range(rows.shape[1]):
            known = self.sorted[:, place]
            below = np.searchsorted(known, rows[:, place], side="right")
            above = count - np.searchsorted(known, rows[:, place], side="left")
            low, high = (-np.log(np.maximum(each, 1) / count) for each in (below, above))
            left, right = left + low, right + high
            automatic = automatic + (low if self.skewed_left[place] else high)
        return np.maximum(np.maximum(left, right), automatic)


def measure(
    detector: Detector, offers: Offers, flags: list[tuple[Scores, Any]], baselines: Baselines
) -> dict[str, list[list[float]]]:
    """Of each way a row a seed: precision among as many as planted, and among the first."""
    found: dict[str, list[list[float]]] = {}
    for price, planted in flags:
        lowered = replace(offers, price=price)
        scores = ways(detector, lowered) | baselines.scores(offers.features, price)
        for name, each in scores.items():
            row = [precision(each, planted), *(precision(each, planted, n) for n in FIRST)]
            found.setdefault(name, []).append(row)
    return found


def table(found: dict[str, list[list[float]]]) -> None:
    heads = ("as many", *(f"first {n}" for n in FIRST))
    say(f"\n{'':<22}" + "".join(f"{head:>16}" for head in heads))
    for name, rows in sorted(found.items(), key=lambda pair: -np.mean([r[0] for r in pair[1]])):
        values = np.array(rows)
        cells = [f"{m:.1%} ± {e:.1%}" for m, e in zip(values.mean(axis=0), _errors(values))]
        say(f"{name:<22}" + "".join(f"{cell:>16}" for cell in cells))


def _errors(values: Scores) -> Scores:
    """Standard errors of the means over the seeds."""
    if len(values) < 2:
        return np.zeros(values.shape[1])
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def bars(found: dict[str, list[list[float]]]) -> bool:
    """The combination against the plain autoencoder and the best single way."""
    firsts = {name: np.array([row[0] for row in rows]) for name, rows in found.items()}
    both = firsts.pop("combination")
    plain = firsts["plain_autoencoder"].mean()
    best = max(firsts, key=lambda name: firsts[name].mean())
    gain = both - firsts[best]
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
    ratio = both.mean() / max(plain, 1e-9)
    say("")
    one = told(f"combination {ratio:.2f} times the plain autoencoder ({TIMES})", ratio >= TIMES)
    return told(
        f"combination less the best single one, {best}: {gain.mean():+.1%} ± {error:.1%}"
        f" (not below by {SPREADS:g} standard errors)", gain.mean() >= -SPREADS * error,
    ) and one  # fmt: skip


def cards(store: ArtifactStore, folder: Path, threads: int, reuse: str) -> tuple[bool, Made]:
    market = load_market(Home.current(), "us")
    say("\n== cards")
    clean = cleaned_warehouse(data_folder() / "carscom_2023_cards.parquet", market, folder)
    found = made(market, clean, store, threads, reuse)
    predictor = Predictor.load(found.feature_set.path / FEATURES, found.serving)
    holdout = read_side(found.dataset.path, "holdout")
    detector = Detector.load(found.detector.path / SERVING)
    assert detector is not None
    offers = offers_of(predictor, holdout)
    planted = [plant(holdout["price"], seed=seed) for seed in SEEDS]
    say(f"  hold-out of {len(offers.price):,} cars, {int(planted[0].is_planted.sum())} planted,"
        f" seeds {SEEDS}")  # fmt: skip
    baselines = Baselines(Encoded.open(found.feature_set), detector.members["plain_autoencoder"])
    shares = measure(detector, offers, [(p.price, p.is_planted) for p in planted], baselines)
    table(shares)
    met = bars(shares)
    minutes = found.autoencoder_seconds / 60
    fast = told(f"four autoencoders: {minutes:.1f} minutes ({MINUTES:g})", minutes <= MINUTES)
    return met and fast, found


def practice(store: ArtifactStore, folder: Path, threads: int) -> bool:
    market = load_market(Home.current(), "practice")
    say(f"\n== practice market of {PRACTICE_SIZE:,} cars")
    simulated = simulate(Settings(seed=PRACTICE_SEED, size=PRACTICE_SIZE))
    file = folder / "practice.jsonl"
    write_lines(file, scrape(simulated, 0))
    warehouse = Warehouse(folder / "practice.duckdb")
    with warehouse.connect("benchmark") as con:
        raw.append(con, market, "payload", file, date(2026, 1, 5))
        cleaning.rebuild(con, market)
    found = made(market, warehouse.path, store, threads)
    predictor = Predictor.load(found.feature_set.path / FEATURES, found.serving)
    holdout = read_side(found.dataset.path, "holdout")
    truth = simulated.planted_bargains()
    planted = np.array([each in truth for each in holdout["listing_id"].tolist()])
    detector = Detector.load(found.detector.path / SERVING)
    assert detector is not None
    offers = offers_of(predictor, holdout)
    say(f"  hold-out of {len(planted):,} cars, {int(planted.sum())} of them planted by the market")
    baselines = Baselines(Encoded.open(found.feature_set), detector.members["plain_autoencoder"])
    shares = measure(detector, offers, [(offers.price, planted)], baselines)
    table(shares)
    met = bars(shares)
    both = shares["combination"][0][0]
    return told(f"finds {both:.0%} of the planted bargains ({FOUND:.0%})", both >= FOUND) and met


def ranking(found: Made, clean: Path, store: ArtifactStore, folder: Path) -> bool:
    """Rank all current offers in a process of its own, whose memory is its own too."""
    say("\n== ranking of all current offers")
    salt = found.market.split.salt
    head = read_head(found.dataset.path)
    learned = [v for s in ("train", "validation", "calibration")
               for v in read_side(found.dataset.path, s)["vehicle"].tolist()]  # fmt: skip
    recipe = Recipe.of(found.market, found.feature_set, {REGRESSOR: found.regressor}, store)

    def build(content: Path) -> None:
        build_content(
            content, market=found.market,
            dataset={"address": found.dataset.address, "last_observed": head["last_observed"]},
            feature_set_folder=found.feature_set.path / FEATURES,
            regressors={REGRESSOR: found.serving}, champion=REGRESSOR,
            golden=golden_cars(read_side(found.dataset.path, "validation"), seed=1),
            figures={REGRESSOR: {}},
            vehicles=np.unique(vehicle_hashes(salt, sorted(set(learned)))),
            detector=found.detector.path / SERVING,
        )  # fmt: skip

    releases = ReleaseStore(folder / "releases")
    release = releases.stage("us", build, {RECIPE: recipe.to_json()})
    words = [sys.executable, __file__, "--rank", str(release.path), str(clean), str(store.root)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    facts = json.loads(done.stdout.splitlines()[-1])
    say("  " + ", ".join(f"{key} {value:,}" for key, value in facts.items()))
    return told(
        f"{facts['offers']:,} offers in {facts['seconds']:.0f} s ({SECONDS:g}) and"
        f" {facts['megabytes']:,} MB ({MEGABYTES:,.0f})",
        facts["seconds"] <= SECONDS and facts["megabytes"] <= MEGABYTES,
    )


def rank_alone(release: Path, clean: Path, artifacts: Path) -> None:
    market = load_market(Home.current(), "us")
    # All listings of all scrapes count as current: 113,000 offers.
    market = replace(market, bargains=replace(market.bargains, stale_days=10_000))
    valuer = Valuer.load(release)
    began, worked = time.perf_counter(), time.process_time()
    content = make_list(Warehouse(clean).connect, market, valuer, ArtifactStore(artifacts))
    facts = {
        "offers": content["offers"],
        "bargains": len(content["bargains"]),
        "apart": len(content["apart"]),
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
        "megabytes": round(peak_memory()),
    }
    doubts = [doubt["code"] for entry in content["apart"] for doubt in entry["doubts"]]
    print(json.dumps(facts | {code: doubts.count(code) for code in sorted(set(doubts))}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="cards,practice,ranking")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reuse", default="")
    parser.add_argument("--rank", nargs=3, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rank:
        rank_alone(*arguments.rank)
        return 0
    parts = arguments.parts.split(",")
    folder = arguments.home or Path(tempfile.mkdtemp(prefix="carprice-bargains-"))
    folder.mkdir(parents=True, exist_ok=True)
    store = ArtifactStore(folder / "artifacts")
    met: list[bool] = []
    if "cards" in parts and data_folder().is_dir():
        good, found = cards(store, folder, arguments.threads, arguments.reuse)
        met.append(good)
        if "ranking" in parts:
            met.append(ranking(found, folder / "clean.duckdb", store, folder))
    elif "cards" in parts:
        print(f"real listings are not here: {data_folder()}", file=sys.stderr)
    if "practice" in parts:
        met.append(practice(store, folder, arguments.threads))
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
