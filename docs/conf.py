"""The configuration of Sphinx, which ``make docs`` runs."""

import enum
import inspect
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# After the packages that Sphinx itself imports.
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
# At the root of the site, where their addresses do not depend on their content.
html_extra_path = ["reference/custom-resource.schema.json", "reference/template.schema.json"]

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

# These packages are documented elsewhere, and the build follows no links to other hosts.
nitpick_ignore_regex = [("py:.*", r"(aws_cdk|constructs|collections|typing|enum|subprocess)\..*")]


class _Object:
    """A default whose representation says nothing; the docstring describes it."""

    def __repr__(self) -> str:
        return "..."


# The CDK's metaclass hides the parameters of a class.
for construct in (
    cdk_appflow_connector.ConnectorRegistration,
    cdk_appflow_connector.ConnectorRegistrationProvider,
):
    signature = inspect.signature(construct.__init__, eval_str=True)
    construct.__signature__ = signature.replace(
        parameters=[
            parameter.replace(default=_Object())
            if repr(parameter.default).startswith("<aws_cdk.")
            else parameter
            for parameter in list(signature.parameters.values())[1:]
        ],
        return_annotation=signature.empty,
    )


def setup(app: Any) -> None:
    """Omit the signatures of protocols and enumerations, which users do not call."""

    def signature(_app: Any, _kind: str, _name: str, documented: Any, *_: Any) -> Any:
        is_enumeration = isinstance(documented, enum.EnumMeta)
        is_protocol = getattr(documented, "_is_protocol", False)
        return ("", None) if is_enumeration or is_protocol else None

    app.connect("autodoc-process-signature", signature)
