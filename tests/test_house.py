"""The rules of the house, checked on the tree itself: floors, names, sizes, documentation."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from schema.building import sdl
from server.settings import Settings
from server.version import VERSION

ROOT = Path(__file__).resolve().parent.parent

# From the ground up: a module imports from its own floor or below.
FLOORS = ("providers", "db", "pipelines", "rollback", "resolvers", "schema", "server")
# Beside the floors: what each may import of the project besides itself.
BESIDE = {
    "sandbox": frozenset[str](),
    "demo": frozenset[str](),
    "tests": frozenset((*FLOORS, "sandbox", "demo", "benchmarks")),
    "benchmarks": frozenset((*FLOORS, "sandbox", "demo", "tests")),
}
FOLDERS = (*FLOORS, *BESIDE)

PLATFORM_WORDS = re.compile(
    r"kubernetes|kubectl|kubeconfig|k8s|\bhelm\b|\becs\b|fargate|\baws\b|\basg\b|cloud ?foundry|\btas\b",
    re.IGNORECASE,
)
# The public enum of deployment types is described there, value by value.
NAMES_PLATFORMS = {"schema/types/enums.py"}

MAX_FILE_LINES, MAX_FUNCTION_LINES = 250, 40
# A test file tells one story from one setup, and a long test is a list of what holds.
MAX_TEST_FILE_LINES, MAX_TEST_FUNCTION_LINES = 450, 60
GENERATED = "db/migrations/versions"
LONGER_FILES = {
    "pipelines/expressions/parser.py": "one grammar",
}


@cache
def modules() -> tuple[Path, ...]:
    """Every Python file of the project, relative to its root."""
    return tuple(
        path.relative_to(ROOT)
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported_folders(path: Path) -> Iterator[tuple[int, str]]:
    """(line, folder of ours) of every import, function-local ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.level == 0 else [path.parts[0]]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)]
        else:
            continue
        for name in names:
            folder = name.split(".")[0]
            if folder in FOLDERS:
                yield node.lineno, folder


def may_import(folder: str) -> frozenset[str]:
    if folder in BESIDE:
        return BESIDE[folder] | {folder}
    return frozenset(FLOORS[: FLOORS.index(folder) + 1])


def test_the_project_is_found() -> None:
    assert {path.parts[0] for path in modules()} >= set(FLOORS)


def test_a_module_imports_from_its_own_floor_or_below() -> None:
    wrong = [
        f"{path}:{line} imports {folder}"
        for path in modules()
        for line, folder in imported_folders(path)
        if folder not in may_import(path.parts[0])
    ]
    assert wrong == []


def test_no_module_outside_providers_names_a_platform() -> None:
    """Nor in a string, a comment or a docstring; the deployment types' own names are the providers' enum."""
    wrong: list[str] = []
    for path in modules():
        if path.parts[0] not in FLOORS[1:] or path.as_posix() in NAMES_PLATFORMS:
            continue
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            found = PLATFORM_WORDS.search(line)
            if found:
                wrong.append(f"{path}:{number} names {found.group()}")
    assert wrong == []


def test_every_module_says_why_it_exists() -> None:
    without = [
        str(path)
        for path in modules()
        if ast.get_docstring(tree(path)) is None and (ROOT / path).read_text(encoding="utf-8").strip()
    ]
    assert without == []


def test_files_stay_readable_in_one_go() -> None:
    too_long: dict[str, int] = {}
    for path in modules():
        name = path.as_posix()
        length = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        limit = MAX_TEST_FILE_LINES if path.parts[0] == "tests" else MAX_FILE_LINES
        if length > limit and not name.startswith(GENERATED):
            too_long[name] = length
    assert too_long.keys() == LONGER_FILES.keys(), too_long


def test_functions_stay_readable_at_a_glance() -> None:
    long: list[str] = []
    for path in modules():
        limit = MAX_TEST_FUNCTION_LINES if path.parts[0] == "tests" else MAX_FUNCTION_LINES
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > limit and not path.as_posix().startswith(GENERATED):
                long.append(f"{path}:{node.lineno} {node.name} has {length} lines")
    assert long == []


def test_no_installed_distribution_owns_a_name_of_ours() -> None:
    owners = importlib.metadata.packages_distributions()
    assert {folder: owners[folder] for folder in FOLDERS if folder in owners} == {}


def test_what_the_floors_import_is_a_declared_dependency() -> None:
    """Of the application itself: what only the development environment brings would be missing in production."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {normal(re.split(r"[\[<>=~!]", line)[0]) for line in project["dependencies"]}
    # Its public errors are documented as part of pydantic, which pins it.
    declared.add("pydantic-core")
    owners = importlib.metadata.packages_distributions()
    undeclared = {
        f"{path} imports {name}"
        for path in modules()
        if path.parts[0] in (*FLOORS, "sandbox")
        for name in imported_packages(path)
        if name not in sys.stdlib_module_names and name not in FOLDERS
        if declared.isdisjoint(normal(owner) for owner in owners.get(name, ()))
    }
    assert undeclared == set()


def normal(distribution: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("server.app", {"sqlalchemy", "strawberry", "graphql", "aiohttp", "dbos", "botocore"}),
        ("server.application", {"aiohttp", "aiobotocore", "botocore", "dbos", "alembic", "psycopg"}),
    ],
)
def test_an_import_brings_nothing_that_only_some_need(module: str, heavy: set[str]) -> None:
    """The factory is there at once; the engine and the migrations belong to a start, and what calls a platform to
    whoever has targets there."""
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nothing_is_switched_off_silently() -> None:
    """No `type: ignore`; what is switched off otherwise names its rule."""
    silent = re.compile(r"#\s*type:\s*ignore|#\s*noqa(?!: ?[A-Z]+\d)|#\s*pyright:\s*ignore(?!\[\w)")
    found = [
        f"{path}:{number}"
        for path in modules()
        if path.name != "test_house.py"
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if silent.search(line)
    ]
    assert found == []


def test_the_committed_schema_is_the_built_one() -> None:
    committed = (ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8")
    assert committed == sdl(), "run `make schema` and read the difference"


def committed_texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            yield name, path.read_text(encoding="utf-8", errors="replace")


def test_no_path_of_one_machine_and_no_registry_is_committed() -> None:
    forbidden = re.compile(
        "|".join(
            (
                re.escape(f"{ROOT}/"),
                "/" + r"root/\.",
                "/ho" + r"me/\w+/",
                "--(extra-)?index" + "-url",
                "files." + "pythonhosted",
            )
        )
    )
    wrong = [f"{name}: {found.group()}" for name, text in committed_texts() if (found := forbidden.search(text))]
    assert wrong == []


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_the_readme_documents_exactly_the_settings_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `UNSHIP_(\w+)` \| (.*?) \| (.*?) \|$", readme, re.MULTILINE)
    documented = {name.lower(): meaning for name, _, meaning in rows}
    assert documented == {name: field.description for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_readme_names_the_true_default(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `UNSHIP_{name.upper()}` \| (.*?) \|", readme, re.MULTILINE)
    assert row is not None
    default = Settings.model_fields[name].default
    word = str(default).lower() if isinstance(default, bool) else default
    shown = "" if default in (None, (), "") else f"`{word}`"
    assert row.group(1).strip() == shown
