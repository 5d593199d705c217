"""`evaluate --set`: the knobs of scoring, from the command line's text to the keys of the scores."""

import pytest

from reenactory.flows.evaluate import EvaluateParams, EvaluateRequest
from reenactory.flows.knobs import parse_knobs
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair
from reenactory.tasks.scoring import Rendered, Scoring

CLIP = {"crop_key": "c", "matte_key": "m", "face3d_key": "f", "crop_px": 256}


def request(*texts: str) -> EvaluateRequest:
    params = parse_knobs(list(texts), params=EvaluateParams)
    return EvaluateRequest.model_validate({"store": "s", "run": "r", "params": params})


def score_key(asked: EvaluateRequest, source_frame: int = 0) -> str:
    pair = Pair("p", "self", "a", source_frame, "a", 1, 9, 0)
    return Scoring({"a": CLIP}, asked.params.score).chain(Rendered(pair, "copy", "render", "k"))[-1].keys[0]


def test_a_knob_reaches_the_key_of_the_scores() -> None:
    assert not request().params.score.lpips_vgg
    assert request("score.lpips_vgg=true").params.score.lpips_vgg
    assert score_key(request("score.lpips_vgg=true")) != score_key(request()) == score_key(request())
    assert score_key(request(), source_frame=1) != score_key(request())  # its background is compared with


@pytest.mark.parametrize(
    ("text", "answer"),
    [("score.lpips=true", "it has: lpips_vgg"), ("track.min_side_px=96", "there are: score"), ("lpips_vgg", "--set")],
)
def test_what_is_no_knob_of_scoring_is_wrong_use(text: str, answer: str) -> None:
    with pytest.raises(WrongUseError, match=answer):
        request(text)
