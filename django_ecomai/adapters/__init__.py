"""How a shop's own tables are read: ``base.ShopAdapter``, ``declarative.ModelAdapter``, ``csv.CsvAdapter``,
``headless.HeadlessAdapter``."""
