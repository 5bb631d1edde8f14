"""Detect the language of a PTB-XL report: mostly German, else English, a few Swedish.

Wagner et al., Scientific Data 2020, count 70.89 % German, 27.9 % English and 1.21 % Swedish reports; the files do not say
which is which. A report's words vote, by what reports of that language say.
"""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["German", "English", "Swedish", ""]

_WORD = re.compile(r"[^\W\d_]+")
_CUES: dict[Language, re.Pattern[str]] = {
    "German": re.compile(
        r".*(rhythmus|arrhythmie|kardie|schenkelblock|hypertrophie|ischämie|ischaemie|störung|belastung|niederspannung|"
        r"schrittmacher|vorhof|auszuschlie|förmig|blockierung|veränderung|verlängerung|infarktes|schaden)|"
        r"(normales|sonst|linkstyp|rechtstyp|lagetyp|steiltyp|indifferenztyp|typ|unspez\w*|abnormales|wahrscheinlich|nicht|"
        r"oder|und|bei|mit|möglich\w*|möglicherweise|überdreht\w*|ueberdreht\w*|extrasystole\w*|inkompletter|unvollständiger|"
        r"\w+aler|\w+iorer|periphere|schwierig|kein\w*|alter|altes|zustand|vd|va|q|negativ\w*|ekg|pathologisch\w*)"
    ),
    "English": re.compile(
        r"(rhythm|ecg|are|with|waves?|normal|ventricular|atrial|left|right|branch|bundle|infarction|deviation|trace|only|"
        r"requested|otherwise|the|of|and|is|may|be|this|due|segments?|leads?|axis|pacing|pacemaker|tachycardia|bradycardia|"
        r"arrhythmia|fibrillation|flutter|premature|possible|suggest\w*|no|definite|pathology|voltages?|enlargement|"
        r"changes|ischaemia|ischemia|hypertrophy|degree|poor|progression|low|high|flat)"
    ),
    "Swedish": re.compile(
        r".*(rytm|takykardi|bradykardi|skänkel|hypertrofi|förändring|sänkning|höjning|skada|affektion|flimmer|fladder)|"
        r"(vänster|vänstersidigt|höger|högersidigt|avvikande|normalt|förlopp|övervä\w+|eller|såsom|vid|ischemi|sannolikt|"
        r"äldre|bör|ospecifik|el|axel|hög|låg|och|ej|med|extrem|extrasystoli|av)"
    ),
}


def language_of(report: str) -> Language:
    """The language whose words are the most; empty where none is known, or two tie."""
    words = _WORD.findall(report.lower().replace("#", "ü"))
    votes = {name: sum(pattern.fullmatch(word) is not None for word in words) for name, pattern in _CUES.items()}
    ranked = sorted(votes, key=lambda name: -votes[name])
    return ranked[0] if votes[ranked[0]] > votes[ranked[1]] else ""
