"""The sample app's connector, and the walk through ``cdk deploy`` that ``make demo`` shows."""
