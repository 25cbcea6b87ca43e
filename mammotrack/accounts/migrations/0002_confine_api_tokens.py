import django.db.models.deletion
from django.db import migrations, models


def end_keys_of_the_old_form(apps, schema_editor):
    """They are refused whatever is stored of them, and the audit trail keeps who had one."""
    apps.get_model("accounts", "ApiToken").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(end_keys_of_the_old_form, migrations.RunPython.noop),
        migrations.AddField(
            model_name="apitoken",
            name="clinic",
            field=models.ForeignKey(
                default=None,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.clinic",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="apitoken",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="scopes",
            field=models.JSONField(default=list),
        ),
    ]
