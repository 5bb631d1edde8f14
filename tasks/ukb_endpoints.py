"""Endpoints of UK Biobank as data: the fields and codes that define a disease and its date.

Each YAML of ``tasks/endpoints``, and of ``endpoints`` in the user's data root, is one endpoint. Kinds of evidence:

``dated``
    a field whose value is the date of first occurrence (algorithmically defined outcomes, first occurrences).
``hospital``
    a field of diagnosis codes, with a field of dates at the same array indices. Codes match by prefix, without dots.
``self-report``
    a field of codes reported at a visit, whole codes only. Dated by the year in ``year_field`` where that is known, and
    never later than the visit.

UK Biobank writes special dates: 1900-01-01 (no date) and 2037-07-07 (a date in the future, a placeholder) tell that
there is a diagnosis and not when; 1901-01-01, 1902-02-02 and 1903-03-03 represent birth and childhood.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench.errors import ConfigError
from tasks.datasets.ukb_table import dates_of

if TYPE_CHECKING:
    import pandas as pd

    from tasks.datasets.ukb_table import MainTable

FOLDER = Path(__file__).with_name("endpoints")
VISIT_DATE = 53
"""Field of the date of attending the assessment centre, by visit."""
UNDATED = ("1900-01-01", "2037-07-07")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(_Model):
    """A field that holds the date itself."""

    kind: Literal["dated"]
    field: int


class Coded(_Model):
    """Codes, and where their dates are."""

    field: int
    codes: tuple[str, ...] = Field(min_length=1)

    @field_validator("codes", mode="before")
    @classmethod
    def _as_text(cls, codes: Sequence[object]) -> tuple[str, ...]:
        if isinstance(codes, str) or not all(isinstance(code, str) for code in codes):
            raise ValueError("codes are texts: write 410 as '410', lest zeros and dots are lost")
        return tuple(str(code).replace(".", "").strip().upper() for code in codes)


class Hospital(Coded):
    """Diagnoses of hospital stays."""

    kind: Literal["hospital"]
    date_field: int


class SelfReport(Coded):
    """Self-reports of participants at a visit."""

    kind: Literal["self-report"]
    year_field: int | None = None


class Endpoint(_Model):
    """One disease."""

    title: str
    source: str
    evidence: list[Annotated[Dated | Hospital | SelfReport, Field(discriminator="kind")]] = Field(min_length=1)

    def fields(self) -> set[int]:
        """Every field that is read."""
        fields = {VISIT_DATE}
        for evidence in self.evidence:
            fields |= {
                getattr(evidence, name)
                for name in ("field", "date_field", "year_field")
                if getattr(evidence, name, None)
            }
        return fields


def endpoint_files(root: Path | None = None) -> dict[str, Path]:
    """Name -> file; those of a data root go before ours."""
    folders = [FOLDER, *([root / "endpoints"] if root is not None else [])]
    return {path.stem: path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.yaml"))}


def read_endpoint(path: Path) -> Endpoint:
    """One endpoint from its file.

    Raises:
        ConfigError: the file is no endpoint, with every field that is wrong.
    """
    import yaml

    from bench.reading.text_file import said
    from bench.reading.yaml_file import read_yaml

    try:
        return Endpoint.model_validate(read_yaml(path))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {said(error)}.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{path} is not an endpoint: {wrong}. tasks/endpoints/heart_failure.yaml is one.") from error


def first_dates(endpoint: Endpoint, table: MainTable) -> pd.DataFrame:
    """When each participant is first known to have the disease.

    Returns:
        index eid; ``date`` (earliest; NaT without), ``undated`` (there is evidence, but not one date).
    """
    import pandas as pd

    dates_per_source = [
        _dated(source, table) if isinstance(source, Dated) else _coded(source, table) for source in endpoint.evidence
    ]
    evidence = pd.concat(dates_per_source, ignore_index=True)
    known = evidence.dropna(subset=["date"]).groupby("eid")["date"].min()
    date = known.reindex(table.eids)
    some = table.eids.isin(evidence["eid"])
    return pd.DataFrame({"date": date, "undated": some & date.isna().to_numpy()}, index=table.eids)


def _dated(evidence: Dated, table: MainTable) -> pd.DataFrame:
    import pandas as pd

    text = table.text(evidence.field)
    # the field that follows a date says where it comes from: numbers, which are no evidence of a date
    has_date = text.notna() & text.str.match(r"^\d{4}-\d{2}-\d{2}", na=False)
    dates = dates_of(text.where(has_date), f"field {evidence.field}")
    return pd.DataFrame({"eid": table.eids[has_date], "date": _real(dates[has_date]).to_numpy()})


def _coded(evidence: Hospital | SelfReport, table: MainTable) -> pd.DataFrame:
    import pandas as pd

    entries, codes = table.entries(evidence.field), table.codes(evidence.field)
    if isinstance(evidence, SelfReport):
        entries = entries[codes.isin(evidence.codes)]
        return pd.DataFrame({"eid": entries["eid"], "date": _reported(evidence, entries, table)})
    entries = entries[codes.str.startswith(tuple(evidence.codes), na=False)]
    dates = table.entries(evidence.date_field)
    merged = entries.merge(dates, on=["eid", "instance", "index"], how="left", suffixes=("", "_date"))
    when = dates_of(merged.set_index("eid")["value_date"].astype("string"), f"field {evidence.date_field}")
    return pd.DataFrame({"eid": merged["eid"], "date": _real(when).to_numpy()})


def _reported(evidence: SelfReport, entries: pd.DataFrame, table: MainTable) -> np.ndarray:
    """The year of diagnosis where it was reported (its middle), else the visit; never after the visit."""
    import pandas as pd

    visits = {instance: table.date(VISIT_DATE, instance) for instance in entries["instance"].unique()}
    visit = pd.to_datetime(
        pd.Series([visits[i].get(eid, pd.NaT) for eid, i in zip(entries["eid"], entries["instance"], strict=True)])
    )
    if evidence.year_field is None or not len(entries):
        return visit.to_numpy()
    years = table.entries(evidence.year_field)
    years = years.assign(year=pd.to_numeric(years["value"], errors="coerce"))
    merged = entries.merge(years, on=["eid", "instance", "index"], how="left", suffixes=("", "_year"))
    year = merged["year"].where(
        (merged["year"] > 1900) & (merged["year"] < 2100)
    )  # -1: time uncertain; -3: not answered
    reported = pd.to_datetime(year.round(1).map(_middle), errors="coerce")
    return reported.where(reported < visit, visit.where(visit.notna(), reported)).to_numpy()


def _middle(year: float) -> object:
    """A date from a year with a fraction (2003.5); a whole year counts from its middle."""
    import pandas as pd

    if np.isnan(year):
        return pd.NaT
    calendar_year = int(year)
    share = year - calendar_year or 0.5
    return pd.Timestamp(calendar_year, 1, 1) + pd.Timedelta(days=round(365 * share))


def _real(dates: pd.Series) -> pd.Series:
    import pandas as pd

    return dates.where(~dates.isin(pd.to_datetime(list(UNDATED))))
