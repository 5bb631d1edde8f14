"""Zero-shot prompts: the texts of classes for a text encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.errors import DataError
from bench.reading.json_file import read_json
from methods.text.lexicon import default_lexicon


class PromptConfig(BaseModel):
    """How class names become prompts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["names", "template", "entities", "file"] = Field(
        default="names",
        description="names: the class names alone (K-MERL 4.2: 'original disease category names'); template: ETP's "
        "sentence; entities: the entity that the lexicon reads in each name, as in reports; file: CKEPE or similar.",
    )
    wording: Literal["described", "original"] = Field(
        default="described",
        description="what a class is called in its prompt. described: the task's words; those of PTB-XL's superclasses were "
        "chosen on its validation fold 9. original: the category names that the dataset publishes (K-MERL 4.2.1).",
    )
    template: str = Field(default="this ECG indicates {name}", description="With {name}; the default is ETP's.")
    file: Path | None = Field(
        default=None, description="A flat JSON object, class name or acronym -> prompt, as MERL's CKEPE_prompt.json."
    )
    lower: bool = Field(default=True, description="Lower-case the prompts, as MERL does.")
    sha256: str | None = Field(
        default=None, description="SHA-256 of the file; filled in, so that keys follow its content, not its name."
    )

    @model_validator(mode="after")
    def _complete(self) -> PromptConfig:
        if self.file is not None and self.kind != "file":
            raise ValueError(f"prompts.file is set but prompts.kind is {self.kind}; --set prompts.kind=file uses it")
        if self.kind == "file":
            if self.file is None:
                raise ValueError("prompts.kind is file: name the file, --set prompts.file=/path/CKEPE_prompt.json")
            if not self.file.is_file():
                raise ValueError(f"prompts.file: no file {str(self.file)!r}")
            actual = hashlib.sha256(self.file.read_bytes()).hexdigest()
            if self.sha256 not in (None, actual):
                raise ValueError(f"prompts.sha256 is {self.sha256}, but {str(self.file)!r} now has {actual}")
            object.__setattr__(self, "sha256", actual)
        if "{name}" not in self.template:
            raise ValueError(f"prompts.template {self.template!r} does not contain {{name}}")
        return self


def prompts_for(
    names: Sequence[str], config: PromptConfig | None = None, codes: Sequence[str] | None = None
) -> list[str]:
    """One prompt per class.

    Args:
        names: the classes in words ("inferior myocardial infarction").
        config: default the names themselves.
        codes: the classes' acronyms ("IMI"), by which CKEPE's file knows them; default: those that the names carry
            (:class:`bench.task.ClassName`). A file is asked for the code, then for the name, in any case and without
            PTB-XL's final underscore.

    Raises:
        DataError: the prompt file is absent, malformed, or lacks a class.
    """
    config = config or PromptConfig()
    if config.wording == "original":
        codes = codes or [getattr(name, "code", name) for name in names]
        names = [getattr(name, "original", name) for name in names]
    if config.kind == "template":
        prompts = [config.template.replace("{name}", name) for name in names]
    elif config.kind == "entities":
        prompts = [default_lexicon().entity(name) or name for name in names]
    elif config.kind == "file" and config.file is not None:
        prompts = _from_file(config.file, names, codes)
    else:
        prompts = list(names)
    return [prompt.lower() for prompt in prompts] if config.lower else prompts


def read_prompt_file(path: Path) -> dict[str, str]:
    """A CKEPE-format file: one flat JSON object of non-empty strings.

    Raises:
        DataError: anything else, naming the key.
    """
    try:
        content = read_json(path)
    except OSError as error:
        raise DataError(f"prompt file {path}: {error.strerror}. Name another with --set prompts.file=/path.") from error
    except ValueError as error:
        raise DataError(f"prompt file {path}: not JSON: {error}.") from error
    if not isinstance(content, dict) or not content:
        raise DataError(f"prompt file {path}: expected one object, class -> prompt; found {type(content).__name__}.")
    for name, prompt in content.items():
        if not isinstance(prompt, str) or not prompt.strip():
            raise DataError(f"prompt file {path}: the prompt of {name!r} is {prompt!r}; expected words.")
    return content


def _from_file(path: Path, names: Sequence[str], codes: Sequence[str] | None) -> list[str]:
    prompts = {_key(name): prompt for name, prompt in read_prompt_file(path).items()}
    class_prompts: list[str] = []
    for position, name in enumerate(names):
        code = codes[position] if codes is not None else getattr(name, "code", name)
        keys = list(dict.fromkeys([code, name]))
        prompt = next((prompts[_key(a)] for a in keys if _key(a) in prompts), None)
        if prompt is None:
            raise DataError(
                f"prompt file {path}: no prompt for class {' or '.join(repr(a) for a in keys)}; it has "
                f"{len(prompts)} classes. Add it, or use --set prompts.kind=names."
            )
        class_prompts.append(prompt)
    return class_prompts


def _key(name: str) -> str:
    return name.strip().rstrip("_").casefold()
