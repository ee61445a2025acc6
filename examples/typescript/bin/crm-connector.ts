import { App } from 'aws-cdk-lib';
import { CrmConnectorStack } from '../lib/crm-connector-stack';

const app = new App();
new CrmConnectorStack(app, 'CrmConnector');
