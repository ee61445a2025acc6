"""The connector of ``examples/connector`` once more, with the classes of Amazon's SDK."""

# The SDK has no types, so that a connector made of its classes has none either.
# mypy: ignore-errors

import json

import boto3
from custom_connector_sdk.connector import auth, configuration, context, fields, settings
from custom_connector_sdk.lambda_handler import handlers, responses
from custom_connector_sdk.lambda_handler.lambda_handler import BaseLambdaConnectorHandler

ACCOUNTS = [
    {"id": "1", "name": "Anvil Works", "employees": 12},
    {"id": "2", "name": "Bolt & Sons", "employees": 140},
    {"id": "3", "name": "Cogs United", "employees": 7},
    {"id": "4", "name": "Dynamo Ltd", "employees": 56},
    {"id": "5", "name": "Engine House", "employees": 31},
]
ENTITY = context.Entity("account", False, True, "Account")
TYPES = {
    "id": fields.FieldDataType.String,
    "name": fields.FieldDataType.String,
    "employees": fields.FieldDataType.Integer,
}
CACHE = settings.CacheControl(1, settings.TimeUnit.HOURS)


def token(credentials):
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=credentials.secret_arn)
    return json.loads(secret["SecretString"])[auth.ACCESS_TOKEN]


class Configuration(handlers.ConfigurationHandler):
    def validate_connector_runtime_settings(self, request):
        assert request.scope is settings.ConnectorRuntimeSettingScope.CONNECTOR_PROFILE
        return responses.ValidateConnectorRuntimeSettingsResponse(is_success=True)

    def validate_credentials(self, request):
        assert request.credentials.authentication_type is auth.AuthenticationType.OAuth2
        return responses.ValidateCredentialsResponse(token(request.credentials) == "secret-token")

    def describe_connector_configuration(self, request):
        defaults = auth.OAuth2Defaults(
            ["https://crm.acme.example/token"],
            ["https://crm.acme.example/authorize"],
            [auth.OAuth2GrantType.AUTHORIZATION_CODE],
        )
        return responses.DescribeConnectorConfigurationResponse(
            "Acme",
            "Acme CRM",
            "1.0",
            list(configuration.ConnectorModes),
            ["v1"],
            True,
            authentication_config=auth.AuthenticationConfig(
                is_oauth_2_supported=True, o_auth_2_defaults=defaults
            ),
        )


class Metadata(handlers.MetadataHandler):
    def list_entities(self, request):
        return responses.ListEntitiesResponse(True, entities=[ENTITY], cache_control=CACHE)

    def describe_entity(self, request):
        definitions = [
            fields.FieldDefinition(
                name,
                data_type,
                label=name.capitalize(),
                is_primary_key=name == "id",
                read_properties=fields.ReadOperationProperty(
                    is_retrievable=True, is_queryable=True
                ),
                write_properties=fields.WriteOperationProperty(
                    is_creatable=True, is_updatable=True, is_upsertable=True
                ),
                filter_operators=[configuration.ConnectorOperator.EQUAL_TO],
            )
            for name, data_type in TYPES.items()
        ]
        definition = context.EntityDefinition(ENTITY, definitions)
        return responses.DescribeEntityResponse(
            True, entity_definition=definition, cache_control=CACHE
        )


class Records(handlers.RecordHandler):
    def retrieve_data(self, request):
        raise NotImplementedError

    def query_data(self, request):
        assert token(request.connector_context.credentials) == "secret-token"
        found = request.connector_context.entity_definition.fields
        assert [field.data_type for field in found] == list(TYPES.values())
        first = int(request.next_token or 0)
        records = [
            json.dumps({name: account[name] for name in request.selected_field_names})
            for account in ACCOUNTS[first : first + 2]
        ]
        following = str(first + 2) if first + 2 < len(ACCOUNTS) else None
        return responses.QueryDataResponse(True, next_token=following, records=records)

    def write_data(self, request):
        assert request.operation is fields.WriteOperationType.UPSERT
        assert request.id_field_names == ["id"]
        results = [
            responses.WriteRecordResult(True, json.loads(record)["id"])
            for record in request.records
        ]
        return responses.WriteDataResponse(True, write_record_results=results)


handler = BaseLambdaConnectorHandler(Metadata(), Records(), Configuration()).lambda_handler
