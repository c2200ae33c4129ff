"""Fill the example shop with a tenth of the real sample's customers, sync and train: enough to browse, soon made.

Its own process (``python -m tests.browser.build_shop``), so that the tests' settings and database stay out of it.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

EVERY = 10
ALWAYS = 17850


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.browser.settings")
    import django

    django.setup()
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet

    from example_project.shop import demo
    from example_project.shop.load import SOURCE, no_progress
    from example_project.shop.load_tables import sample_load

    table = parquet.read_table(SOURCE)
    customer = compute.cast(table["CustomerID"], "int64")
    part = compute.subtract(customer, compute.multiply(compute.divide(customer, EVERY), EVERY))
    keep = compute.or_(compute.equal(part, 0), compute.equal(customer, ALWAYS))
    report = demo.Report()
    demo.migrate(report, no_progress)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        parquet.write_table(table.filter(keep), path)
        sample_load(path=path)
    demo.sync(report, no_progress)
    demo.supply(report, no_progress)
    demo.market(report, no_progress)
    demo.train(report, no_progress)
    demo.plan(report, no_progress)
    demo.price(report, no_progress)
    demo.offers(report, no_progress)
    demo.admin_create(report, no_progress)


if __name__ == "__main__":
    main()
