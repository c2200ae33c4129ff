from django.db import migrations, models

ORDER = models.F("gain").desc(nulls_last=True)
ASKED = models.Index("channel", "state", ORDER, "id", name="ecomai_proposal_asked")
PLAIN = models.Index(fields=["channel", "state", "-gain"], name="ecomai_proposal_asked")


def replaced(index):
    """PostgreSQL reads the worklist off an index only where that puts NULL last too; to the models it stays the index
    that they know, of that name. Built beside the shop's writes; may be started again after an interruption."""

    def run(apps, schema_editor):
        if schema_editor.connection.vendor != "postgresql":
            return  # SQLite takes NULL for the smallest anyway; MySQL orders by IS NULL first, which no index helps
        model = apps.get_model("ecomai_pricing", "PriceProposal")
        name = schema_editor.quote_name
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name(index.name)}")
        schema_editor.add_index(model, index, concurrently=True)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name('ecomai_proposal_work')}")
        schema_editor.execute(f"ALTER INDEX {name(index.name)} RENAME TO {name('ecomai_proposal_work')}")

    return run


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL builds the index beside the shop's writes, which it cannot do in a transaction

    dependencies = [("ecomai_pricing", "0009_undo_seconded")]

    operations = [migrations.RunPython(replaced(ASKED), replaced(PLAIN))]
