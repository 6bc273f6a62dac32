"""Whose database this is and who declared a call expired is evidence: never deleted, the latter never rewritten."""

from django.db import migrations

KEEP = """
CREATE TRIGGER installation_kept BEFORE DELETE ON contracts_installation
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER declaration_kept BEFORE DELETE ON contracts_expirydeclaration
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('deleted');
CREATE TRIGGER declaration_fixed BEFORE UPDATE ON contracts_expirydeclaration
    FOR EACH ROW EXECUTE FUNCTION paydate_refuse('rewritten');
"""

FORGET = """
DROP TRIGGER installation_kept ON contracts_installation;
DROP TRIGGER declaration_kept ON contracts_expirydeclaration;
DROP TRIGGER declaration_fixed ON contracts_expirydeclaration;
"""


class Migration(migrations.Migration):
    dependencies = [("contracts", "0003_fence_claims_and_declared_expiry")]
    operations = [migrations.RunSQL(KEEP, FORGET)]
