// undici's own request, which has a dispatcher of its own.
import { request } from 'undici';

export default async function call(url, key) {
  const answer = await request(`${url}/who`, { headers: { authorization: `Bearer ${key}` } });
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${await answer.body.text()}`);
  return (await answer.body.json()).name;
}
