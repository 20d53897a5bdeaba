// The AWS SDK. The key is an access key's id; without one it looks for credentials as it always does.
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

const given = (key) => ({ accessKeyId: key, secretAccessKey: 'a-placeholder' });

export default async function call(url, key) {
  const endpoint = url.startsWith('http:') ? { endpoint: url } : {};
  const client = new STSClient({ region: 'eu-central-1', maxAttempts: 1, ...endpoint, ...(key ? { credentials: given(key) } : {}) });
  return (await client.send(new GetCallerIdentityCommand({}))).Arn;
}
