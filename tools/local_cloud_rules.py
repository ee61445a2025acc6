"""Write the page of the local cloud's rules: ``python -m tools.local_cloud_rules``.

Every test in ``MODULES`` states one rule in its docstring. Its mark ``rule`` has the rule's sources
and, where AWS documents no behaviour, the setting that changes the local cloud's choice.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "local_cloud"
PAGE = ROOT / "docs" / "reference" / "local-cloud-rules.md"

MODULES = (
    "test_registration",
    "test_connector_configuration",
    "test_request_members",
    "test_client_tokens",
    "test_permissions",
    "test_connector_profiles",
    "test_entities",
    "test_flows",
    "test_flow_sources",
    "test_flow_destinations",
    "test_lists",
    "test_protocol",
    "test_open_questions",
    "test_function_states",
    "test_custom_resources",
    "test_cloudformation_types",
    "test_serverless_templates",
    "test_template_conditions",
    "test_function_events",
)

SOURCES = {
    "model": "botocore's service model `appflow/2020-08-23`",
    "API": "the AppFlow API Reference",
    "SDK": "the READMEs and the types of Amazon's custom connector SDKs, in Python and Java",
    "IAM": '"Actions, resources, and condition keys for Amazon AppFlow" and the IAM User Guide',
    "Lambda": "the Lambda Developer Guide on resource policies of versions and aliases",
    "function states": '"Lambda function states" and "Activating and managing Lambda SnapStart" in'
    " the Lambda Developer Guide",
    "conflict": "Lambda's messages in issues 1186 of remotion-dev/remotion and 6718 of aws/aws-cli",
    "Lambda API": "the Lambda API Reference",
    "SigV4": "the AWS Signature Version 4 documentation",
    "Terraform": "AppFlow's message in issue 37826 of hashicorp/terraform-provider-aws",
    "CloudFormation": '"Custom resource response objects" in the CloudFormation User Guide, and'
    " AWS::CloudFormation::CustomResource in the Template Reference",
    "registry": "the schemas of the AppFlow types in the CloudFormation registry, and their pages"
    " in the CloudFormation Template Reference",
    "contract": '"Resource type handler contract" in the CloudFormation CLI User Guide',
    "handler errors": '"Handler error codes" in the CloudFormation CLI User Guide, and AppFlow\'s'
    " message in issue 338 of hashicorp/terraform-provider-awscc",
    "SAM": "the AWS Serverless Application Model Developer Guide, and AWS::Serverless transform in"
    " the CloudFormation Template Reference",
    "conditions": '"Condition functions" in the CloudFormation Template Reference, and cfn-lint\'s'
    " schema of Fn::Equals",
    "state events": '"Lambda Function state events in Amazon EventBridge" in the Lambda Developer'
    " Guide",
    "CloudTrail": '"AWS Lambda events" in the EventBridge Events Reference, and the record of'
    " lambda-overwrite-code in the documentation of Stratus Red Team",
    "EventBridge": "the EventBridge User Guide on resource-based policies and on delivery, and the"
    " Lambda Developer Guide on asynchronous invocation",
    "cfnlambda": "CloudFormation's message in issue 5 of gene1wood/cfnlambda",
    "choice": "a choice of the local cloud, since AWS does not document the behaviour",
}

_HEAD = """\
# Rules of the local cloud

The local cloud enforces these rules. One test proves each of them through boto3. The rules are
grouped by the module of their tests in `tests/local_cloud`.

<!-- Generated from those tests by `python -m tools.local_cloud_rules`. -->

Sources:

"""


class RuleError(ValueError):
    """A test does not state its rule completely."""


@dataclass(frozen=True)
class Rule:
    """A rule and the test that proves it."""

    text: str
    sources: tuple[str, ...]
    setting: str | None
    test: str


def page() -> str:
    """The page in Markdown.

    Raises:
        RuleError: a test lacks its mark or its docstring, or names an unknown source.
    """
    sources = "".join(f"- **{name}**: {meaning}\n" for name, meaning in SOURCES.items())
    return _HEAD + sources + "".join(_section(TESTS / f"{name}.py") for name in MODULES)


def _section(path: Path) -> str:
    module = ast.parse(path.read_text())
    title = _first_line(module, path.name).removesuffix(".")
    rules = [_rule(test, name) for name, test in _tests(module)]
    rows = _setting_rows(rules) if any(rule.setting for rule in rules) else _source_rows(rules)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"\n## {title}\n\nTests: `{path.name}`\n\n{table}"


def _source_rows(rules: list[Rule]) -> list[list[str]]:
    rows = [[rule.text, ", ".join(rule.sources), f"`{rule.test}`"] for rule in rules]
    return [["Rule", "Source", "Test"], ["---"] * 3, *rows]


def _setting_rows(rules: list[Rule]) -> list[list[str]]:
    rows = [[rule.text, f"`{rule.setting}`", f"`{rule.test}`"] for rule in rules]
    return [["Default", "Setting that changes it", "Test"], ["---"] * 3, *rows]


def _tests(module: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name.startswith("test_"):
                    yield f"{node.name}::{member.name}", member


def _rule(test: ast.FunctionDef, name: str) -> Rule:
    marks = [mark for mark in test.decorator_list if _is_rule(mark)]
    if len(marks) != 1:
        raise RuleError(f"{name} has {len(marks)} marks `rule`, not one")
    [mark] = marks
    assert isinstance(mark, ast.Call)
    sources = tuple(ast.literal_eval(argument) for argument in mark.args)
    keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in mark.keywords}
    unknown = [source for source in sources if source not in SOURCES]
    if unknown or not sources:
        raise RuleError(f"{name} has the sources {sources}, not some of {', '.join(SOURCES)}")
    return Rule(_first_line(test, name), sources, keywords.get("setting"), name)


def _is_rule(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rule"


def _first_line(node: ast.Module | ast.FunctionDef, name: str) -> str:
    docstring = ast.get_docstring(node)
    if not docstring:
        raise RuleError(f"{name} has no docstring")
    return docstring.splitlines()[0].replace("|", "\\|")


def main() -> int:
    """Write the page."""
    PAGE.write_text(page())
    print(f"The rules are in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
