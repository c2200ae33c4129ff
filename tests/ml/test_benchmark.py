"""The benchmark's cleaning and table, on a small file in the format of the real one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.ml.factories import shop

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

from benchmarks import online_retail  # noqa: E402  (needs pandas)


@pytest.fixture
def folder(tmp_path):
    data = shop()
    last = pd.Timestamp("2011-12-01").timestamp()
    good = pd.DataFrame(
        {
            "InvoiceNo": [str(536000 + basket) for basket in data.baskets],
            "StockCode": [f"{20000 + item}a" for item in data.items],
            "Description": [f"{'LANTERN' if item < 20 else 'MUG'} NO {item}" for item in data.items],
            "Quantity": 3,
            "InvoiceDate": pd.to_datetime(data.times - data.times[-1] + int(last), unit="s"),
            "UnitPrice": 2.5,
            "CustomerID": pd.array(data.users + 12000, dtype="Int32"),
            "Country": "United Kingdom",
        }
    )
    bad = pd.concat([good.iloc[[0]]] * 7, ignore_index=True)
    bad.loc[0, "InvoiceNo"] = "C536365"
    bad.loc[1, "CustomerID"] = pd.NA
    bad.loc[2, "Quantity"] = -1
    bad.loc[3, "UnitPrice"] = 0.0
    bad["StockCode"] = [*good["StockCode"].iloc[[0] * 4], "POST", "BANK CHARGES", "gift_0001_20"]
    pd.concat([good, bad]).to_parquet(tmp_path / "online_retail.parquet")
    return tmp_path


def test_cleaning_drops_what_is_no_purchase_of_a_known_customer(folder):
    interactions, items, catalogue = online_retail.read(folder)
    assert len(interactions) == len(shop())
    assert items.decode([0, 39]) == ["20000A", "20039A"]
    assert catalogue.title[39] == "MUG NO 39"
    assert catalogue.price.tolist() == [2.5] * 40
    assert len(np.unique(interactions.baskets)) == len(np.unique(shop().baskets))


def test_every_placement_has_one_row_of_ours_and_its_peers(folder, capsys):
    out = folder / "rows.json"
    models = ["popularity (30 days)", "personal frequency", "EASE", online_retail.OURS]
    rows = online_retail.main(["--data", str(folder), "--json", str(out), "--models", *models])
    assert json.loads(out.read_text()) == rows
    for dataset in (*online_retail.VIEWS, *online_retail.PLACES):
        known = [row for row in rows if row["dataset"] == dataset]
        assert [row["model"] for row in known if row["ours"]] == [online_retail.OURS]
        assert ("personal frequency" in {row["model"] for row in known}) == (
            dataset in ("online_retail_repeat", "online_retail_all")
        )
        assert ("EASE" in {row["model"] for row in known}) == (
            dataset not in ("online_retail_repeat", "online_retail_all")
        )
        assert {"recall@20", "ndcg@10", "hit_rate@10", "coverage@20"} <= set(known[0]["metrics"])
    printed = capsys.readouterr().out
    assert "online_retail_basket: ours is recall@20" in printed
    assert all(row["cpu_s"] > 0 and row["peak_mb"] > 10 for row in rows)


def test_what_a_placement_shows_is_never_in_the_basket_and_never_twice(folder):
    from django_ecomai.ml.recommend.auto import build
    from django_ecomai.ml.recommend.recipe import Recipe, Source
    from django_ecomai.ml.recommend.serving import Scorer

    interactions, items, catalogue = online_retail.read(folder)
    place = online_retail.basket_split(interactions, online_retail.CUT, page="basket")
    recipe = Recipe(sources=(Source("cosine"),))
    built = build(recipe, place.train, item_ids=items, catalogue=catalogue, now=online_retail.CUT)
    shown = online_retail.shown(Scorer(built.manifest, built.arrays), place)
    for row, ranked in enumerate(shown):
        assert len(set(ranked.tolist())) == 20
        assert not set(ranked.tolist()) & set(place.bought[row].indices.tolist())
