"""How Sphinx builds the documentation; ``make docs`` runs it."""

import enum
import inspect
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Behind what Sphinx itself imports.
sys.path += [str(ROOT / "constructs"), str(ROOT / "local_cloud"), os.environ["LIBRARY_PACKAGES"]]

import cdk_appflow_connector  # noqa: E402

project = "cdk-appflow-connector"
copyright = "the authors of cdk-appflow-connector"  # noqa: A001 - Sphinx's own name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

html_theme = "furo"
html_title = project
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
exclude_patterns = ["requirements.txt"]

# The anchors of headings are those of code hosts.
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_use_ivar = True

# Documented elsewhere, and links to other hosts are not followed.
nitpick_ignore_regex = [("py:.*", r"(aws_cdk|constructs|collections|typing|enum|subprocess)\..*")]


class _Object:
    """Stands for a default that does not show what it is; the text says it."""

    def __repr__(self) -> str:
        return "..."


# The CDK's classes are called through their metaclass, which hides what a class takes.
for construct in (
    cdk_appflow_connector.ConnectorRegistration,
    cdk_appflow_connector.ConnectorRegistrationProvider,
):
    taken = inspect.signature(construct.__init__, eval_str=True)
    construct.__signature__ = taken.replace(
        parameters=[
            one.replace(default=_Object()) if repr(one.default).startswith("<aws_cdk.") else one
            for one in list(taken.parameters.values())[1:]
        ],
        return_annotation=taken.empty,
    )


def setup(app: Any) -> None:
    """Leave out the arguments of what nobody calls: protocols and enumerations."""

    def signature(_app: Any, _kind: str, _name: str, documented: Any, *_: Any) -> Any:
        is_enumeration = isinstance(documented, enum.EnumMeta)
        is_protocol = getattr(documented, "_is_protocol", False)
        return ("", None) if is_enumeration or is_protocol else None

    app.connect("autodoc-process-signature", signature)
