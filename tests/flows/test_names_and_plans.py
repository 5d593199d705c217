"""What a person reads of a bad name, and of a plan by which nothing is left to do."""

from collections import Counter

import pytest
from pydantic import ValidationError

from reenactory.flows.plan import render_plan
from reenactory.flows.preprocess import PreprocessRequest
from reenactory.flows.workplace import NAME
from reenactory.tasks.preprocess import STAGES
from reenactory.tasks.report.glance import _why
from reenactory.tasks.running.planning import Plan


@pytest.mark.parametrize("name", ["bad/name", "", ".hidden", "a b", "x" * 101])
def test_a_bad_name_is_told_in_words_and_the_form_still_knows_the_pattern(name: str) -> None:
    with pytest.raises(ValidationError) as error:
        PreprocessRequest(inputs=["x"], store="s", dataset=name)
    (told,) = error.value.errors()
    assert "letters, digits" in told["msg"] and "^" not in told["msg"]
    assert PreprocessRequest.model_json_schema()["properties"]["dataset"]["pattern"] == NAME


def test_a_plan_without_work_does_not_speak_of_estimates() -> None:
    rates = {"seconds_per_frame": dict.fromkeys(STAGES, 0.1), "measured": dict.fromkeys(STAGES, True)}
    done = render_plan(Plan(3, 2, cached=Counter(detect=3), **rates)).caption  # type: ignore[arg-type]
    assert done == "3 videos: all is done, nothing is left to compute."
    ahead = Plan(3, 2, to_compute=Counter(detect=3), frames=Counter(detect=720), **rates)  # type: ignore[arg-type]
    assert "about 36 s" in str(render_plan(ahead).caption) and "estimated" in str(render_plan(ahead).caption)


def test_a_still_mouth_is_no_failure() -> None:
    assert "by its definition" in _why(["self mouth_sync of warp lost 30 %"])
    assert _why(["self csim of warp lost 30 %"]) == ""
