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


def test_the_table_and_the_json(folder, capsys):
    result = online_retail.main(["--data", str(folder), "--json", str(folder / "out.json"), "--verbose"])
    printed = capsys.readouterr().out
    for word in ("new_items", "popular (30 days)", "* EcomAI (automatic choice)", "EASE", "100% evaluated"):
        assert word in printed
    stored = json.loads((folder / "out.json").read_text())
    assert stored["evaluation"] == result["evaluation"]
    assert set(stored) == {"counts", "seconds", "recipe", "tried", "evaluation"}
    assert sum(row["ours"] for row in stored["evaluation"]) == 3
