"""Values as TOML: Python reads the format and does not write it."""

import json
from enum import Enum
from typing import Any


def toml_value(value: Any) -> str:
    """A number, a truth value, a list or an enumeration's value as they are; anything else as text in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return toml_value(value.value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    # JSON escapes what TOML wants escaped, but for one character.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
