import * as path from 'node:path';
import { CustomResource, Duration, Fn, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

/**
 * A connector's function, and its registration by a provider in another stack.
 *
 * The provider's stack is deployed first, and its handler may serve certain labels and functions
 * only. Therefore the function has a name.
 */
export class CrmConnectorStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const connector = new lambda.Function(this, 'Connector', {
      functionName: 'acme-crm',
      runtime: lambda.Runtime.PYTHON_3_13,
      handler: 'crm.handler',
      code: lambda.Code.fromAsset(path.join(__dirname, '..', 'connector')),
      timeout: Duration.seconds(30),
      // Without it, CloudFormation deletes the previous version after the update to the next one,
      // while flows may still run on it.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });

    // Copy these lines. New code makes a new version, and its ARN refreshes the registration.
    const lambdaArn = connector.currentVersion.functionArn;
    const permission = new lambda.CfnPermission(this, 'AppFlowPermission', {
      action: 'lambda:InvokeFunction',
      functionName: lambdaArn,
      principal: 'appflow.amazonaws.com',
      sourceAccount: this.account,
      sourceArn: this.formatArn({ service: 'appflow', resource: '*' }),
    });
    // A version that is retained keeps its permission.
    permission.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const registration = new CustomResource(this, 'Registration', {
      resourceType: 'Custom::AppFlowConnectorRegistration',
      serviceToken: Fn.importValue('appflow-connector-registration-ServiceToken'),
      serviceTimeout: Duration.minutes(10),
      properties: { ConnectorLabel: 'acme-crm', LambdaArn: lambdaArn },
    });
    registration.node.addDependency(permission);
  }
}
