// Node's own fetch.
export default async function call(url, key) {
  const answer = await fetch(`${url}/who`, { headers: { authorization: `Bearer ${key}` } });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()).name;
}
