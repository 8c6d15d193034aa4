"""The plot of the schedules: it has all of them, and what it shows is what they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import optim
from examples import schedules


@pytest.mark.parametrize("steps", [20, 57, 100])
def test_every_scheduler_is_there_and_every_curve_goes_somewhere(steps: int) -> None:
    curves = {name: schedules.rates(scheduler, steps) for name, scheduler in schedules.gallery(steps).items()}
    kinds = {name for name in optim.__all__ if name.endswith(("LR", "Scheduler", "Plateau", "Restarts"))}
    for name in kinds - {"LRScheduler"}:
        assert any(shown.startswith(name) for shown in curves), name
    for name, curve in curves.items():
        assert curve.shape == (steps,)
        assert curve.min() >= 0 and curve.max() <= 1 and np.ptp(curve) > 0.3, name


def test_prints_the_rates_and_writes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedules.main(["--output", str(tmp_path / "plot.png"), "--steps", "101"])
    printed = capsys.readouterr().out
    assert "CosineAnnealingLR                   1.0000  0.6545  0.0955  0.0955  0.6545  1.0000\n" in printed
    assert "StepLR                              1.0000  1.0000  0.5000  0.2500  0.1250  0.0625\n" in printed
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_too_few_steps_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        schedules.main(["--steps", "19"])
    assert exit.value.code == 2
    assert "--steps is at least 20, not 19" in capsys.readouterr().err
