"""Checks at synthesis: arguments that raise an error, and arguments that add a warning."""

from __future__ import annotations

import re
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from tests.synth.support import make_function, register


@pytest.mark.parametrize("label", ["x", "acme crm", "-acme", "acme/crm", "", "a" * 257, "ünter"])
def test_invalid_label_is_refused(stack: cdk.Stack, function: lambda_.Function, label: str) -> None:
    """A label that AppFlow rejects raises an error with the rules."""
    message = (
        f"connector_label is {label!r}, but AppFlow accepts 2 to 256 characters: a letter or digit"
        " first, then letters, digits and _ ! @ # . - only. Rename the connector, for example to"
        " 'acme-crm'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, connector_label=label)


def test_invalid_description_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A description with invalid characters raises an error that names them."""
    message = (
        "description is 'Acme: a CRM, mostly', but AppFlow accepts only letters, digits, spaces and"
        " / ! @ # + = . - _ in it. Remove ',' ':'"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, description="Acme: a CRM, mostly")


def test_long_description_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A description of more than 1024 characters raises an error."""
    message = "description has 1025 characters, but AppFlow accepts at most 1024. Shorten it"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, description="x" * 1025)


def test_snapshot_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """RemovalPolicy.SNAPSHOT raises an error with the allowed values."""
    message = (
        "removal_policy is RemovalPolicy.SNAPSHOT, but AppFlow has no snapshots: a registration can"
        " only be kept (RemovalPolicy.RETAIN), unregistered (RemovalPolicy.DESTROY), or"
        " unregistered only when its creation is rolled back"
        " (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE). Choose one of these"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, removal_policy=cdk.RemovalPolicy.SNAPSHOT)


def test_refused_argument_creates_nothing(stack: cdk.Stack, function: lambda_.Function) -> None:
    """An argument that is refused leaves no construct in the stack."""
    with pytest.raises(ValueError, match="connector_label"):
        register(stack, function, connector_label="x")

    assert stack.node.try_find_child("Registration") is None


@pytest.mark.parametrize("refresh", [True, False])
@pytest.mark.parametrize(
    ("every", "shown"),
    [
        (cdk.Duration.minutes(59), "3540"),
        (cdk.Duration.millis(0), "0"),
        (cdk.Duration.seconds(3601), "3601"),
        (cdk.Duration.millis(3_600_500), "3600.5"),
        (cdk.Duration.millis(3_600_001), "3600.001"),
    ],
)
def test_short_schedule_is_refused(
    stack: cdk.Stack, function: lambda_.Function, every: cdk.Duration, shown: str, refresh: bool
) -> None:
    """A schedule shorter than an hour, or of no whole minutes, raises an error."""
    message = (
        f"reconcile_every is {shown} seconds, but must be a whole number of minutes, and at least"
        " an hour. Pass for example Duration.hours(24), or None for no schedule"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, refresh_on_external_change=refresh, reconcile_every=every)


def test_schedule_of_a_token_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A schedule that only the deployment knows raises an error."""
    hours = cdk.CfnParameter(stack, "Hours", type="Number").value_as_number
    message = (
        "reconcile_every is a token, whose value is only known at deploy time, but synthesis makes"
        " a rate expression of it. Pass a Duration of known length, for example"
        " Duration.hours(24), or one from the app's context"
    )
    for every in (cdk.Duration.hours(hours), cdk.Duration.seconds(hours)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function, refresh_on_external_change=True, reconcile_every=every)


def test_schedule_without_its_rule_is_refused(stack: cdk.Stack, function: lambda_.Function) -> None:
    """A schedule has no effect without refresh_on_external_change, so it raises an error."""
    message = (
        "reconcile_every is 7200 seconds, but refresh_on_external_change is False, so nothing is"
        " checked on a schedule. Set refresh_on_external_change=True as well, or omit"
        " reconcile_every"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        register(stack, function, reconcile_every=cdk.Duration.hours(2))


@pytest.mark.parametrize("every", [None, cdk.Duration.hours(24), cdk.Duration.days(1)])
def test_schedule_may_be_passed_on(
    stack: cdk.Stack, function: lambda_.Function, every: cdk.Duration | None
) -> None:
    """The default schedule, and none, are accepted without refresh_on_external_change."""
    register(stack, function, reconcile_every=every)

    Template.from_stack(stack).resource_count_is("AWS::Events::Rule", 0)


@pytest.mark.parametrize("label", ["ab", "a" * 256, "9_!@#.-"])
def test_label_at_the_limits_is_accepted(
    stack: cdk.Stack, function: lambda_.Function, label: str
) -> None:
    """The shortest, the longest and every allowed character are accepted."""
    register(stack, function, connector_label=label)


def test_tokens_are_not_checked(stack: cdk.Stack, function: lambda_.Function) -> None:
    """Token labels and descriptions reach the template unchecked."""
    label = cdk.CfnParameter(stack, "Label").value_as_string
    description = cdk.CfnParameter(stack, "Description").value_as_string

    register(stack, function, connector_label=label, description=description)

    Template.from_stack(stack).has_resource_properties(
        "Custom::AppFlowConnectorRegistration",
        {"ConnectorLabel": {"Ref": "Label"}, "Description": {"Ref": "Description"}},
    )


class TestFunction:
    @pytest.mark.parametrize(
        ("kind", "arn", "theirs", "ours"),
        [
            (
                "account",
                "arn:aws:lambda:us-east-1:444455556666:function:crm",
                "444455556666",
                "111122223333",
            ),
            (
                "Region",
                "arn:aws:lambda:eu-west-1:111122223333:function:crm",
                "eu-west-1",
                "us-east-1",
            ),
        ],
    )
    def test_of_another_environment_is_refused(
        self, app: cdk.App, kind: str, arn: str, theirs: str, ours: str
    ) -> None:
        """A function of another account or Region raises an error."""
        here = cdk.Environment(account="111122223333", region="us-east-1")
        stack = cdk.Stack(app, "Here", env=here)
        function = lambda_.Function.from_function_arn(stack, "Connector", arn)

        message = (
            f"connector_function is in {kind} {theirs}, but its registration is in {kind} {ours}."
            " AppFlow only invokes functions in its own account and Region. Deploy the function"
            " there too"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function)

    @pytest.mark.parametrize("imported", [False, True])
    def test_latest_version_is_refused(
        self, stack: cdk.Stack, function: lambda_.Function, imported: bool
    ) -> None:
        """The version $LATEST raises an error that suggests the function."""
        arn = "arn:aws:lambda:us-east-1:111122223333:function:crm:$LATEST"
        latest: lambda_.IFunction = (
            lambda_.Function.from_function_arn(stack, "Imported", arn)
            if imported
            else function.latest_version
        )

        message = (
            f"connector_function is {latest.node.path}, whose ARN ends with :$LATEST, but Lambda"
            " accepts no permission for AppFlow on $LATEST. Pass the function itself, which runs"
            " the same code"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, latest)

    def test_alias_of_latest_is_accepted(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """An alias of $LATEST is accepted and gets a permission."""
        latest = function.latest_version
        register(stack, lambda_.Alias(stack, "Live", alias_name="live", version=latest))

        Template.from_stack(stack).resource_count_is("AWS::Lambda::Permission", 1)

    def test_of_another_partition_is_refused(self, stack: cdk.Stack) -> None:
        """An ARN of a partition without AppFlow raises an error."""
        arn = "arn:aws-cn:lambda:cn-north-1:111122223333:function:crm"
        function = lambda_.Function.from_function_arn(stack, "Connector", arn)

        message = (
            f"the ARN of connector_function is {arn}, but AppFlow accepts only"
            " arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]. Pass a"
            " function with such an ARN"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function)


HERE = {"account": "111122223333", "region": "us-east-1"}


def register_in(stack: cdk.Stack) -> None:
    """Register an imported function under the default label."""
    register(
        stack,
        lambda_.Function.from_function_name(stack, "Connector", "crm"),
        triggers={"Release": "1"},
    )


class TestDuplicateLabel:
    def test_in_one_stack_is_refused(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """A label that is used twice in a stack raises an error."""
        register(stack, function, "One")

        message = (
            "connector_label is 'acme-crm', but Stack/One has this label already. AppFlow allows a"
            " label once in an account and Region, so each of the two would overwrite the other."
            " Give one of them another label"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register(stack, function, "Two")

    @pytest.mark.parametrize("parts", [("Nested",), ("Nested", "Another")])
    def test_in_nested_stacks_is_refused(self, stack: cdk.Stack, parts: tuple[str, ...]) -> None:
        """A label that is used again in a nested stack raises an error."""
        nested = [cdk.NestedStack(stack, name) for name in parts]
        first, second = ([stack, *nested])[-2:]
        register_in(first)

        with pytest.raises(ValueError, match="each of the two would overwrite the other"):
            register_in(second)

    @pytest.mark.parametrize("stages", [False, True])
    def test_in_one_environment_is_refused(self, app: cdk.App, stages: bool) -> None:
        """A label of two stacks or stages in the same environment raises an error."""
        place = cdk.Environment(account="111122223333", region="us-east-1")
        one, two = (
            cdk.Stack(cdk.Stage(app, f"{name}Stage") if stages else app, name, env=place)
            for name in ("One", "Two")
        )
        register_in(one)

        message = (
            f"connector_label is 'acme-crm', but {one.node.path}/Registration has this label"
            " already. AppFlow allows a label once in an account and Region, so each of the two"
            " would overwrite the other. Give one of them another label"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            register_in(two)

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            pytest.param({}, {}, id="both unknown"),
            pytest.param({}, HERE, id="one known"),
            pytest.param(HERE, {"region": "us-east-1"}, id="same Region"),
            pytest.param({"account": "111122223333"}, {"region": "us-east-1"}, id="half known"),
        ],
    )
    def test_in_unknown_environments_gets_a_warning(
        self, app: cdk.App, one: dict[str, str], two: dict[str, str]
    ) -> None:
        """A label of two stacks that may share an environment adds a warning."""
        stacks = [
            cdk.Stack(app, name, env=cdk.Environment(**place))
            for name, place in (("One", one), ("Two", two))
        ]
        for stack in stacks:
            register_in(stack)

        assert warnings(stacks[0]) == []
        [warning] = warnings(stacks[1])
        assert warning.startswith(
            "connector_label is 'acme-crm', but One/Registration has this label already. AppFlow"
            " allows a label once in an account and Region, so if both stacks are deployed to the"
            " same account and Region, each would overwrite the registration of the other. Give"
            " one of them another label"
        )

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            pytest.param({"region": "us-east-1"}, {"region": "eu-west-1"}, id="Regions"),
            pytest.param({"account": "111122223333"}, {"account": "444455556666"}, id="accounts"),
            pytest.param(HERE, {"region": "eu-west-1"}, id="Regions, one account known"),
        ],
    )
    def test_in_two_environments_is_accepted(
        self, app: cdk.App, one: dict[str, str], two: dict[str, str]
    ) -> None:
        """A label may be used in different accounts or Regions."""
        stacks = [
            cdk.Stack(app, name, env=cdk.Environment(**place))
            for name, place in (("One", one), ("Two", two))
        ]
        for stack in stacks:
            register_in(stack)

        assert [warnings(stack) for stack in stacks] == [[], []]

    @pytest.mark.parametrize("live", [{}, HERE])
    def test_in_two_stages_is_accepted(self, app: cdk.App, live: dict[str, str]) -> None:
        """A label may be used in stages whose environments may differ."""
        stacks = [
            cdk.Stack(cdk.Stage(app, name), "Crm", env=cdk.Environment(**place))
            for name, place in (("Test", {}), ("Live", live))
        ]
        for stack in stacks:
            register_in(stack)

        assert [warnings(stack) for stack in stacks] == [[], []]

    def test_error_names_the_certain_duplicate(self, app: cdk.App) -> None:
        """The error names the stack of the same environment, not one that may share it."""
        stacks = {
            name: cdk.Stack(app, name, env=cdk.Environment(**place))
            for name, place in (("Unknown", {}), ("Here", HERE), ("HereToo", HERE))
        }
        register_in(stacks["Unknown"])
        register_in(stacks["Here"])

        with pytest.raises(ValueError, match="but Here/Registration has this label already"):
            register_in(stacks["HereToo"])

    def test_of_pseudo_parameters_is_refused(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A label of pseudo parameters that is used twice in a stack raises an error."""
        label = f"acme-{cdk.Aws.REGION}"
        register(stack, function, "One", connector_label=label)

        message = "connector_label is 'acme-${AWS::Region}', but Stack/One has this label already."
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            register(stack, function, "Two", connector_label=label)

    def test_of_stack_names_is_accepted(self, app: cdk.App) -> None:
        """A label with the name of the stack differs between the stacks of an environment."""
        stacks = [cdk.Stack(app, name, env=cdk.Environment(**HERE)) for name in ("One", "Two")]
        for stack in stacks:
            imported = lambda_.Function.from_function_name(stack, "Connector", "crm")
            label = f"acme-{cdk.Aws.STACK_NAME}"
            register(stack, imported, connector_label=label, triggers={"Release": "1"})

        assert [warnings(stack) for stack in stacks] == [[], []]

    def test_of_token_labels_is_not_checked(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The same token label may be used twice."""
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, "One", connector_label=label)
        register(stack, function, "Two", connector_label=label)


class TestRegion:
    @pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eu-north-1"])
    def test_without_appflow_gets_a_warning(self, app: cdk.App, region: str) -> None:
        """A Region without AppFlow adds a warning with the Regions that have it."""
        stack = cdk.Stack(app, "Crm", env=cdk.Environment(region=region))
        imported = lambda_.Function.from_function_name(stack, "Connector", "crm")
        register(stack, imported, triggers={"Release": "1"})

        [warning] = warnings(stack)
        assert warning.startswith(
            f"the stack is deployed to Region {region}, where AppFlow was not offered when this"
            " version of the library was released, so the deployment may fail. Deploy to one of"
            " af-south-1,"
        )

    def test_with_appflow_gets_no_warning(self, app: cdk.App) -> None:
        """A Region with AppFlow adds no warning."""
        stack = cdk.Stack(app, "Crm", env=cdk.Environment(region="eu-west-1"))
        imported = lambda_.Function.from_function_name(stack, "Connector", "crm")
        register(stack, imported, triggers={"Release": "1"})

        assert warnings(stack) == []


class TestDestroy:
    def test_token_label_gets_a_warning(self, stack: cdk.Stack, function: lambda_.Function) -> None:
        """RemovalPolicy.DESTROY with a token label adds a warning."""
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, connector_label=label, removal_policy=cdk.RemovalPolicy.DESTROY)

        [warning] = warnings(stack)
        assert warning.startswith(
            "removal_policy is RemovalPolicy.DESTROY, but connector_label is a token, whose value"
            " is only known at deploy time. If the value changes, CloudFormation updates the"
            " permission to unregister before it deletes the old registration, so the handler is"
            " not allowed to unregister the old label, which stays registered. Use a literal label,"
            " or keep the registration with RemovalPolicy.RETAIN"
        )

    @pytest.mark.parametrize(
        "label",
        [
            f"acme-{cdk.Aws.REGION}",
            cdk.Aws.STACK_NAME,
            cdk.Fn.sub("acme-${AWS::AccountId}"),
            cdk.Fn.join("-", ["acme", cdk.Aws.PARTITION]),
        ],
        ids=["text", "alone", "sub", "join"],
    )
    def test_label_of_pseudo_parameters_gets_none(
        self, stack: cdk.Stack, function: lambda_.Function, label: str
    ) -> None:
        """A label that is the same at each deployment of the stack adds no warning."""
        register(stack, function, connector_label=label, removal_policy=cdk.RemovalPolicy.DESTROY)

        assert warnings(stack) == []

    def test_label_of_a_mapping_gets_a_warning(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A label of a mapping, whose contents may change, adds a warning."""
        mapping = cdk.CfnMapping(stack, "Labels", mapping={"crm": {"label": "acme"}})
        label = mapping.find_in_map(cdk.Aws.REGION, "label")
        register(stack, function, connector_label=label, removal_policy=cdk.RemovalPolicy.DESTROY)

        [warning] = warnings(stack)
        assert "connector_label is a token" in warning

    def test_literal_label_gets_no_warning(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """RemovalPolicy.DESTROY with a literal label adds no warning."""
        register(stack, function, removal_policy=cdk.RemovalPolicy.DESTROY)

        assert warnings(stack) == []

    def test_retained_token_label_gets_no_warning(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A token label that is retained adds no warning."""
        label = cdk.CfnParameter(stack, "Label").value_as_string
        register(stack, function, connector_label=label)

        assert warnings(stack) == []


class TestMissingPermission:
    ARN = "arn:aws:lambda:eu-west-1:111122223333:function:crm:live"

    def test_added_permission_gets_no_warning(self, stack: cdk.Stack) -> None:
        """A registration that adds the permission has no warning."""
        imported = lambda_.Function.from_function_arn(stack, "Connector", self.ARN)
        register(stack, imported, triggers={"Release": "1"})

        assert warnings(stack) == []

    def test_warning_gives_the_command(self, stack: cdk.Stack) -> None:
        """Without the permission, a warning gives the command that adds it."""
        imported = lambda_.Function.from_function_attributes(
            stack, "Connector", function_arn=self.ARN, skip_permissions=True
        )
        register(stack, imported, skip_permissions=True, triggers={"Release": "1"})

        [warning] = warnings(stack)
        assert warning.startswith(
            "skip_permissions is True, so the deployment fails unless the owner of"
            " connector_function has allowed AppFlow to invoke exactly this function, version or"
            " alias. The owner can use aws lambda add-permission"
            f" --function-name '{self.ARN}' --statement-id AppFlow --action"
            " lambda:InvokeFunction --principal appflow.amazonaws.com --source-account"
            " '111122223333' --source-arn 'arn:aws:appflow:eu-west-1:111122223333:*'"
        )

    def test_warning_has_names_for_tokens(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """The command names deploy-time values and shows no token."""
        register(stack, function, skip_permissions=True)

        [warning] = warnings(stack)
        assert "--function-name '<ARN of Stack/Connector>'" in warning
        assert "--source-account '<account>'" in warning
        assert "--source-arn 'arn:aws:appflow:<Region>:<account>:*'" in warning
        assert "Token" not in warning

    def test_warning_names_a_known_environment(self, app: cdk.App) -> None:
        """The command contains the account and Region of the stack."""
        place = cdk.Environment(account="111122223333", region="eu-west-1")
        stack = cdk.Stack(app, "Crm", env=place)
        register(stack, make_function(stack, "Connector"), skip_permissions=True)

        [warning] = warnings(stack)
        assert "--source-arn 'arn:aws:appflow:eu-west-1:111122223333:*'" in warning

    def test_acknowledged_warning_is_silent(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """An acknowledged warning is not reported."""
        registration = register(stack, function, skip_permissions=True)
        cdk.Annotations.of(registration).acknowledge_warning(
            "cdk-appflow-connector:missingInvokePermission"
        )

        assert warnings(stack) == []


class TestVersion:
    def test_deleted_by_next_update_gets_a_warning(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A version that the next update deletes adds a warning."""
        register(stack, function.current_version)

        [warning] = warnings(stack)
        assert warning.startswith(
            "connector_function is a version that CloudFormation deletes after the update to the"
            " next one, while flows may still run on it. Retain old versions with"
            " current_version_options=VersionOptions(removal_policy=RemovalPolicy.RETAIN) on the"
            " function, or pass an Alias"
        )

    @pytest.mark.parametrize(
        "kept", [cdk.RemovalPolicy.RETAIN, cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE]
    )
    def test_retained_gets_no_warning(self, stack: cdk.Stack, kept: cdk.RemovalPolicy) -> None:
        """A version that is retained adds no warning."""
        register(stack, kept_version(stack, kept))

        assert warnings(stack) == []

    def test_of_another_stack_gets_a_warning(self, app: cdk.App, stack: cdk.Stack) -> None:
        """A version of another stack adds a warning about its export."""
        register(stack, kept_version(cdk.Stack(app, "Elsewhere")))

        # The CDK adds a warning about the reference.
        [warning] = [text for text in warnings(stack) if "connector_function" in text]
        assert warning.startswith(
            "connector_function is a version from another stack, which exports its ARN under a name"
            " that changes with the function's code. CloudFormation does not remove an export that"
            " is in use, so the deployment of the next version fails unless the CDK's cross-stack"
            " references are weak. Pass an Alias"
        )

    def test_of_the_parent_stack_gets_no_warning(self, stack: cdk.Stack) -> None:
        """A version of the parent stack adds no warning in a nested stack."""
        register(cdk.NestedStack(stack, "Nested"), kept_version(stack))

        assert warnings(stack) == []

    def test_export_name_changes_with_the_code(self, tmp_path: Path) -> None:
        """The export of a version of another stack has a new name for new code."""

        def exports(code: str) -> set[str]:
            app = cdk.App(outdir=str(tmp_path / code))
            here, elsewhere = (cdk.Stack(app, name) for name in ("Here", "Elsewhere"))
            register(here, make_function(elsewhere, "Connector", code).current_version)
            app.synth()
            return set(Template.from_stack(elsewhere).find_outputs("*"))

        assert exports("one").isdisjoint(exports("two"))

    def test_behind_an_alias_gets_no_warning(
        self, stack: cdk.Stack, function: lambda_.Function
    ) -> None:
        """A version behind an alias adds no warning."""
        version = function.current_version
        register(stack, lambda_.Alias(stack, "Live", alias_name="live", version=version))

        assert warnings(stack) == []


def kept_version(
    stack: cdk.Stack, removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN
) -> lambda_.IVersion:
    """The current version of a function, which has this removal policy."""
    function = lambda_.Function(
        stack,
        "Connector",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("version = 1"),
        current_version_options=lambda_.VersionOptions(removal_policy=removal_policy),
    )
    return function.current_version


def warnings(stack: cdk.Stack) -> list[str]:
    """The texts of a stack's warnings."""
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return [str(message.entry.data) for message in found]
