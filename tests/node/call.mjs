// One call, or several, by one of the clients beside this file: an agent's code, in a process of its own.
// `node call.mjs CLIENT URL KEY...` asks the API at URL with each KEY, and prints what each call came back with, a line each.

const [client, url, ...keys] = process.argv.slice(2);
const { default: call } = await import(`./clients/${client}.mjs`);
for (const key of keys) console.log(await call(url, key));
