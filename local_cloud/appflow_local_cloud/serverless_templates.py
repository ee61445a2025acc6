"""SAM templates with the parameters of their stack, and errors in CloudFormation's words.

MiniStack transforms a template with aws-sam-translator as if no parameter had a value, so that an
alias which a parameter names would get the parameter's default.

Source of the words of errors: the samples of errors in "AWS::Serverless transform" in the
CloudFormation Template Reference.

MiniStack reads its settings when it is imported: import this module after they are set.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers


class ServerlessTemplates:
    """Replaces how MiniStack transforms SAM templates."""

    def __init__(self) -> None:
        self._apply = engine._apply_transforms
        self._parameters: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
            "parameters"
        )

    def install(self) -> None:
        """Replace the functions of MiniStack."""
        for module in (handlers, changesets):
            module._apply_transforms = self.apply

    def apply(
        self,
        template: dict[str, Any],
        provided: list[dict[str, Any]] | None = None,
        previous: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Apply the transforms of a template.

        Args:
            template: the template.
            provided: the parameters in the request. Default: none.
            previous: the stack's parameters before the request. Default: none.

        Returns:
            The transformed template, or MiniStack's record of an error.
        """
        if engine._SAM_TRANSFORM not in engine.declared_transforms(template):
            return self._apply(template, provided, previous)  # type: ignore[no-any-return]
        # Only now, since the import takes half a second.
        try:
            from samtranslator.model.exceptions import InvalidDocumentException
        except ImportError as error:
            return engine._TransformFailed(  # type: ignore[no-any-return]
                template,
                f"Transform {engine._SAM_TRANSFORM} needs the package aws-sam-translator where the"
                f" local cloud runs, and it cannot be imported: {error}. Install it with: pip"
                ' install "cdk-appflow-connector[local-cloud]"',
            )
        self._pass_parameters()
        token = self._parameters.set(engine._transform_parameters(template, provided, previous))
        try:
            return self._apply(template, provided, previous)  # type: ignore[no-any-return]
        except InvalidDocumentException as error:
            causes = [error.message, *(cause.message for cause in error.causes)]
            reason = f"Transform {engine._SAM_TRANSFORM} failed with: {' '.join(causes)}"
            return engine._TransformFailed(template, reason)  # type: ignore[no-any-return]
        finally:
            self._parameters.reset(token)

    @functools.cache  # noqa: B019 - there is one object, for the life of the program
    def _pass_parameters(self) -> None:
        """Let the translator have the parameters of the request that is served."""
        from samtranslator.translator import transform

        original = transform.transform
        transform.transform = lambda template, _parameters, policies: original(
            template, dict(self._parameters.get()), policies
        )
