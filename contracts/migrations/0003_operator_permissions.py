from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("contracts", "0002_evidence_is_kept"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="asset",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="auditevent",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="contract",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="contracttransaction",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="custodybudget",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="hold",
            options={
                "default_permissions": ("view",),
                "permissions": [("place_hold", "Can place holds"), ("lift_hold", "Can lift holds")],
            },
        ),
        migrations.AlterModelOptions(
            name="holding",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="signedbody",
            options={"default_permissions": ("view",), "verbose_name_plural": "signed bodies"},
        ),
        migrations.AlterModelOptions(
            name="token",
            options={"default_permissions": ("view",)},
        ),
        migrations.AlterModelOptions(
            name="wallet",
            options={
                "default_permissions": ("view",),
                "permissions": [("stop_wallet", "Can stop and start signing by a wallet")],
            },
        ),
    ]
