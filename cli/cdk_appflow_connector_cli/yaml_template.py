"""Templates in YAML.

CloudFormation passes on scalars as text, while YAML 1.1 reads ``012345678901`` as an octal number
and ``2010-09-09`` as a date. Therefore each scalar is text here, exactly as written. Only the
booleans of YAML 1.1 become ``true`` or ``false``, as in CloudFormation. The short form of an
intrinsic function, such as ``!GetAtt``, becomes its full name.

Sources: "CloudFormation template format" in the AWS CloudFormation User Guide, and "Intrinsic
function reference" in the CloudFormation Template Reference. Neither says how scalars are passed
on. Booleans are measured in hyp3's pull request 2061 and aws-cli's 5257; dates, single letters,
octal numbers and the last of two members with one name in cdk-real-drift's 860, 1125 and 1133. A
number such as ``1.10`` is measured nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

# The parser in C needs a quarter of the time. An installation of PyYAML without libyaml lacks it.
_TextLoader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

# The short forms whose full name has no prefix.
_WITHOUT_PREFIX = frozenset({"Condition", "Ref"})


_BOOLEANS = {
    spelling: value
    for value, words in {"true": ("true", "yes", "on"), "false": ("false", "no", "off")}.items()
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}


class _TemplateLoader(_TextLoader):  # type: ignore[misc]
    """PyYAML's loader of text, with the short forms of intrinsic functions."""

    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        text: str = super().construct_scalar(node)
        # The style of a scalar with quotes, or of several lines, is the character that begins it.
        return text if node.style else _BOOLEANS.get(text, text)


def parse(text: str) -> Mapping[str, Any]:
    """Parse a template.

    Raises:
        ValueError: the text is not YAML, or not a mapping; the message says why.
    """
    try:
        body = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - it makes text and lists only
    # The second if the text is nested too deeply.
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    if not isinstance(body, dict):
        raise ValueError("it is not a mapping")
    return body


def _full_form(loader: Any, name: str, node: yaml.Node) -> dict[str, Any]:
    """The full form of a short form, whose name is without the exclamation mark."""
    if isinstance(node, yaml.ScalarNode):
        argument = node.value
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = loader.construct_mapping(node, deep=True)
    return {name if name in _WITHOUT_PREFIX else f"Fn::{name}": argument}


_TemplateLoader.add_multi_constructor("!", _full_form)
