from tests.docs.commands import execute

execute("myshop.settings")
