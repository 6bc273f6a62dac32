import pytest
from dotenv import dotenv_values

from config.boot import BASE_DIR, LOOPBACK, keep_loopback_off_proxies
from config.env import Environment
from config.reference import env_example, settings_table


@pytest.mark.parametrize(
    ("path", "text"), [("docs/settings.md", settings_table()), (".env.example", env_example())]
)
def test_the_settings_reference_is_current(path: str, text: str) -> None:
    assert (BASE_DIR / path).read_text() == text, "run make settings"


def test_the_example_is_a_readable_env_file_with_what_is_demanded() -> None:
    demanded = {name for name, field in Environment.model_fields.items() if field.is_required()}
    assert set(dotenv_values(BASE_DIR / ".env.example")) == demanded


def test_every_setting_is_explained() -> None:
    assert all(field.description for field in Environment.model_fields.values())


def test_loopback_is_kept_off_proxies_and_other_exceptions_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example,localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    for _ in range(2):
        keep_loopback_off_proxies()
    import os

    assert os.environ["NO_PROXY"] == "intranet.example,localhost,127.0.0.1,::1"
    assert os.environ["no_proxy"] == ",".join(LOOPBACK)
