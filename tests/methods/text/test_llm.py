"""Entity mining by a language model, against a loopback endpoint that behaves and one that does not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import ValidationError

from bench.errors import BenchError, ConfigError
from methods.text.endpoint import ChatEndpoint, EndpointConfig, EndpointDown
from methods.text.entities import EntityConfig, EntityMiner, entity_labels
from methods.text.llm import LanguageModelExtractor, mine_lexicon

REPORTS = [
    "Sinus rhythm. LBBB.",
    "Atrial fibrillation. No infarct.",
    "Sinus rhythm. LBBB.",
    "Sinus rhythm. Left bundle branch block.",
]


class LoopbackModel:
    """An OpenAI-compatible endpoint on 127.0.0.1 that knows four entities.

    ``misbehave`` holds what to do instead, once each, in order: an HTTP status, seconds of silence, or a raw answer.
    """

    entities = ("sinus rhythm", "lbbb", "left bundle branch block", "atrial fibrillation", "infarct")

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.headers: list[dict] = []
        self.misbehave: list[int | float | str] = []
        self.always: Callable[[str, str], str | None] = lambda system, user: None
        lock, model = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    model.asked.append(body)
                    model.headers.append(dict(self.headers))
                    odd = model.misbehave.pop(0) if model.misbehave else None
                if isinstance(odd, int):
                    self.send_response(odd)
                    self.send_header("Retry-After", "7")
                    self.end_headers()
                    self.wfile.write(b"no")
                    return
                if isinstance(odd, float):
                    time.sleep(odd)
                system, user = (message["content"] for message in body["messages"])
                content = odd if isinstance(odd, str) else model.always(system, user) or model.answer(system, user)
                raw = json.dumps({"choices": [{"message": {"content": content}}]})
                if odd == "half a response":
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(raw) + 100))
                    self.end_headers()
                    self.wfile.write(raw.encode())
                    return
                self.send_response(200)
                self.end_headers()
                with suppress(BrokenPipeError):  # the client gave up waiting
                    self.wfile.write((raw if odd != "not even JSON" else odd).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, system: str, user: str) -> str:
        if '"verdicts"' in system:
            names = json.loads(user.split("Entities: ")[1])
            verdicts = {n: "NO" if f"no {n.lower()}" in user.lower() else "YES" for n in names}
            return json.dumps({"verdicts": verdicts})
        if '"merged"' in system:
            return json.dumps(
                {"merged": {n: n.lower().replace("lbbb", "left bundle branch block") for n in json.loads(user)}}
            )
        if '"superclasses"' in system:
            return json.dumps(
                {"superclasses": {"arrhythmia": ["atrial fibrillation", "invented flutter", "arrhythmia"]}}
            )
        found = [entity for entity in self.entities if entity in user.lower()]
        return f"Here you are:\n```json\n{json.dumps({'entities': found})}\n```"


@pytest.fixture
def model() -> Iterator[LoopbackModel]:
    served = LoopbackModel()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def endpoint(model, waits, tmp_path) -> Callable[..., ChatEndpoint]:
    def connect(**options) -> ChatEndpoint:
        config = EndpointConfig(**{"url": model.url, "model": "loopback", "timeout": 0.5, "concurrency": 2, **options})
        return ChatEndpoint(config, tmp_path / "answers", sleep=waits.append)

    return connect


def test_entities_are_extracted_and_verified(model, endpoint):
    extracted = LanguageModelExtractor(endpoint()).extract(REPORTS)
    assert extracted == [
        ("sinus rhythm", "lbbb"), ("atrial fibrillation",), ("sinus rhythm", "lbbb"),
        ("sinus rhythm", "left bundle branch block"),
    ]  # fmt: skip
    assert len(model.asked) == 6  # three distinct reports, two questions each
    assert model.asked[0]["temperature"] == 0
    assert model.asked[0]["response_format"]["type"] == "json_schema"


def test_without_verification_a_denied_entity_stays(endpoint):
    extracted = LanguageModelExtractor(endpoint(), verify=False).extract(["Atrial fibrillation. No infarct."])
    assert extracted == [("atrial fibrillation", "infarct")]


def test_the_lexicon_merges_what_the_model_found(endpoint):
    miner = EntityMiner(EntityConfig(superclasses=False), extractor=LanguageModelExtractor(endpoint()))
    assert miner.entities(REPORTS)[0] == miner.entities(REPORTS)[3] == {"sinus rhythm", "left bundle branch block"}
    assert "llm-loopback" in miner.vocabulary(REPORTS).version


def test_an_invented_entity_never_passes(model, endpoint):
    model.always = lambda system, user: (
        '{"entities": ["sinus rhythm", "ventricular tachycardia", "rhythm sinus", ""]}'
        if "verdicts" not in system
        else None
    )
    extractor = LanguageModelExtractor(endpoint())
    assert extractor.extract(["Sinus rhythm."]) == [("sinus rhythm",)]
    assert set(extractor.invented) == {"ventricular tachycardia", "rhythm sinus", ""}


def test_an_entity_without_a_verdict_does_not_pass(model, endpoint):
    model.always = lambda system, user: '{"verdicts": {}}' if "verdicts" in system else None
    assert LanguageModelExtractor(endpoint()).extract(["Sinus rhythm."]) == [()]


@pytest.mark.parametrize(
    "odd",
    [
        429, 500, 503, 0.8, "half a response", "not even JSON", "no braces", '{"entities": "sinus rhythm"}',
        '{"entities": [', '{"findings": []}',
    ],
)  # fmt: skip
def test_bad_luck_is_tried_again(model, endpoint, waits, odd):
    model.misbehave = [odd]
    assert LanguageModelExtractor(endpoint(), verify=False).extract(["LBBB."]) == [("lbbb",)]
    assert waits == [7.0 if isinstance(odd, int) else 1.0]  # the server's Retry-After, or the back-off
    assert len(model.asked) == 2


def test_backoff_doubles_until_the_attempts_are_used_up(model, endpoint, waits):
    model.always = lambda system, user: "nonsense"
    extractor = LanguageModelExtractor(endpoint(attempts=4), verify=False)
    with pytest.raises(BenchError, match="no usable answer for 1 of 1 reports"):
        extractor.extract(["LBBB."])
    assert waits == [1.0, 2.0, 4.0]
    model.always = lambda system, user: None
    assert extractor.extract(["LBBB."]) == [("lbbb",)]  # the failure was not kept


def test_a_few_failures_may_be_allowed(model, endpoint):
    model.always = lambda system, user: "nonsense" if "Atrial" in user else None
    extractor = LanguageModelExtractor(endpoint(attempts=1), verify=False, allowed_failures=0.5)
    with pytest.warns(UserWarning, match="1 of 3 reports"):
        assert extractor.extract(REPORTS)[1] == ()


def test_answers_are_kept_and_a_stopped_batch_goes_on(model, endpoint):
    reports = [f"Sinus rhythm {i}." for i in range(30)]
    first = LanguageModelExtractor(endpoint(attempts=1, concurrency=1), verify=False)
    model.misbehave = ['{"entities": []}'] * 20 + [500] * 50
    with pytest.raises(EndpointDown, match="Answers so far are kept"):
        first.extract(reports)
    before = len(model.asked)
    model.misbehave = []
    again = LanguageModelExtractor(endpoint(), verify=False)
    assert again.extract(reports)[20:] == [("sinus rhythm",)] * 10
    assert len(model.asked) - before == 10
    again.extract(reports)
    LanguageModelExtractor(endpoint(url="http://127.0.0.1:9/v1"), verify=False).extract(
        reports
    )  # all known: nobody asked
    assert len(model.asked) - before == 10


def test_another_model_is_asked_afresh(model, endpoint):
    for name in ("loopback", "larger"):
        LanguageModelExtractor(endpoint(model=name), verify=False).extract(["LBBB."])
    assert [asked["model"] for asked in model.asked] == ["loopback", "larger"]


def test_an_endpoint_that_is_down_says_so(endpoint, waits):
    with pytest.raises(EndpointDown, match=r"127\.0\.0\.1:9/v1 failed 3 times, lastly: .*refused"):
        LanguageModelExtractor(endpoint(url="http://127.0.0.1:9/v1", attempts=3, concurrency=1)).extract(["LBBB."])
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_not_repeated(model, endpoint, status):
    model.misbehave = [status]
    with pytest.raises(
        ConfigError, match=rf"HTTP {status}: no\. Check the model name 'loopback', the key in \$BENCH_LLM"
    ):
        LanguageModelExtractor(endpoint()).extract(["LBBB."])
    assert len(model.asked) == 1


def test_a_wrong_url_is_refused(endpoint):
    with pytest.raises(ValidationError, match="expected http://host:port/v1"):
        endpoint(url="localhost")


def test_the_key_comes_from_the_environment(model, endpoint, monkeypatch):
    monkeypatch.delenv("BENCH_LLM_KEY", raising=False)
    LanguageModelExtractor(endpoint(), verify=False).extract(["LBBB."])
    monkeypatch.setenv("BENCH_LLM_KEY", "sesame")
    LanguageModelExtractor(endpoint(structured="none"), verify=False).extract(["Sinus rhythm."])
    assert "Authorization" not in model.headers[0]
    assert model.headers[1]["Authorization"] == "Bearer sesame"
    assert "response_format" not in model.asked[1]


def test_the_estimate_comes_before_the_batch(model, endpoint):
    extractor = LanguageModelExtractor(endpoint(price_in=2.0, price_out=8.0), verify=False)
    untouched = extractor.estimate(REPORTS)
    assert (untouched.questions, untouched.cached, untouched.seconds, len(model.asked)) == (3, 0, None, 0)
    assert untouched.cost == pytest.approx((untouched.prompt_tokens * 2 + untouched.answer_tokens * 8) / 1e6)
    probed = extractor.estimate(REPORTS, probe=1)
    assert (probed.cached, len(model.asked)) == (1, 1)
    assert probed.seconds is not None
    assert probed.seconds > 0
    assert "2 questions to ask (1 answered already)" in str(probed)


def test_progress_is_told(model, tmp_path):
    seen: list[tuple[int, int]] = []
    config = EndpointConfig(url=model.url, model="loopback", concurrency=1)
    reported = ChatEndpoint(config, None, progress=lambda done, total: seen.append((done, total)))
    LanguageModelExtractor(reported, verify=False).extract(REPORTS)
    assert seen[-1] == (3, 3)


def test_an_altered_answer_on_disk_is_asked_again(model, endpoint):
    first = endpoint()
    LanguageModelExtractor(first, verify=False).extract(["LBBB."])
    with first._answers:
        first._answers.execute("UPDATE answers SET answer = 'rubbish'")
    assert LanguageModelExtractor(endpoint(), verify=False).extract(["LBBB."]) == [("lbbb",)]
    assert len(model.asked) == 2


def test_a_lexicon_is_mined_and_serves_without_the_model(endpoint, tmp_path):
    path = tmp_path / "mined.yaml"
    lexicon = mine_lexicon(["LBBB", "left bundle branch block", "Atrial fibrillation", "no change"], endpoint(), path)
    assert lexicon.entity("LBBB") == lexicon.entity("left bundle-branch block") == "left bundle branch block"
    assert lexicon.ancestors("atrial fibrillation") == ("arrhythmia",)
    assert lexicon.superclasses == ("arrhythmia",)
    miner = EntityMiner(lexicon=lexicon)
    assert miner.entities(["Atrial fibrillation without LBBB"])[0] == {"atrial fibrillation", "arrhythmia"}
    assert not list(tmp_path.glob("*.part"))


def test_superclasses_that_contain_each_other_do_not_close_a_circle(model, endpoint, tmp_path):
    model.always = lambda system, user: (
        '{"superclasses": {"a block": ["b block"], "b block": ["a block"]}}' if '"superclasses"' in system else None
    )
    lexicon = mine_lexicon(["a block", "b block"], endpoint(), tmp_path / "mined.yaml")
    assert lexicon.ancestors("b block") == ("a block",)


def config_of(model, **more) -> EntityConfig:
    return EntityConfig(endpoint={"url": model.url, "model": "loopback", "attempts": 1}, **more)


def test_a_config_names_the_endpoint_and_learns_beforehand_what_it_takes(model, tmp_path, capsys):
    train = np.array([True, True, True, False])
    vocabulary, labels = entity_labels(REPORTS, train, config_of(model, superclasses=False), cache=tmp_path)
    assert set(vocabulary.names) == {"sinus rhythm", "left bundle branch block", "atrial fibrillation"}
    assert labels.sum(axis=1).tolist() == [2, 1, 2, 2]
    assert "loopback" in vocabulary.version
    assert "questions to ask" in capsys.readouterr().err
    asked = len(model.asked)
    again = entity_labels(REPORTS, train, config_of(model, superclasses=False), cache=tmp_path)
    assert again[0] == vocabulary
    assert len(model.asked) == asked


def test_the_endpoint_may_also_merge_and_group(model, tmp_path):
    config = config_of(model, synonyms="endpoint")
    vocabulary, labels = entity_labels(REPORTS, np.ones(4, bool), config, cache=tmp_path)
    assert "arrhythmia" in vocabulary.names  # the model's superclass of atrial fibrillation
    assert labels[1, vocabulary.column("arrhythmia")] == 1
    assert labels[0].tolist() == labels[3].tolist()  # LBBB is a left bundle branch block
    kept = entity_labels(REPORTS, np.ones(4, bool), config)  # without a cache, in memory
    assert kept[0].names == vocabulary.names
    with pytest.raises(ValidationError, match=r"entities\.endpoint"):
        EntityConfig(synonyms="endpoint")


def test_an_endpoint_that_is_down_stops_mining_with_a_cure(tmp_path):
    config = EntityConfig(endpoint={"url": "http://127.0.0.1:9/v1", "model": "m", "attempts": 1})
    with pytest.raises(EndpointDown, match="name another endpoint"):
        entity_labels(REPORTS, np.ones(4, bool), config, cache=tmp_path)
