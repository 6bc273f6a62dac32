"""Reads the settings, and names everything that is wrong with them at once."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from pydantic import ValidationError

from config.env import MIRRORS, SECRETS, SIGNER_ONLY, Environment

PREFIXES = ("PAYDATE_", "DFNS_", "HEDERA_", "STELLAR_", "SOROBAN_", "CUSTODY_", "RESERVE_")
# Read before the settings exist: where they are, and where the local stack keeps its files.
BOOTSTRAP = frozenset({"PAYDATE_HOME", "PAYDATE_DEVNET_DIR", "PAYDATE_TEST_RUN"})
NAMES = frozenset(Environment.model_fields)
FILE_NAMES = {f"{name}_FILE": name for name in SECRETS}


class RefusedSettings(ImproperlyConfigured):
    """`problems` has one line for each: `NAME is what: the fix`."""

    def __init__(self, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"Paydate cannot start, {len(problems)} setting(s) to correct:\n{lines}")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from: the environment first, then `env_file`; `signer_file` for the signer."""

    environ: Mapping[str, str]
    env_file: Path
    signer_file: Path
    is_production: bool = True


def load(sources: Sources) -> Environment:
    """Raises RefusedSettings with one line per problem; no line quotes a value."""
    written = _written(sources)
    problems = [*_unknown_names(sources), *_misplaced_secrets(sources, written)]
    values = dict(_values(written, problems))
    problems += _missing_for_signer(sources, values)
    try:
        env = Environment.model_validate(values)
    except ValidationError as error:
        named = {problem.split()[0] for problem in problems}
        found = [item for item in error.errors() if item["loc"][0] not in named]
        problems += [_in_words(item["loc"], item["type"], item["msg"]) for item in found]
        raise RefusedSettings(problems) from None
    problems += _network_problems(env)
    if problems:
        raise RefusedSettings(problems)
    return env


def mirror_url(env: Environment) -> str:
    return env.HEDERA_MIRROR_URL or MIRRORS[env.HEDERA_NETWORK]


def _written(sources: Sources) -> dict[str, str]:
    """All non-empty names, the environment's before the files'."""
    found: dict[str, str] = {}
    for source in (*_files(sources), sources.environ):
        found.update({name: value for name, value in source.items() if value})
    return found


def _files(sources: Sources) -> list[dict[str, str]]:
    paths = [sources.env_file]
    if sources.environ.get("PAYDATE_PROCESS") == "signer":
        paths.append(sources.signer_file)
    return [_read(path) for path in paths]


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}


def _unknown_names(sources: Sources) -> Iterator[str]:
    known = NAMES | FILE_NAMES.keys()
    for path in (sources.env_file, sources.signer_file):
        for name in _read(path):
            if name not in known:
                yield f"{name} in {path.name} is no setting{_suggestion(name)}"
    for name in sources.environ:
        if name.startswith(PREFIXES) and name not in known | BOOTSTRAP:
            yield f"{name} in the environment is no setting{_suggestion(name)}"


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
    return f": did you mean {near[0]}?" if near else ": remove it (docs/settings.md lists them all)."


def _misplaced_secrets(sources: Sources, written: Mapping[str, str]) -> Iterator[str]:
    if not sources.is_production or written.get("PAYDATE_PROCESS") == "signer":
        return
    for name in SIGNER_ONLY:
        if name in written or f"{name}_FILE" in written:
            place = f"{sources.signer_file.name} or the signer's own environment"
            yield f"{name} is for the signer only: move it to {place}."


def _values(written: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, str]]:
    """Settings by name, those given as NAME_FILE read from their files."""
    yield from ((name, value) for name, value in written.items() if name in NAMES)
    for file_name, name in FILE_NAMES.items():
        if file_name not in written:
            continue
        if name in written:
            problems.append(f"{name} is given twice, by {file_name} too: keep one.")
            continue
        try:
            yield name, Path(written[file_name]).read_text().strip()
        except (OSError, ValueError):
            problems.append(
                f"{name} is missing: {file_name} names no file that this process can read; correct it."
            )


def _missing_for_signer(sources: Sources, values: Mapping[str, str]) -> Iterator[str]:
    if values.get("PAYDATE_PROCESS") != "signer" or values.get("CUSTODY_LOCAL_KEY_FILE"):
        return
    for name in SIGNER_ONLY:
        if name not in values and name != "CUSTODY_LOCAL_KEY_FILE":
            yield f"{name} is missing: the signer needs it; set it in {sources.signer_file.name} or as {name}_FILE."


def _network_problems(env: Environment) -> Iterator[str]:
    if env.HEDERA_NETWORK == "local":
        if not env.HEDERA_NODES:
            yield "HEDERA_NODES is missing: a local network needs it; write account=host:port pairs."
        if not env.HEDERA_MIRROR_URL:
            yield "HEDERA_MIRROR_URL is missing: a local network has no public mirror; write its address."
    elif env.HEDERA_NODES:
        yield "HEDERA_NODES is for HEDERA_NETWORK=local only: remove it."
    if env.HEDERA_NETWORK == "mainnet" and env.CUSTODY_LOCAL_KEY_FILE:
        yield "CUSTODY_LOCAL_KEY_FILE is refused on mainnet: keys belong in custody; remove it."


def _in_words(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(location[0])
    field = Environment.model_fields[name]
    example = f" For example {name}={field.examples[0]}" if field.examples else ""
    if kind == "missing":
        return f"{name} is missing: {field.description}{example}"
    reason = message.removeprefix("Value error, ").replace("Input should be", "it should be")
    return f"{name} is malformed: {reason}.{example}"
