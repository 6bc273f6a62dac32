"""Compiles the contracts beside this file and writes what is committed of them.

    python build.py          writes ../../interfaces/soroban/<name>.wasm and <name>.json
    python build.py --check  writes nothing; exits with 1 if a written artifact differs

Rust's target wasm32v1-none is used where rustup has it, else its standard library is built from Debian's sources
(rustc-web, rust-web-src, lld). The same compiler gives the same bytes anywhere.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from crates import complete
from spec import interface_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = ROOT / ".local" / "cargo" / "contracts"
ARTIFACTS = ROOT / "contracts" / "interfaces" / "soroban"
CONTRACTS = ("investment", "token")
WASM = "wasm32v1-none"
DEBIAN = Path("/usr/bin/rustc")
MISSING = (
    f"cannot compile: cargo with rustup's target {WASM} is missing, or Debian's rustc-web, rust-web-src and lld are; "
    "the compiled contracts are committed"
)


def main(arguments: list[str]) -> int:
    is_check = arguments == ["--check"]
    compiled = compile_all()
    stale = [name for name in CONTRACTS if keep(name, compiled[name], is_check=is_check)]
    for name in stale:
        print(f"{name}: {'differs from its source' if is_check else 'written'}")
    return 1 if is_check and stale else 0


def compile_all() -> dict[str, bytes]:
    environment, compiler = tools()
    complete(HERE)
    where = [f"--remap-path-prefix={HERE}=.", f"--remap-path-prefix={cargo_home()}=cargo"]
    flags = " ".join([environment.pop("FLAGS", ""), *where]).strip()
    build = ["cargo", "build", "--release", "--locked", "--target", WASM, "--target-dir", str(TARGET)]
    given = os.environ | environment | {"CARGO_TARGET_WASM32V1_NONE_RUSTFLAGS": flags}
    subprocess.run(build, cwd=HERE, env=given, check=True)
    folder = TARGET / WASM / "release"
    print(f"compiled by {compiler}")
    return {name: (folder / f"paydate_{name}.wasm").read_bytes() for name in CONTRACTS}


def cargo_home() -> Path:
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")


def tools() -> tuple[dict[str, str], str]:
    """The environment of the build, and the compiler's version."""
    if not (shutil.which("cargo") and shutil.which("rustc")):
        raise SystemExit(MISSING)
    sysroot = Path(said("rustc", "--print", "sysroot"))
    if (sysroot / "lib" / "rustlib" / WASM).is_dir():
        return {}, said("rustc", "--version")
    sources = Path("/usr/lib/rustlib/src/rust/library")
    if not (DEBIAN.exists() and sources.is_dir() and shutil.which("wasm-ld")):
        raise SystemExit(MISSING)
    version = said(str(DEBIAN), "--version")
    library = standard_library(sources, version)
    return {"RUSTC": str(DEBIAN), "FLAGS": f"--sysroot={library} -C linker=wasm-ld"}, version


def standard_library(sources: Path, version: str) -> Path:
    """core and alloc of this compiler for the target, in a sysroot of their own; built once."""
    sysroot = TARGET / f"sysroot-{hashlib.sha256(version.encode()).hexdigest()[:12]}"
    place = sysroot / "lib" / "rustlib" / WASM / "lib"
    if place.is_dir():
        return sysroot
    crate = TARGET / "std"
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / ".cargo").mkdir(exist_ok=True)
    (crate / "Cargo.toml").write_text(
        '[package]\nname = "std-of-wasm"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'
        '[profile.release]\nopt-level = "z"\n'
    )
    (crate / "src" / "lib.rs").write_text("#![no_std]\n")
    (crate / ".cargo" / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "vendored"\n'
        f'[source.vendored]\ndirectory = "{sources / "vendor"}"\n'
    )
    # The contracts are linked by their bitcode.
    given = {"RUSTC": str(DEBIAN), "RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": "-Cembed-bitcode=yes"}
    build = ["cargo", "build", "--release", "--offline", "--target", WASM, "-Zbuild-std=core,alloc"]
    subprocess.run(
        [*build, "--target-dir", str(crate / "target")], cwd=crate, env=os.environ | given, check=True
    )
    draft = place.with_name("lib.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name in ("core", "alloc", "compiler_builtins"):
        for file in (crate / "target" / WASM / "release" / "deps").glob(f"lib{name}-*.r*"):
            shutil.copy(file, draft)
    draft.rename(place)
    return sysroot


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def keep(name: str, code: bytes, *, is_check: bool) -> bool:
    """Whether what is written differs, before this writes it."""
    described = {
        "contractName": name,
        "wasmHash": hashlib.sha256(code).hexdigest(),
        **interface_of(code),
        "sourceHash": source_hash(),
    }
    text = json.dumps(described, indent=1) + "\n"
    wasm, page = ARTIFACTS / f"{name}.wasm", ARTIFACTS / f"{name}.json"
    if wasm.exists() and wasm.read_bytes() == code and page.exists() and page.read_text() == text:
        return False
    if not is_check:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        wasm.write_bytes(code)
        page.write_text(text)
    return True


def source_hash() -> str:
    """Of all that the code is made from; tests of the contracts are not."""
    files = [HERE / "Cargo.toml", HERE / "crates.lock"]
    for name in CONTRACTS:
        files += [HERE / name / "Cargo.toml", *sorted((HERE / name / "src").rglob("*.rs"))]
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(HERE)}\n{file.read_text()}\n".encode())
    return f"sha256:{total.hexdigest()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
