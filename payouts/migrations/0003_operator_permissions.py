from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0002_paid_never_leaves"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="batch",
            options={"default_permissions": ("view",), "verbose_name_plural": "batches"},
        ),
        migrations.AlterModelOptions(
            name="distribution",
            options={
                "default_permissions": ("add", "view"),
                "permissions": [("execute_distribution", "Can start a distribution")],
            },
        ),
        migrations.AlterModelOptions(
            name="payment",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="planpage",
            options={"default_permissions": ("view",)},
        ),
    ]
