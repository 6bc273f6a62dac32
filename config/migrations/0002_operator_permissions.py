from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("config", "0001_heartbeats_and_beat_origins"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="beatorigin",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="heartbeat",
            options={"default_permissions": ("view",)},
        ),
    ]
