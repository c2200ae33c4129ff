from django.db import migrations, models

ON_SALE = models.Q(is_active=True, is_service=False, removed_at=None, parent=None)


def newest(**order):
    return models.Index(
        models.F("channel"),
        models.F("created_at").desc(**order),
        models.F("id").desc(),
        condition=ON_SALE,
        name="ecomai_product_newest",
    )


class AddNewest(migrations.AddIndex):
    """PostgreSQL takes NULL for the newest unless told otherwise; SQLite takes it for the oldest and refuses the words."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif self.allow_migrate_model(schema_editor.connection.alias, model := to_state.apps.get_model(app_label, self.model_name)):
            schema_editor.add_index(model, newest(nulls_last=True), concurrently=True)


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL builds the index beside the shop's writes, which it cannot do in a transaction

    dependencies = [("ecomai_mirror", "0001_initial")]

    operations = [AddNewest(model_name="product", index=newest())]
