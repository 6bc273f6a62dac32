from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("reserves", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="draw",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="reservation",
            options={"default_permissions": ("view",)},
        ),
    ]
