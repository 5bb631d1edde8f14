"""Any OpenAI-compatible chat endpoint: answers are validated, failed requests retried, and answers kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench.errors import BenchError, ConfigError
from bench.reading.json_file import parse_json
from bench.reading.text_file import LARGEST

if TYPE_CHECKING:
    import requests

Answer = TypeVar("Answer", bound=BaseModel)

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_WAIT = 60.0  # seconds between attempts, whatever the back-off or the server's Retry-After
_CHARACTERS_PER_TOKEN = 4.0  # of English text, a rule of thumb: estimates only


class EndpointDown(BenchError):
    """The endpoint does not answer, or refuses; nothing already answered is lost."""


class EndpointConfig(BaseModel):
    """Where a language model is served, and how patiently it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        description="Base URL of the API, such as http://localhost:8000/v1; /chat/completions is appended."
    )
    model: str = Field(description="The model's name at that endpoint; K-MERL: Llama3.1-70B-Instruct (section 3.4).")
    key_variable: str = Field(
        default="BENCH_LLM_KEY", description="Environment variable that holds the API key; unset sends none."
    )
    structured: Literal["json_schema", "json_object", "none"] = Field(
        default="json_schema",
        description="Format that the endpoint is asked for; answers are validated in any case.",
    )
    timeout: float = Field(
        default=120.0, gt=0, description="Seconds without a byte before an attempt counts as failed."
    )
    attempts: int = Field(
        default=5, ge=1, description="Attempts per question, after transport errors, 429, 5xx and unusable answers."
    )
    backoff: float = Field(default=1.0, ge=0, description="Seconds before the second attempt; doubles every time.")
    concurrency: int = Field(default=8, ge=1, description="Number of parallel questions.")
    price_in: float = Field(
        default=0.0, ge=0, description="Currency units per million prompt tokens, for the estimate."
    )
    price_out: float = Field(
        default=0.0, ge=0, description="Currency units per million answer tokens, for the estimate."
    )

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"expected http://host:port/v1 or https://..., found {url!r}")
        return url


@dataclass(frozen=True)
class Question(Generic[Answer]):
    """A question with the shape its answer must have."""

    system: str
    user: str
    answer: type[Answer]


@dataclass(frozen=True)
class Estimate:
    """What asking would take. Tokens are estimated at four characters each.

    Attributes:
        questions: distinct ones; ``cached`` of them are answered already.
        seconds: for the rest, from the pace of the answers so far; None without any.
        cost: in the currency of the configured prices.
    """

    questions: int
    cached: int
    prompt_tokens: int
    answer_tokens: int
    seconds: float | None
    cost: float

    def __str__(self) -> str:
        time_left = "time unknown" if self.seconds is None else f"about {self.seconds / 3600:.1f} h"
        return (
            f"{self.questions - self.cached} questions to ask ({self.cached} answered already), about "
            f"{self.prompt_tokens:,} prompt and {self.answer_tokens:,} answer tokens, cost {self.cost:,.2f}, "
            f"{time_left}."
        )


class _Unusable(Exception):
    """The endpoint answered, but not with what was asked for."""


class _Unreachable(Exception):
    """One attempt failed on the way; ``wait`` is what the server asks for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class ChatEndpoint:
    """Asks questions, in parallel and each only once.

    Usable answers are kept in an SQLite file under ``directory``, addressed by model and question (not by URL: a model
    may move), as soon as they arrive: a run that is stopped goes on where it was. Failures are never kept. Several
    processes may share the file.

    Args:
        config: the endpoint.
        directory: for the answers; None keeps them in memory only.
        progress: called with (questions answered, questions in all) during ``ask_all``.
        sleep: how to wait between attempts, in seconds; tests replace it.
    """

    def __init__(
        self,
        config: EndpointConfig,
        directory: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        sleep: Callable[[float], Any] | None = None,
    ):
        self.config = config
        self._progress = progress
        self._stop = threading.Event()
        self._sleep = sleep or self._stop.wait  # a batch that is given up wakes its sleepers
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._database = str(directory / "answers.sqlite") if directory is not None else ":memory:"
        self._answers = sqlite3.connect(self._database, timeout=60)
        self._answers.execute("PRAGMA journal_mode=WAL")
        self._answers.execute("CREATE TABLE IF NOT EXISTS answers (question TEXT PRIMARY KEY, answer TEXT NOT NULL)")
        self._answers.commit()
        self._pace: list[float] = []

    def ask(self, question: Question[Answer]) -> Answer:
        """One answer.

        Raises:
            EndpointDown: no usable answer after all attempts.
        """
        answer = self.ask_all([question])[0]
        if answer is None:
            raise EndpointDown(
                f"{self.config.model} at {self.config.url} gave no usable answer in {self.config.attempts} attempts; "
                f"expected JSON like {question.answer.model_json_schema()['properties']}. A larger model may help."
            )
        return answer

    def ask_all(self, questions: Sequence[Question[Answer]]) -> list[Answer | None]:
        """Answers in the order of the questions; None where every attempt gave an unusable one.

        Raises:
            EndpointDown: the endpoint cannot be reached or refuses; what was answered before is kept.
            ConfigError: the endpoint rejects the key, the model or the request.
        """
        keyed = {self._address(question): question for question in questions}
        answers: dict[str, Answer | None] = {}
        for address, question in keyed.items():
            stored_answer = self._kept(address, question)
            if stored_answer is not None:
                answers[address] = stored_answer
        open_questions = iter([(a, q) for a, q in keyed.items() if a not in answers])
        self._stop.clear()
        pool = ThreadPoolExecutor(self.config.concurrency)
        running: dict[Future[str], str] = {}

        def collect(future: Future[str]) -> None:
            address = running.pop(future)
            try:
                content = future.result()
            except _Unusable:
                answers[address] = None
                return
            answers[address] = keyed[address].answer.model_validate_json(content)
            self._keep(address, content)

        try:
            while True:
                for address, question in open_questions:
                    running[pool.submit(self._ask_patiently, question)] = address
                    if len(running) >= 2 * self.config.concurrency:  # never a future for each of 771,693 reports
                        break
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    collect(future)
                if self._progress is not None:
                    self._progress(len(answers), len(keyed))
        except BenchError:  # given up; what is still under way is waited for, and kept if it is an answer
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            for future in [f for f in running if not f.cancelled() and f.exception() is None]:
                collect(future)
            raise
        finally:
            self._stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return [answers[self._address(question)] for question in questions]

    def estimate(self, questions: Sequence[Question[Any]], answer_characters: int = 200, probe: int = 0) -> Estimate:
        """What ``ask_all`` would take; ``probe`` questions are asked first to learn the pace, and kept."""
        keyed = {self._address(question): question for question in questions}
        waiting = [question for address, question in keyed.items() if self._kept(address, question) is None]
        if probe and waiting:
            self.ask_all(waiting[:probe])
            waiting = waiting[probe:]
        prompt = int(sum(len(q.system) + len(q.user) for q in waiting) / _CHARACTERS_PER_TOKEN)
        answer = int(len(waiting) * answer_characters / _CHARACTERS_PER_TOKEN)
        pace = sum(self._pace) / len(self._pace) if self._pace else None
        return Estimate(
            questions=len(keyed),
            cached=len(keyed) - len(waiting),
            prompt_tokens=prompt,
            answer_tokens=answer,
            seconds=None if pace is None else pace * len(waiting) / self.config.concurrency,
            cost=(prompt * self.config.price_in + answer * self.config.price_out) / 1e6,
        )

    # Answers already given

    def _address(self, question: Question[Any]) -> str:
        parts = (self.config.model, question.system, question.user, question.answer.model_json_schema())
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _kept(self, address: str, question: Question[Answer]) -> Answer | None:
        row = self._answers.execute("SELECT answer FROM answers WHERE question = ?", (address,)).fetchone()
        if row is None:
            return None
        try:
            return question.answer.model_validate_json(row[0])
        except ValidationError:
            return None  # altered on disk: asked again

    def _keep(self, address: str, content: str) -> None:
        with self._answers:
            self._answers.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (address, content))

    # Asking

    def _ask_patiently(self, question: Question[Any]) -> str:
        """Validated JSON, after as many attempts as it takes."""
        failure: Exception = _Unreachable("never tried")
        for attempt in range(self.config.attempts):
            if attempt:
                requested_wait = failure.wait if isinstance(failure, _Unreachable) else None
                self._sleep(min(_LONGEST_WAIT, max(requested_wait or 0.0, self.config.backoff * 2 ** (attempt - 1))))
                if self._stop.is_set():
                    break
            try:
                started = time.monotonic()
                content = _json_in(self._request(question))
                question.answer.model_validate_json(content)
                self._pace.append(time.monotonic() - started)
                return content
            except ValidationError as error:
                failure = _Unusable(str(error))
            except (_Unusable, _Unreachable) as error:
                failure = error
        if isinstance(failure, _Unreachable):
            raise EndpointDown(
                f"{self.config.url} failed {self.config.attempts} times, lastly: {failure}. Answers so far are kept; "
                "run again when it is available, or name another endpoint."
            ) from failure
        raise failure

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if key := os.environ.get(self.config.key_variable):
            request.headers["Authorization"] = f"Bearer {key}"
        return request

    def _request(self, question: Question[Any]) -> str:
        import requests
        from urllib3.exceptions import HTTPError

        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [{"role": "system", "content": question.system}, {"role": "user", "content": question.user}],
            "temperature": 0,
        }
        if self.config.structured == "json_schema":
            schema = question.answer.model_json_schema()
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": question.answer.__name__.lower(), "schema": schema, "strict": False},
            }
        elif self.config.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        url = self.config.url.rstrip("/") + "/chat/completions"
        options: dict[str, Any] = {"timeout": self.config.timeout, "stream": True, "allow_redirects": False}
        try:
            with requests.post(url, json=body, auth=self._sign, **options) as response:
                raw = response.raw.read(LARGEST, decode_content=True)
        except (requests.RequestException, HTTPError) as error:  # refused, reset, timed out, cut off half-way
            raise _Unreachable(f"{type(error).__name__}: {error}") from error
        code, excerpt = response.status_code, raw[:500].decode(errors="replace").strip()
        if code in _RETRIED:
            raise _Unreachable(f"HTTP {code}: {excerpt}", _seconds(response.headers.get("Retry-After")))
        if code != 200:
            raise ConfigError(
                f"{url} answers HTTP {code}: {excerpt or response.reason}. Check the model name "
                f"{self.config.model!r}, the key in ${self.config.key_variable}, and whether the endpoint knows "
                f"response_format {self.config.structured!r} (structured=json_object or none asks for less). Redirects are "
                f"not followed."
            )
        try:
            content = parse_json(raw.decode())["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise _Unusable(f"not a chat completion: {raw[:200]!r}") from error
        if not isinstance(content, str):
            raise _Unusable(f"empty answer: {raw[:200]!r}")
        return content


def _json_in(content: str) -> str:
    """The JSON object in an answer that may stand in a code fence or between sentences."""
    match = re.search(r"\{.*\}", content, re.DOTALL)
    if match is None:
        raise _Unusable(f"no JSON object in {content[:200]!r}")
    return match.group(0)


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is left to the back-off."""
    return float(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None
