from tests.docs.commands import execute

# Oscar's tables are made without its migrations here.
execute("frobshop.settings", syncdb=True)
