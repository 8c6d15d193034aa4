"""The pytest plugin, in small projects of their own: tested by this process or, where that matters, by a new one."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from autodiff import grad
from autodiff.primitive import REGISTRY
from autodiff.testing.mutation import run as mutation_run

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]
PLUGIN = "autodiff.testing.plugin"

WAVES = """
    import numpy as np
    from autodiff import defvjp

    def damped(x, rate):
        return np.exp(-rate * x) * np.cos(x)

    damped = defvjp(
        damped,
        broadcasts=True,
        x=lambda g, x, rate: -g * np.exp(-rate * x) * (np.sin(x) + rate * np.cos(x)),
        rate=lambda g, x, out: -g * x * out,
    )
"""
"""A module with a primitive of a project."""

FORGOTTEN = """
    def forgotten(x):
        return 2 * x

    forgotten = defvjp(forgotten, x=lambda g: 2 * g)
"""


def pytest_here(pytester: pytest.Pytester, *options: str, **files: str) -> tuple[int, str]:
    """Run pytest in this process on a project of these files; the exit status and the output."""
    pytester.makepyfile(**files)
    before = dict(REGISTRY)
    run = pytester.runpytest_inprocess("-p", PLUGIN, "-p", "no:cacheprovider", *options)
    for function in set(REGISTRY) - set(before):
        del REGISTRY[function]
    return run.ret, f"{run.stdout}{run.stderr}"


def pytest_anew(project: Path, *options: str, **files: str) -> tuple[int, str]:
    """The same in a new process, which has no plugin yet."""
    for name, text in files.items():
        (project / f"{name}.py").write_text(dedent(text))
    environment = {**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def installed(project: Path) -> None:
    """What an installer writes from ``setup.cfg``, where the interpreter looks for it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folder = project / "tape_autodiff-0.1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tape-autodiff\nVersion: 0.1.0\n")
    groups = config["options.entry_points"]
    (folder / "entry_points.txt").write_text("".join(f"[{group}]{lines}\n" for group, lines in groups.items()))


USES_THE_FIXTURE = "import numpy as np\ndef test_sine(check_grads): assert check_grads(np.sin, np.ones(2)).share == 1\n"


@pytest.mark.parametrize("how", ["entry point", "-p", "both", "conftest"])
def test_the_plugin_is_found_by_its_entry_point_or_by_name_or_twice(tmp_path: Path, how: str) -> None:
    if how in ("entry point", "both"):
        installed(tmp_path)
    plugins = ("-p", PLUGIN) if how in ("-p", "both") else ()
    conftest = f"pytest_plugins = [{PLUGIN!r}]" if how == "conftest" else ""
    status, output = pytest_anew(tmp_path, *plugins, conftest=conftest, test_it=USES_THE_FIXTURE)
    assert status == 0, output
    assert "1 passed" in output


def test_a_session_that_uses_nothing_of_the_plugin_imports_no_more_than_the_library() -> None:
    code = f"import sys, autodiff.testing, pytest; before = set(sys.modules); import {PLUGIN}; "
    code += "print(*sorted(name for name in set(sys.modules) - before if name.split('.')[0] != '_pytest'))"
    run = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert run.stdout.split() == [PLUGIN], run.stderr


WRONG = """
    import numpy as np
    from autodiff import defvjp

    square = defvjp(lambda x: x * x, x=lambda g, x: 2.001 * g * x)

    def test_square(check_grads):
        check_grads(square, np.arange(1.0, 4.0))

    def test_other(check_grads):
        check_grads(np.sin, np.arange(1.0, 4.0))
        check_grads(np.cos, np.arange(1.0, 4.0), seed=7)
"""


def test_the_fixture_prints_the_seeds_that_a_failure_is_repeated_with(pytester: pytest.Pytester) -> None:
    seeds = []
    for options in (["--grad-examples=3"], ["--grad-examples=3"], ["--grad-seed=1"]):
        status, output = pytest_here(pytester, *options, "-rP", test_it=WRONG)
        assert status == 1
        assert "1 failed, 1 passed" in output
        seeds.append(re.findall(r"seed=(\d+)", output))
    assert seeds[0] == seeds[1]
    assert "7" in seeds[2]
    first, *others = (set(found) - {"7"} for found in seeds)
    assert len(first) == 1 + 3, "the wrong one failed with its first seed; the right one is checked with three"
    assert not first & others[-1]


def test_a_report_says_what_was_checked_and_in_total(pytester: pytest.Pytester) -> None:
    tests = """
        import numpy as np
        from hypothesis import given, strategies as st
        import autodiff.testing

        @given(st.integers(1, 3))
        def test_drawn(n):
            autodiff.testing.check_grads(np.exp, np.ones(n))

        def test_kink(check_grads):
            check_grads(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]), min_conclusive=0)

        def test_none():
            pass
    """
    status, output = pytest_here(pytester, "--grad-report", test_it=tests)
    assert status == 0, output
    table = output[output.index("gradients checked") :].splitlines()
    rows = {line.split("  ")[-1]: line.split() for line in table[2:5]}
    assert set(rows) == {"test_it.py::test_drawn", "test_it.py::test_kink", "in total"}
    columns = [[float(row[i]) for row in rows.values()] for i in (0, 1, 2, 5)]
    for *parts, total in columns:
        assert sum(parts) == pytest.approx(total, abs=0.02)
    assert rows["test_it.py::test_drawn"][3] == "100.0"
    assert float(rows["test_it.py::test_kink"][3]) < 100 and int(rows["test_it.py::test_kink"][5]) > 0


def test_what_a_process_of_xdist_checked_is_reported(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    status, output = pytest_anew(tmp_path, "-p", PLUGIN, "--grad-report", "-n1", test_it=USES_THE_FIXTURE)
    assert status == 0, output
    assert "test_it.py::test_sine" in output


THOROUGH = """
    import numpy as np
    import pytest
    from hypothesis import given, strategies as st
    import autodiff.testing
    import waves

    numbers = st.floats(0.5, 2.0)

    @given(st.lists(numbers, min_size=1, max_size=3), numbers)
    def test_of_hypothesis(x, rate):
        autodiff.testing.check_grads(waves.damped, np.array(x), np.array(rate))

    class TestParameters:
        @pytest.mark.parametrize("n", [1, 2])
        def test_with_fixtures(self, n, check_grads, tmp_path, monkeypatch, capsys):
            assert not list(tmp_path.iterdir())
            (tmp_path / "once").touch()
            check_grads(waves.damped, np.ones(n), np.full(n, 0.5))
            assert "seed" in capsys.readouterr().out

    @pytest.mark.skip
    def test_skipped():
        raise NotImplementedError

    @pytest.mark.xfail(strict=True)
    def test_expected_to_fail():
        autodiff.testing.check_grads(waves.damped, np.ones(1), np.ones(2), min_conclusive=2.0)
"""

SHALLOW = """
    import numpy as np
    import autodiff
    import waves

    def test_of_the_sign_alone():
        dx, drate = autodiff.grad(lambda x, rate: np.sum(waves.damped(x, rate)), (0, 1))(np.ones(2), np.ones(2))
        assert (dx < 0).all() and (drate < 0).all()
"""


@pytest.fixture(scope="module")
def thorough(tmp_path_factory: pytest.TempPathFactory) -> str:
    project = tmp_path_factory.mktemp("thorough")
    status, output = pytest_anew(
        project, "-p", PLUGIN, "--grad-mutate=waves", "-v", waves=WAVES + FORGOTTEN, test_it=THOROUGH
    )
    assert status == 1, output
    return output


def test_thorough_tests_kill_every_mutant_of_what_they_test(thorough: str) -> None:
    assert re.search(r"^in total +8 +3 +1$", thorough, re.MULTILINE), thorough
    assert thorough.count("survived: ") == 0
    assert "no test calls the rule: waves.forgotten (x)" in thorough
    assert "without effect: waves.damped, x: not summed" in thorough, "in no test the rates are more than the times"
    assert "score: 72.7 %, 8 of 11 mutants killed" in thorough


def test_mutants_are_killed_by_the_tests_that_use_the_rule_and_quickly(thorough: str) -> None:
    killed = re.findall(r"^killed in (.*) s: (.*), by (.*)$", thorough, re.MULTILINE)
    assert len(killed) == 8
    assert {killer.partition("::")[2].partition("[")[0] for *_, killer in killed} <= {
        "test_of_hypothesis",
        "TestParameters::test_with_fixtures",
    }
    assert "3 passed, 1 skipped, 1 xfailed" in thorough
    assert "warning" not in thorough.lower()


def test_shallow_tests_let_mutants_survive_which_are_named_and_fail_the_session(pytester: pytest.Pytester) -> None:
    status, output = pytest_here(pytester, "--grad-mutate=waves", waves=WAVES, test_it=SHALLOW)
    assert status == 1
    assert "survived: waves.damped, x: scaled (the gradient differs in 1 test)" in output
    assert "survived: waves.damped, rate: scaled (the gradient differs in 1 test)" in output
    assert "survived: waves.damped, x and rate: swapped" in output
    assert "without effect: waves.damped, rate: not summed" in output
    assert "score: 57.1 %, 4 of 7 mutants killed" in output


def test_the_rule_of_an_argument_that_no_test_tracks_survives(pytester: pytest.Pytester) -> None:
    tests = """
        import autodiff
        import waves

        def test_at_rest():
            assert autodiff.grad(lambda x: waves.damped(x, 1.0))(0.0) == -1.0
    """
    status, output = pytest_here(pytester, "--grad-mutate=waves", waves=WAVES, test_it=tests)
    assert status == 1
    assert "survived, as no test calls the rule: waves.damped (rate)" in output
    assert "score: 37.5 %, 3 of 8" in output


def test_tests_that_fail_without_mutants_or_count_calls_are_reported_as_without_them(pytester: pytest.Pytester) -> None:
    tests = """
        import numpy as np
        from autodiff import defvjp, grad

        calls = []
        square = defvjp(lambda x: x * x, x=lambda g, x: calls.append(x) or 2 * g * x)

        def test_counting():
            calls.clear()
            grad(square)(3.0)
            assert len(calls) == 1

        def test_failing():
            assert grad(square)(3.0) == 7.0

        def test_value():
            assert grad(square)(3.0) == 6.0
    """
    status, output = pytest_here(pytester, "--grad-mutate=test_it", test_it=tests)
    assert status == 1
    assert "FAILED test_it.py::test_failing" in output
    assert "1 failed, 2 passed" in output
    assert "score: 100.0 %, 3 of 3" in output


def test_a_mutant_that_makes_a_loop_endless_is_killed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = """
        from autodiff import defvjp, grad

        square = defvjp(lambda x: x * x, x=lambda g, x: 2 * g * x)

        def test_descent():
            x = 3.0
            while x > 0.01:
                x -= 0.4 * grad(square)(x)
    """
    monkeypatch.setattr(mutation_run, "PATIENCE", (0.2, 0.0))
    status, output = pytest_here(pytester, "--grad-mutate=test_it", test_it=tests)
    assert status == 1, output
    assert "survived: test_it.<lambda>, x: scaled" in output
    assert "score: 66.7 %, 2 of 3" in output


def test_an_interrupt_leaves_the_rules_right(pytester: pytest.Pytester) -> None:
    tests = """
        import numpy as np
        from autodiff import grad

        def test_sine():
            if grad(np.sin)(0.0) != 1.0:
                raise KeyboardInterrupt
    """
    form = REGISTRY[np.sin].form
    with pytest.raises(KeyboardInterrupt):
        pytest_here(pytester, "--grad-mutate=numpy.sin", test_it=tests)
    assert REGISTRY[np.sin].form is form
    assert grad(np.sin)(0.0) == 1.0


@pytest.mark.parametrize(
    "option, hint",
    [
        ("--grad-mutate=nowhere", "no primitive's name contains this"),
        ("--grad-mutate-shard=3/2", "write I/N with I from 1 to N"),
        ("--grad-examples=0", "draw at least one example"),
    ],
)
def test_options_that_make_no_sense_are_refused(pytester: pytest.Pytester, option: str, hint: str) -> None:
    status, output = pytest_here(pytester, "--grad-mutate", option, test_it="def test_nothing(): pass")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert hint in output


def test_shards_share_the_mutants_among_them(pytester: pytest.Pytester) -> None:
    totals = []
    for shard in ("1/1", "1/2", "2/2"):
        _, output = pytest_here(pytester, "--grad-mutate=test_it", f"--grad-mutate-shard={shard}", test_it=SHARDS)
        totals += re.findall(r"(\d+) of (\d+) mutants killed", output)
    assert totals == [("6", "6"), ("3", "3"), ("3", "3")]


SHARDS = """
    import numpy as np
    from autodiff import defvjp, grad

    def square(x): return x * x
    def cube(x): return x * x * x

    square = defvjp(square, x=lambda g, x: 2 * g * x)
    cube = defvjp(cube, x=lambda g, x: 3 * g * x * x)

    def test_both():
        assert grad(square)(3.0) == 6.0
        assert grad(cube)(3.0) == 27.0
"""
